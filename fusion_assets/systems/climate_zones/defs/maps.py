"""Maps of zones: their imagery, the maps, areas, and files for other software."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.imagery.recipe import RECIPE_VERSION, product_facts
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.composites import map_imagery
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import by_year, regions_by_years
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, RasterFile, Table, TrainedModel
from fusion_assets.storage.simulation import MARK, is_marked
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.climate_zones import imagery_requests as requests
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.defs.model import last
from fusion_assets.systems.climate_zones.section import map_grid, map_use_of, map_years, reads_radar, use_of


def map_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Imagery, maps, areas and exports, where the study maps zones."""
    radar = _radar(site) if reads_radar(site.study) else []
    return [*_optics(site), *radar, _lcz_map(site), _lcz_areas(site), _lcz_export(site)]


def years_of(site: Site) -> dg.MultiPartitionsDefinition:
    """Region x year of maps."""
    return regions_by_years([region.name for region in site.study.regions], map_years(site.study))


def _optics(site: Site) -> list[dg.AssetsDefinition]:
    return _imagery(
        site,
        (requests.OPTICS_EXPORT, requests.OPTICS),
        use_of(site.study).sentinel2,
        requests.optics_request,
        "**Sentinel-2 at the top of the atmosphere** (level 1C), ten bands at 10 m: median of clear observations, with "
        "`observation_count`. As networks have learnt from it; it reaches half a patch beyond the map.",
    )


def _radar(site: Site) -> list[dg.AssetsDefinition]:
    return _imagery(
        site,
        (requests.RADAR_EXPORT, requests.RADAR),
        use_of(site.study).sentinel1,
        requests.radar_request,
        "**Sentinel-1 backscatter**, VH and VV at 10 m: median of a season's passes, with `observation_count`. Unit: "
        "dB of sigma nought. Speckle is less than in one filtered scene, which networks have learnt from.",
    )


def _imagery(site: Site, names: tuple[str, str], use: Any, asked: Any, text: str) -> list[dg.AssetsDefinition]:
    """Ticket and composite of one sensor."""
    study = site.study
    sections = ("season", "min_valid_share")
    grids = [use.model_dump(mode="json"), map_use_of(study).resolution]
    code = digest([study.digest(*sections), grids, product_facts(use.recipe), RECIPE_VERSION, requests.VERSION])
    ticket = f"Ticket for one year of {use.recipe.title} for a map of zones: which scenes the engine found."
    return map_imagery(site, names, use, asked, years_of(site), code, (ticket, text))


def _lcz_map(site: Site) -> dg.AssetsDefinition:
    study = site.study

    @site.asset(
        "rasters",
        years_of(site),
        [versions.MAP, study.digest("climate_zones"), map_use_of(study).resolution],
        ins={name: dg.AssetIn() for name in requests.asked_for(study)},
        tags=last(site),
        automation_condition=automatic(),
    )
    def lcz_map(
        context: dg.AssetExecutionContext,
        region: str,
        year: int,
        lcz_model: TrainedModel,
        **imagery: Raster,
    ) -> dg.Output[RasterFile]:
        """**Local climate zones**, 1 to 17, each that of the 320 m around the middle of a cell.

        `probability` is the calibrated one of that zone, `set_size` how many zones a set has that holds the true one
        in nine of ten cells of a city not seen, and `entropy` 0 where one zone is sure, 1 where any may be. Cells
        whose surroundings are not known in all channels are no data. With published weights nothing is calibrated:
        probabilities are as the network gives them, there are no sets, and the tag `calibration` says so.
        """
        from fusion_assets.storage.raster_writing import write_raster
        from fusion_assets.systems.climate_zones import mapping, training
        from fusion_assets.systems.climate_zones.legend import PALETTES
        from fusion_assets.systems.climate_zones.map_model import calibration_of

        card, grid, outline = lcz_model.card, map_grid(study, region), study.polygon(region)
        published = use_of(study).weights_file is not None
        inside = grid.inside(outline)
        bands = mapping.zone_map(
            imagery[requests.OPTICS],
            imagery.get(requests.RADAR),
            grid,
            inside,
            training.asking(lcz_model.keras_model),
            card["features"],
            card["decibels"],
            None if published else calibration_of(card),
        )
        sources = [each.attrs for each in imagery.values()]
        scenes = sum(int(each.get("scene_count", 0)) for each in sources)
        said = {"calibration": card["calibration"]} if published else {"coverage": card["coverage"]}
        tags = study_tags(study, region=region, year=year, scene_count=scenes, **said)
        tags |= {
            name: " ".join(sorted({str(each.get(name, "")) for each in sources})) for name in ("product", "engine")
        }
        simulated = card["synthetic"] or any(map(is_marked, sources))
        tags |= site.facts(requests.MAP, region, str(year)) | (MARK if simulated else {})
        raster = write_raster(
            grid.dataset(bands),
            nodata=float("nan"),
            tags=tags,
            units={"probability": "1", "set_size": "count", "entropy": "1"},
            region=outline,
            palettes=PALETTES,
        )
        shown = mapping.about(bands, inside)
        return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=readable(shown))

    return lcz_map


def _lcz_areas(site: Site) -> dg.AssetsDefinition:
    study, sample = site.study, use_of(site.study).sample
    content = sha256(sample.read_bytes()).hexdigest() if sample is not None and sample.is_file() else None

    @site.asset(
        "tables",
        site.partitions.region,
        [versions.AREAS, content],
        ins={requests.MAP: dg.AssetIn(partition_mapping=site.partitions.to_region)},
        tags=last(site),
        automation_condition=automatic(),
    )
    def lcz_areas(region: str, lcz_map: Mapping[str, Raster]) -> dg.Output[Table]:
        """**Area of every zone and year**, km2 on the ellipsoid, on the cells that are mapped in every year.

        Counted on the map, and so biased wherever zones are confused more often one way than the other. Where people
        have told the zones of a probability sample, error-adjusted areas with 95 % intervals stand beside it.
        """
        from fusion_assets.systems.climate_zones.area_table import area_table, read_sample

        grid = map_grid(study, region)
        maps = {year: raster["lcz"].values for year, raster in by_year(lcz_map).items()}
        points = None
        if sample is not None:
            points = read_sample(sample)
            points = points[points["region"] == region]
        table = area_table(maps, grid, grid.inside(study.polygon(region)), points)
        shown = {name: table.attrs[name] for name in ("region_km2", "compared_km2")}
        version = digest([table.to_json(), shown])
        return dg.Output(table, data_version=dg.DataVersion(version), metadata=readable(shown))

    return lcz_areas


def _lcz_export(site: Site) -> dg.AssetsDefinition:
    study, use = site.study, use_of(site.study)
    domain = use.domain

    @site.asset(
        "folders",
        years_of(site),
        [versions.EXPORT, requests.content_of(domain) if isinstance(domain, Path) else domain],
        tags=last(site),
        automation_condition=automatic(),
    )
    def lcz_export(context: dg.AssetExecutionContext, region: str, year: int, lcz_map: Raster) -> dg.Output:
        """**The map for other software**: `wudapt.tif` with a style for QGIS, `map.kmz` for Google Earth, `canopy.csv`.

        And `w2w.tif` for W2W, which takes gaps for natural land: it is there only where the domain has none.
        """
        from fusion_assets.storage.folders import write_folder
        from fusion_assets.storage.root import Storage
        from fusion_assets.systems.climate_zones.exports.folder import sheet_of, write_exports

        facts = site.facts(requests.EXPORT, region, str(year)) | (MARK if is_marked(lcz_map.attrs) else {})
        sheet = sheet_of(study, region, year, lcz_map.attrs, domain)
        said: dict[str, Any] = {}

        def fill(folder: Path) -> None:
            said.update(write_exports(folder, lcz_map.compute(), sheet))

        storage = Storage(site.settings.storage)
        path = storage.path(requests.EXPORT, region, year, "json")
        placed = write_folder(storage, path, fill, facts=facts, about=said)
        if said:
            context.log.warning(said["without_w2w"])
        return dg.Output(
            placed, data_version=dg.DataVersion(placed.digest), metadata=readable({"files": len(placed.files), **said})
        )

    return lcz_export
