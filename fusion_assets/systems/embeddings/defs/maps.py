"""Maps of embeddings: their imagery, and the maps."""

from typing import Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.imagery.recipe import RECIPE_VERSION, product_facts
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.composites import map_imagery
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import regions_by_years
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, RasterFile, TrainedModel
from fusion_assets.storage.simulation import MARK, is_marked
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.embeddings import imagery_requests as requests
from fusion_assets.systems.embeddings import versions
from fusion_assets.systems.embeddings.section import map_grid, map_years, use_of


def map_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Imagery and maps of the regions that the study maps."""
    use = use_of(site.study)
    optics = (
        "**Sentinel-2 of the period**, all bands that the encoder reads at 10 m: median of clear observations, with "
        "`observation_count`. It reaches half a patch beyond the map."
    )
    radar = (
        "**Sentinel-1 backscatter of the period**, VV and VH at 10 m: median of all passes, with `observation_count`. "
        "Speckle is less than in single scenes, which the encoder has learnt from."
    )
    return [
        *_imagery(site, (requests.OPTICS_EXPORT, requests.OPTICS), use.sentinel2, requests.optics_request, optics),
        *_imagery(site, (requests.RADAR_EXPORT, requests.RADAR), use.sentinel1, requests.radar_request, radar),
        _embedding_map(site),
    ]


def years_of(site: Site) -> dg.MultiPartitionsDefinition:
    """Region x year of maps: the mapped regions, and the years of their imagery."""
    return regions_by_years(use_of(site.study).maps, map_years(site.study))


def _imagery(site: Site, names: tuple[str, str], use: Any, asked: Any, text: str) -> list[dg.AssetsDefinition]:
    """Ticket and composite of one sensor."""
    study, section = site.study, use_of(site.study)
    shape = [section.patch_size, section.stride, section.bands, [day.isoformat() for day in section.period]]
    facts = [use.model_dump(mode="json"), shape, product_facts(use.recipe), RECIPE_VERSION, versions.IMAGERY]
    code = digest([study.digest("min_valid_share"), *facts])
    ticket = f"Ticket for {use.recipe.title} of the period for a map of embeddings: which scenes the engine found."
    return map_imagery(site, names, use, asked, years_of(site), code, (ticket, text))


def _embedding_map(site: Site) -> dg.AssetsDefinition:
    study, use = site.study, use_of(site.study)

    @site.asset(
        "rasters",
        years_of(site),
        [versions.MAP, use.patch_size, use.stride],
        automation_condition=automatic(),
    )
    def embedding_map(
        context: dg.AssetExecutionContext,
        region: str,
        year: int,
        encoder: TrainedModel,
        embedding_sentinel2: Raster,
        embedding_sentinel1: Raster,
    ) -> dg.Output[RasterFile]:
        """**Embeddings of a region**: in every cell that of the patch around its middle, by radar and optics.

        A band a number, times 127, -128 where fewer than nine in ten pixels of a patch are known. The picture shows
        the first three principal components of this map.
        """
        from fusion_assets.storage.raster_writing import write_raster
        from fusion_assets.systems.embeddings import maps
        from fusion_assets.systems.embeddings.encoder.stored import encoder_of

        grid, outline = map_grid(study, region), study.polygon(region)
        bands = maps.embedding_map(
            embedding_sentinel2,
            embedding_sentinel1,
            grid,
            grid.inside(outline),
            encoder_of(encoder),
            use.patch_size,
            linear=use.sentinel1.recipe.unit != "dB",
        )
        sources = (embedding_sentinel2.attrs, embedding_sentinel1.attrs)
        scenes = sum(int(each.get("scene_count", 0)) for each in sources)
        tags = study_tags(study, region=region, year=year, scene_count=scenes, model=encoder.digest)
        tags |= {
            name: " ".join(sorted({str(each.get(name, "")) for each in sources})) for name in ("product", "engine")
        }
        simulated = encoder.card.get("synthetic") or any(map(is_marked, sources))
        tags |= site.facts(requests.MAP, region, str(year)) | (MARK if simulated else {})
        raster = write_raster(
            grid.dataset(bands), nodata=maps.NO_DATA, dtype="int8", tags=tags, units=dict.fromkeys(bands, "1"),
            region=outline,
        )  # fmt: skip
        mapped = min(each["valid_share"] for each in raster.stats.values())
        if not mapped:
            raster.discard()
            raise FusionError(
                f"no cell of {region} has imagery that is known in all bands of both sensors",
                f"{maps.LEAST_KNOWN:.0%} of the pixels of the {use.edge_m} m around a cell",
                f"look at the scenes of {requests.OPTICS} and {requests.RADAR}, or choose a longer period",
            )
        raster.preview = maps.components(raster.preview)
        return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=readable({"mapped": mapped}))

    return embedding_map
