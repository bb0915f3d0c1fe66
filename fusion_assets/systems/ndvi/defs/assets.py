"""The assets of system 5, from scenes to gap-free NDVI and its report.

There are no tickets: a series is asked for date by date and answered at once, so that no operation runs elsewhere
which could be waited for, and an interrupted run asks again.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import NoScenes, digest
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.engine_assets import realise_series
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import regions_by_years
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, Table
from fusion_assets.reports.server import report_url
from fusion_assets.storage.simulation import MARK, are_simulated, is_marked
from fusion_assets.study import Study
from fusion_assets.study.provenance import rests_on_simulation
from fusion_assets.systems.ndvi import imagery_requests as requests
from fusion_assets.systems.ndvi import section
from fusion_assets.systems.ndvi.defs.checks import ndvi_check_results, ndvi_check_specs, no_worse_result

if TYPE_CHECKING:
    from fusion_assets.storage.cubes import Cube, Encodings


def ndvi_assets(site: Site) -> list[dg.AssetsDefinition]:
    """All assets of this system; backscatter where the study has radar."""
    radar = [_backscatter(site)] if requests.use_of(site.study).sentinel1 is not None else []
    return [
        _ndvi_clear(site),
        *radar,
        _ndvi_model(site),
        _ndvi_filled(site),
        _ndvi_evaluation(site),
        _ndvi_report(site),
    ]


def years_of(site: Site) -> dg.MultiPartitionsDefinition:
    """Partitions of all assets: region x year of gap-free NDVI."""
    return regions_by_years([region.name for region in site.study.regions], section.years_of(site.study))


def _code(study: Study, *versions: Any) -> list[Any]:
    """What the code version of every asset is a digest of."""
    return [requests.VERSION, study.digest("ndvi"), study.resolution, *versions]


def _inputs(study: Study, *more: str) -> dict[str, dg.AssetIn]:
    """Both series, as far as the study has them, and more."""
    radar_too = [requests.BACKSCATTER] if requests.use_of(study).sentinel1 is not None else []
    return {name: dg.AssetIn(name) for name in (requests.CLEAR, *radar_too, *more)}


def _observed(site: Site, asset: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare a series that an engine gives."""
    return site.asset(
        "cubes",
        years_of(site),
        _code(site.study),
        pool="imagery",
        check_specs=ndvi_check_specs(asset, years_of(site)),
    )


def _write(site: Site, asset: str, region: str, year: int, series: Raster, encodings: "Encodings") -> "Cube":
    """Write a series, not yet placed."""
    from fusion_assets.storage.cubes import write_cube
    from fusion_assets.storage.root import Storage
    from fusion_assets.systems.ndvi.observations import PALETTES

    storage, facts = Storage(site.settings.storage), site.facts(asset, region, str(year))
    scenes = map(str, series["scenes"].values) if "scenes" in series.coords else ()
    # Of services that do not name their archive the scenes tell, and what is made of a series tells on.
    facts |= MARK if are_simulated(scenes) or is_marked(series.attrs) else {}
    path = storage.path(asset, region, year, "json")
    return write_cube(series, storage, path, encodings=encodings, facts=facts, palettes=PALETTES)


def _ndvi_clear(site: Site) -> dg.AssetsDefinition:
    study, settings = site.study, site.settings

    @_observed(site, requests.CLEAR)
    def ndvi_clear(context: dg.AssetExecutionContext, engine: EngineResource, region: str, year: int) -> Any:
        """**NDVI of Sentinel-2 where the sky was clear**, date by date; no data under cloud and in its shadow.

        Granules of one day are one date. Some days of the neighbouring years are kept too: they help to fill the first
        and last days of this one.
        """
        from fusion_assets.systems.ndvi.observations import INDEX, NDVI, clear_ndvi

        client = engine.client()
        engine.connect_dask()
        request = requests.optics_request(study, settings, region, year)

        def make(left_out: Collection[str]) -> "Cube":
            optics = client.series(request, without=left_out)
            return _write(site, requests.CLEAR, region, year, clear_ndvi(optics), {NDVI: INDEX})

        cube, sources = realise_series(client, request, make, study.max_unreadable_share, context.log.warning)
        metadata = {
            "dates": cube.dates,
            "clear_share": cube.stats[NDVI]["valid_share"],
            "clear_classes": list(request.recipe.mask.values),
        }
        yield dg.Output(cube, data_version=dg.DataVersion(cube.digest), metadata={**readable(metadata), **sources})
        yield from ndvi_check_results(requests.CLEAR, cube.stats)

    return ndvi_clear


def _backscatter(site: Site) -> dg.AssetsDefinition:
    study, settings = site.study, site.settings
    use = requests.use_of(study)
    assert use.sentinel1 is not None
    unit = use.sentinel1.recipe.unit

    @_observed(site, requests.BACKSCATTER)
    def backscatter(context: dg.AssetExecutionContext, engine: EngineResource, region: str, year: int) -> Any:
        """**Sentinel-1 backscatter**, VV and VH in decibels, date by date and orbit by orbit, with less speckle.

        Unit: dB. A year that no scene was taken in is an empty series: gaps are then filled from the dates alone.
        """
        from fusion_assets.systems.ndvi import observations as radar

        client = engine.client()
        engine.connect_dask()
        request = requests.radar_request(study, settings, region, year)
        treatment = radar.treatment(unit, use.speckle.filter, use.speckle.window)
        layers = dict.fromkeys(radar.BANDS, radar.DECIBELS)

        def make(left_out: Collection[str]) -> "tuple[Cube, list[int]]":
            try:
                series = client.series(request, treatment, left_out)
            except NoScenes as error:
                context.log.warning(f"{error.found}; gaps are filled without radar")
                series = radar.nothing(request.grid)
            orbits = sorted({int(orbit) for orbit in series["orbit"].values})
            return _write(site, requests.BACKSCATTER, region, year, series, layers), orbits

        tolerance = study.max_unreadable_share
        (cube, orbits), sources = realise_series(client, request, make, tolerance, context.log.warning)
        metadata = {"dates": cube.dates, "orbits": orbits, "speckle": use.speckle.filter}
        yield dg.Output(cube, data_version=dg.DataVersion(cube.digest), metadata={**readable(metadata), **sources})
        yield from ndvi_check_results(requests.BACKSCATTER, cube.stats)

    return backscatter


def _ndvi_model(site: Site) -> dg.AssetsDefinition:
    study = site.study
    use = requests.use_of(study)

    @site.asset(
        "documents",
        years_of(site),
        _code(study, requests.ESTIMATORS_VERSION),
        ins=_inputs(study),
        automation_condition=automatic(),
    )
    def ndvi_model(region: str, **inputs: Raster) -> dg.Output[dict]:
        """The **estimator** that fills gaps, fitted on this place's own clear pixels of the year."""
        from fusion_assets.storage.documents import packed
        from fusion_assets.systems.ndvi.gap_filling.estimators import ESTIMATORS

        series = _sample(study, region, inputs)
        fitted = ESTIMATORS[use.method].fit(series, sample=use.sample)
        document = {"method": use.method, "pixels": series.pixels, "estimator": packed(fitted.to_dict())}
        metadata = {"method": use.method, "pixels": document["pixels"], "radar_dates": len(series.radar_time)}
        metadata |= MARK if is_marked(inputs[requests.CLEAR].attrs) else {}
        return dg.Output(document, data_version=dg.DataVersion(digest(document)), metadata=readable(metadata))

    return ndvi_model


def _sample(study: Study, region: str, inputs: dict[str, Raster]) -> Any:
    from fusion_assets.systems.ndvi.gap_filling import cube_filling as filling

    clear, backscatter = inputs[requests.CLEAR], inputs.get(requests.BACKSCATTER)
    return filling.sampled(clear, backscatter, study.polygon(region), requests.use_of(study).sample)


def _ndvi_filled(site: Site) -> dg.AssetsDefinition:
    study = site.study
    use = requests.use_of(study)

    @site.asset(
        "cubes",
        years_of(site),
        _code(study, requests.ESTIMATORS_VERSION),
        ins=_inputs(study, requests.MODEL),
        automation_condition=automatic(),
        check_specs=ndvi_check_specs(requests.FILLED, years_of(site)),
    )
    def ndvi_filled(engine: EngineResource, region: str, year: int, **inputs: Any) -> Any:
        """**NDVI without gaps**: on every date of Sentinel-2, or at regular steps.

        `source` says what a value rests on (1 observed, 2 radar, 3 interpolated, 0 no data); `low` and `high` are the
        ends of its 90 % interval.
        """
        from fusion_assets.storage.documents import unpacked
        from fusion_assets.storage.json_objects import as_written
        from fusion_assets.systems.ndvi.gap_filling import cube_filling as filling
        from fusion_assets.systems.ndvi.gap_filling.estimators import fitted_from_dict
        from fusion_assets.systems.ndvi.observations import NDVI

        engine.connect_dask()
        clear, backscatter = inputs[requests.CLEAR], inputs.get(requests.BACKSCATTER)
        days = filling.target_days(clear, year, use.every_days)
        with as_written(f"{requests.MODEL} of {region} {year}", f"make it anew: fusion run --select {requests.MODEL}"):
            fitted = fitted_from_dict(unpacked(inputs[requests.MODEL]["estimator"]))
        series = filling.filled(fitted, clear, backscatter, days)
        series = series.assign_attrs(MARK if is_marked(clear.attrs) else {})
        cube = _write(site, requests.FILLED, region, year, series, filling.LAYERS)
        metadata = {"method": use.method, "dates": cube.dates, "valid_share": cube.stats[NDVI]["valid_share"]}
        yield dg.Output(cube, data_version=dg.DataVersion(cube.digest), metadata=readable(metadata))
        yield from ndvi_check_results(requests.FILLED, cube.stats)

    return ndvi_filled


def _ndvi_evaluation(site: Site) -> dg.AssetsDefinition:
    study = site.study
    versions = requests.ESTIMATORS_VERSION, requests.EVALUATION_VERSION

    @site.asset(
        "tables",
        years_of(site),
        _code(study, *versions),
        ins=_inputs(study),
        check_specs=ndvi_check_specs(requests.EVALUATION, years_of(site)),
        automation_condition=automatic(),
    )
    def ndvi_evaluation(region: str, **inputs: Raster) -> Iterator[dg.Output[Table] | dg.AssetCheckResult]:
        """**Error by length of gap**, every method on the same withheld observations of this place."""
        from fusion_assets.systems.ndvi.evaluation import evaluate
        from fusion_assets.systems.ndvi.judgement import worse_than_interpolation

        table = evaluate(_sample(study, region, inputs), sample=requests.use_of(study).sample)
        if table.empty:
            raise FusionError(
                "no clear observation could be withheld",
                "some that others remain beside",
                "widen margin_days, or leave this year out of ndvi.years",
            )
        version = digest(table.to_dict("records"))
        shown = "\n".join(f"    {line}" for line in table.round(3).to_string(index=False).splitlines())
        metadata: dict[str, Any] = {"table": dg.MetadataValue.md(shown)}
        metadata |= MARK if is_marked(inputs[requests.CLEAR].attrs) else {}
        yield dg.Output(table, data_version=dg.DataVersion(version), metadata=metadata)
        yield no_worse_result(worse_than_interpolation(table, requests.use_of(study).method))

    return ndvi_evaluation


def _ndvi_report(site: Site) -> dg.AssetsDefinition:
    study, settings = site.study, site.settings

    @site.asset(
        "documents",
        years_of(site),
        _code(study, requests.REPORT_VERSION, study.title, *study.titles),
        ins=_inputs(study, requests.FILLED, requests.EVALUATION),
        kinds={"html"},
        automation_condition=automatic(),
    )
    def ndvi_report(engine: EngineResource, region: str, year: int, **inputs: Any) -> dg.Output[str]:
        """**A year's NDVI on one page**: pictures before and after, series of sampled places, errors by gap.

        One HTML file that opens anywhere without a network; the link works while `fusion ui` runs.
        """
        from fusion_assets.systems.ndvi import report
        from fusion_assets.systems.ndvi.gap_filling import cube_filling as filling

        client, made = engine.client(), dt.datetime.now(dt.UTC).date().isoformat()

        def true_colour(day: dt.date) -> Raster:
            return client.series(requests.picture_request(study, settings, region, year, day))

        use, filled = requests.use_of(study), inputs[requests.FILLED]
        wanted = [requests.optics_request(study, settings, region, year)]
        if use.sentinel1 is not None:
            wanted.append(requests.radar_request(study, settings, region, year))
        page = report.build_report(
            report.Subject(
                study.name,
                study.title or study.name,
                study.region(region).called,
                year,
                use.method,
                study.digest(),
                client.name,
                wanted,
                made,
                is_marked(inputs[requests.CLEAR].attrs) or rests_on_simulation(study, settings, region),
            ),
            inputs[requests.CLEAR],
            inputs.get(requests.BACKSCATTER),
            filled,
            inputs[requests.EVALUATION],
            true_colour,
            filling.share_of_sources(filled["source"]),
        )
        return dg.Output(
            page,
            # The same page on another day is the same page.
            data_version=dg.DataVersion(digest(page.replace(made, ""))),
            metadata={
                "report": dg.MetadataValue.url(report_url(requests.REPORT, region, str(year))),
                "bytes": len(page.encode()),
            },
        )

    return ndvi_report
