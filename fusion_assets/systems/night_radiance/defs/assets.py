"""The assets of night radiance, from imagery and lights to the fine map."""

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Export, digest
from fusion_assets.imagery.recipe import RECIPE_VERSION, product_facts
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.composites import write_composite
from fusion_assets.orchestration.engine_assets import export_asset, pixel_asset, realise_series
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import EVERY_REGION, key_of, region_and_year, regions_by_years
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, RasterFile, Table
from fusion_assets.storage.simulation import MARK, are_simulated, is_marked, is_synthetic
from fusion_assets.study.provenance import export_tags, study_tags
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import section, versions
from fusion_assets.systems.night_radiance.defs.checks import map_check_results, map_check_specs
from fusion_assets.systems.night_radiance.defs.upload import radiance_upload
from fusion_assets.systems.night_radiance.palettes import PALETTES

if TYPE_CHECKING:
    import numpy as np

    from fusion_assets.systems.night_radiance.examples import Place

LAST = {EVERY_REGION: "true"}


def night_radiance_assets(site: Site) -> list[dg.AssetsDefinition]:
    """All assets of this system."""
    return [
        *_optics(site),
        _radiance_cells(site),
        _radiance_evaluation(site),
        _radiance_model(site),
        _radiance_map(site),
        *radiance_upload(site, years_of(site)),
    ]


def years_of(site: Site) -> dg.MultiPartitionsDefinition:
    """Partitions of what every region has."""
    return regions_by_years([region.name for region in site.study.regions], section.years_of(site.study))


def lead_of(site: Site) -> str:
    """Region that what is learnt from all places stands under: the first of them."""
    return section.places_of(site.study)[0]


def _learnt_years(site: Site) -> dg.MultiPartitionsDefinition:
    return regions_by_years([lead_of(site)], section.years_of(site.study))


def _same_year(regions: Collection[str]) -> dg.PartitionMapping:
    """From what one region has of a year to what these regions have of it."""
    return dg.MultiPartitionMapping(
        {
            "region": dg.DimensionPartitionMapping("region", dg.SpecificPartitionsPartitionMapping(sorted(regions))),
            "year": dg.DimensionPartitionMapping("year", dg.IdentityPartitionMapping()),
        }
    )


def _optics(site: Site) -> list[dg.AssetsDefinition]:
    study, settings, use = site.study, site.settings, section.use_of(site.study).optics

    def request(region: str, year: int) -> Any:
        return requests.optics_request(study, settings, region, year)

    code = digest([study.digest("night_radiance"), product_facts(use.recipe), RECIPE_VERSION, requests.VERSION])

    def write(pixels: Raster, export: Export, left_out: list[str]) -> RasterFile:
        region, year = export.request.region, export.request.year
        facts = site.facts(requests.OPTICS, region, str(year))
        raster = write_composite(pixels, export, export_tags(study, export, left_out) | facts | {"code_version": code})
        _check_clear(raster, export)
        return raster

    common: dict[str, Any] = {
        "request": request,
        "partitions": years_of(site),
        "code": code,
        "tags": {"product": use.product},
    }
    return [
        export_asset(
            site,
            requests.OPTICS_EXPORT,
            description="Ticket for one year of **day imagery** over a region: which scenes the engine found.",
            **common,
        ),
        pixel_asset(
            site,
            requests.OPTICS,
            requests.OPTICS_EXPORT,
            write=write,
            description="**Day imagery** of one year, cloud-free: median over time of clear observations on the fine "
            "grid, with `observation_count`. Reflectance, and kelvin of the surface where the product has it.",
            **common,
        ),
    ]


def _check_clear(raster: RasterFile, export: Export) -> None:
    """Refuse day imagery that a map would have to make up: a band that is known nowhere."""
    unknown = [band for band in export.request.recipe.bands if not raster.stats[band]["valid_share"]]
    if unknown:
        raster.discard()
        raise FusionError(
            f"no pixel of {export.request.region} {export.request.year} was clear in {', '.join(unknown)} "
            f"({number_of(len(export.scenes), 'scene')})",
            "a clear observation in most of the region",
            f"look at the scenes of {requests.OPTICS_EXPORT} and the masks of the product, or choose another year",
        )


def _radiance_cells(site: Site) -> dg.AssetsDefinition:
    study, settings = site.study, site.settings

    @site.asset(
        "rasters",
        years_of(site),
        [versions.CELLS, study.digest("night_radiance"), requests.VERSION],
        pool="imagery",
    )
    def radiance_cells(
        context: dg.AssetExecutionContext, engine: EngineResource, region: str, year: int
    ) -> dg.Output[RasterFile]:
        """**Night lights on the product's own cells** of 15 arc seconds: the mean of a year, weighted by observations.

        Negative radiance is kept: the product's correction for airglow goes below zero where nothing shines. Unit:
        nW/cm2/sr; `cf_cvg` counts cloud-free observations, `deviation` is the scatter of the year's composites.
        """
        from fusion_assets.storage.raster_writing import write_raster
        from fusion_assets.systems.night_radiance.cells import background, yearly

        client = engine.client()
        engine.connect_dask()
        request = requests.cells_request(study, settings, region, year)
        units = {requests.LIGHTS: "nW/cm2/sr", requests.COVERAGE: "count", "deviation": "nW/cm2/sr"}

        def make(left_out: Collection[str]) -> tuple[RasterFile, tuple[float, float], int]:
            series = client.series(request, without=left_out).compute()
            bands = yearly(series, requests.LIGHTS, requests.COVERAGE)
            _check_radiance(bands[requests.LIGHTS], region, year)
            scenes = list(map(str, series["scenes"].values)) if "scenes" in series.coords else []
            tags = study_tags(study, region=region, year=year, scene_count=series.sizes["time"])
            tags |= site.facts(requests.CELLS, region, str(year)) | (MARK if are_simulated(scenes) else {})
            level = background(bands[requests.LIGHTS])
            raster = request.grid.dataset(bands)
            return write_raster(raster, nodata=float("nan"), tags=tags, units=units), level, series.sizes["time"]

        (raster, (level, noise), count), sources = realise_series(
            client, request, make, study.max_unreadable_share, context.log.warning
        )
        metadata = {"composites": count, "background": level, "noise": noise}
        return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata={**readable(metadata), **sources})

    return radiance_cells


def _check_radiance(radiance: "np.ndarray", region: str, year: int) -> None:
    """Refuse cells that are in another unit, or hold nothing."""
    import numpy as np

    known = radiance[np.isfinite(radiance)]
    if not known.size:
        raise FusionError(
            f"no cell of {region} {year} was observed", "lights in most cells", "lower min_coverage, or see the catalog"
        )
    # W/m2/sr is a hundred thousandth of it; the product ranges from -1.5 to some hundred thousand.
    if known.min() < -10 or known.max() > 1e6 or 0 < known.max() < 1e-2:
        raise FusionError(
            f"lights of {region} {year} range from {known.min():g} to {known.max():g}",
            "radiance in nW/cm2/sr, from -1.5 on, with something above 0.01",
            "convert the files to nW/cm2/sr, or correct the scale in their catalog",
        )


def _inputs(regions: Collection[str]) -> dict[str, dg.AssetIn]:
    """Lights and day imagery of these regions, by partition key."""
    mapping = _same_year(regions)
    return {name: dg.AssetIn(partition_mapping=mapping) for name in (requests.CELLS, requests.OPTICS)}


def _places(
    site: Site, regions: Collection[str], cells: Mapping[str, Raster], optics: Mapping[str, Raster]
) -> "list[Place]":
    from fusion_assets.systems.night_radiance.guides import guides_of
    from fusion_assets.systems.night_radiance.mapping import place_of

    bands = _bands(site)
    found = []
    for key, lights in cells.items():
        region = region_and_year(key)[0]
        if region not in regions:
            continue
        guides = guides_of(optics[key].compute(), bands)
        fine, lattice = section.grid_of(site.study, region), requests.cells_around(section.grid_of(site.study, region))
        found.append(place_of(region, lattice, lights[requests.LIGHTS].values, guides, fine))
    return sorted(found, key=lambda place: list(regions).index(place.name))


def _bands(site: Site) -> tuple[str, ...]:
    use = section.use_of(site.study).optics
    return tuple(use.bands or use.recipe.band_names)


def _radiance_evaluation(site: Site) -> dg.AssetsDefinition:
    study = site.study

    @site.asset(
        "tables",
        _learnt_years(site),
        [versions.EVALUATION, study.digest("night_radiance")],
        ins=_inputs([region.name for region in study.regions]),
        tags=LAST,
        automation_condition=automatic(),
    )
    def radiance_evaluation(
        context: dg.AssetExecutionContext,
        year: int,
        radiance_cells: dict[str, Raster],
        landsat_composite: dict[str, Raster],
    ) -> dg.Output[tuple[Table, dict]]:
        """How well **every method finds the product's own cells again** from cells four times as coarse.

        Each region is predicted by methods that have learnt from the others; those reserved are looked at once, at the
        end. Most of what is gained over interpolation is gained by deblurring, without any day imagery: that row stands
        beside the others. Figures speak of 463 m; of finer pixels they tell only as far as scales are alike. Stands
        under the first region that is learnt from.
        """
        import pandas as pd

        from fusion_assets.systems.night_radiance import evaluation

        use, say = section.use_of(study), context.log.info
        places = _places(site, section.places_of(study), radiance_cells, landsat_composite)
        document, table = evaluation.compared(places, use.method, use.rounds, say)
        reserved = _places(site, use.reserved, radiance_cells, landsat_composite)
        kept_back = evaluation.reserved_table(places, reserved, document["rounds"])
        document["reserved"] = evaluation.figures(kept_back)
        tables = [table.assign(level="wald"), kept_back.assign(level="reserved")]
        known = _against_truth(site, year, places, document, radiance_cells, landsat_composite)
        if known is not None:
            tables.append(known.assign(level="truth"))
            document["truth"] = {name: evaluation.figures(part) for name, part in known.groupby("sensor", sort=False)}
        shown = {f"rmse_{name}": entry["rmse"]["value"] for name, entry in document["wald"]["methods"].items()}
        return dg.Output(
            (pd.concat(tables, ignore_index=True), document),
            data_version=dg.DataVersion(digest(document)),
            metadata=readable({name: document[name] for name in ("method", "why", "rounds")} | shown),
        )

    return radiance_evaluation


def _against_truth(
    site: Site,
    year: int,
    places: "list[Place]",
    document: Mapping[str, Any],
    cells: Mapping[str, Raster],
    optics: Mapping[str, Raster],
) -> Table | None:
    """Maps of the reserved regions against a synthetic archive's truth; None where there is none."""
    import pandas as pd

    from fusion_assets.demo.squares.place import STEP
    from fusion_assets.demo.truth import true_radiance
    from fusion_assets.systems.night_radiance import evaluation, mapping
    from fusion_assets.systems.night_radiance.guides import guides_of

    study, settings = site.study, site.settings
    use = section.use_of(study)
    if settings.engine != "archive" or use.lights.archive or not is_synthetic(settings.archive):
        return None
    answers = {name: evaluation.fitted(places, name, document["rounds"]) for name in document["compared"]}
    tables = []
    for region in use.reserved:
        fine = section.grid_of(study, region)
        try:
            # It is read by nearest neighbour: on pixels no larger than its own, which are then averaged.
            parts = math.ceil(fine.resolution / STEP - 1e-6)
            finest = true_radiance(settings.archive, year, fine.refine(parts), study.polygon(region))
            truth = finest.reshape(fine.height, parts, fine.width, parts).mean(axis=(1, 3))
        except FusionError:
            return None
        key = key_of(region, year)
        lights = cells[key][requests.LIGHTS].values
        guides = guides_of(optics[key].compute(), _bands(site))
        task = mapping.task_of(fine, requests.cells_around(fine), lights, guides, use.footprint, document["rounds"])
        maps = {name: answer(task) for name, answer in answers.items()}
        tables.append(evaluation.truth_table(task, truth, maps, region))
    return pd.concat(tables, ignore_index=True)


def _radiance_model(site: Site) -> dg.AssetsDefinition:
    study = site.study

    @site.asset(
        "documents",
        _learnt_years(site),
        [versions.MODEL, versions.EVALUATION, study.digest("night_radiance")],
        ins=_inputs(section.places_of(study)),
        tags=LAST,
        automation_condition=automatic(),
    )
    def radiance_model(
        radiance_cells: dict[str, Raster], landsat_composite: dict[str, Raster], radiance_evaluation: tuple[Table, dict]
    ) -> dg.Output[dict]:
        """The **method that won on held-out places**, fitted on all of them but the reserved ones."""
        from fusion_assets.storage.documents import packed
        from fusion_assets.systems.night_radiance.examples import examples_of
        from fusion_assets.systems.night_radiance.methods import trees

        places = _places(site, section.places_of(study), radiance_cells, landsat_composite)
        chosen = radiance_evaluation[1]
        document: dict[str, Any] = {
            "method": chosen["method"],
            "why": chosen["why"],
            "rounds": chosen["rounds"],
            "spread": chosen["spread"][chosen["method"]],
            "growth": chosen["growth"],
            "places": [place.name for place in places],
            "unit": "nW/cm2/sr",
        }
        if chosen["method"] == "trees":
            examples = [each for place in places for each in examples_of(place, rounds=chosen["rounds"])]
            document["trees"] = packed(trees.fit(examples).to_dict())
        metadata = {"method": chosen["method"], "why": chosen["why"], "rounds": chosen["rounds"]}
        return dg.Output(document, data_version=dg.DataVersion(digest(document)), metadata=readable(metadata))

    return radiance_model


def _radiance_map(site: Site) -> dg.AssetsDefinition:
    study = site.study
    to_lead = _same_year([lead_of(site)])

    @site.asset(
        "rasters",
        years_of(site),
        [versions.MAP, versions.MODEL, study.digest("night_radiance")],
        ins={requests.MODEL: dg.AssetIn(partition_mapping=to_lead)},
        tags=LAST,
        automation_condition=automatic(),
        check_specs=map_check_specs(years_of(site)),
    )
    def radiance_map(
        region: str, year: int, radiance_cells: Raster, landsat_composite: Raster, radiance_model: dict
    ) -> Any:
        """**Night radiance on fine pixels**, nW/cm2/sr: as much light as the product has, placed by day imagery.

        `low` and `high` are the ends of its 90 % interval; `imagery_effect` is the logarithm of what day imagery
        multiplied the deblurred lights by. Between the product's cells and these pixels nothing was measured.
        """
        from fusion_assets.storage.documents import unpacked
        from fusion_assets.storage.json_objects import as_written
        from fusion_assets.storage.raster_writing import write_raster
        from fusion_assets.systems.night_radiance import mapping
        from fusion_assets.systems.night_radiance.guides import guides_of

        use, fine = section.use_of(study), section.grid_of(study, region)
        with as_written(f"{requests.MODEL} of {year}", f"make it anew: fusion run --select {requests.MODEL}"):
            model = dict(radiance_model)
            if "trees" in model:
                model["trees"] = unpacked(model["trees"])
        guides = guides_of(landsat_composite.compute(), _bands(site))
        lights = radiance_cells[requests.LIGHTS].values
        task = mapping.task_of(fine, requests.cells_around(fine), lights, guides, use.footprint, model["rounds"])
        bands = mapping.fine_map(task, model)
        kept = mapping.conservation(task, bands["radiance"].astype(float))
        tags = study_tags(study, region=region, year=year, method=model["method"], rounds=model["rounds"])
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
            **{f"difference_{k}": v for k, v in kept.items()},
        }
        yield dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=readable(metadata))
        yield from map_check_results(kept, bands)

    return radiance_map
