"""The fine map of a region and year."""

from typing import Any

import dagster as dg

from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster
from fusion_assets.storage.simulation import MARK, is_marked
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import section, versions
from fusion_assets.systems.night_radiance.defs.checks import map_check_results, map_check_specs
from fusion_assets.systems.night_radiance.defs.learning import guides_from
from fusion_assets.systems.night_radiance.defs.partitions import LAST, same_year, years_of
from fusion_assets.systems.night_radiance.palettes import PALETTES


def radiance_map_asset(site: Site) -> dg.AssetsDefinition:
    """The fine map."""
    study = site.study

    @site.asset(
        "rasters",
        years_of(site),
        [versions.MAP, versions.MODEL, study.digest("night_radiance")],
        ins={
            requests.MODEL: dg.AssetIn(partition_mapping=same_year()),
            **{name: dg.AssetIn(partition_mapping=site.partitions.same) for name in section.settlement_of(study)},
        },
        tags=LAST,
        automation_condition=automatic(),
        check_specs=map_check_specs(years_of(site)),
    )
    def radiance_map(
        region: str,
        year: int,
        radiance_cells: Raster,
        landsat_composite: Raster,
        radiance_sensor: dict,
        radiance_model: dict,
        **settlement: Raster,
    ) -> Any:
        """**Night radiance on fine pixels**, nW/cm2/sr: as much light as the product has, placed by day imagery.

        `low` and `high` are the ends of its 90 % interval; `imagery_effect` is the logarithm of what day imagery
        multiplied the deblurred lights by. Between the product's cells and these pixels nothing was measured.
        """
        from fusion_assets.storage.documents import unpacked
        from fusion_assets.storage.json_objects import as_written
        from fusion_assets.storage.raster_writing import write_raster
        from fusion_assets.systems.night_radiance import mapping
        from fusion_assets.systems.night_radiance.effective_resolution import text_of

        fine, sensor = section.grid_of(study, region), radiance_sensor
        with as_written(f"{requests.MODEL} of {year}", f"make it anew: fusion run --select {requests.MODEL}"):
            model = dict(radiance_model)
            model |= {name: unpacked(model[name]) for name in ("trees", "unet") if name in model}
        guides = guides_from(site, region, landsat_composite, settlement)
        lights = radiance_cells[requests.LIGHTS].values
        task = mapping.task_of(fine, requests.cells_around(fine), lights, guides, sensor["metres"], model["rounds"])
        bands = mapping.fine_map(task, model)
        kept = mapping.conservation(task, bands["radiance"].astype(float))
        sight = {"footprint_m": sensor["metres"], "footprint_source": sensor["source"]}
        tags = study_tags(study, region=region, year=year, method=model["method"], rounds=model["rounds"], **sight)
        tags |= site.facts(requests.MAP, region, str(year)) | (MARK if is_marked(radiance_cells.attrs) else {})
        units = {"radiance": "nW/cm2/sr", "low": "nW/cm2/sr", "high": "nW/cm2/sr", "imagery_effect": "1"}
        raster = write_raster(
            fine.dataset(bands),
            nodata=float("nan"),
            tags=tags,
            units=units,
            region=study.polygon(region),
            palettes=PALETTES,
        )
        metadata = {
            "method": model["method"],
            "rounds": model["rounds"],
            **sight,
            "pixel_m": fine.resolution,
            **{f"effective_resolution_by_{k}": text_of(v) for k, v in model["effective_resolution"].items()},
            **{f"difference_{k}": v for k, v in kept.items()},
        }
        yield dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=readable(metadata))
        yield from map_check_results(kept, bands)

    return radiance_map
