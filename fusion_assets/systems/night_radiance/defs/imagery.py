"""What night radiance rests on: day imagery on the fine grid, and lights on their own cells."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Export, digest
from fusion_assets.imagery.recipe import RECIPE_VERSION, product_facts
from fusion_assets.orchestration.composites import write_composite
from fusion_assets.orchestration.engine_assets import export_asset, pixel_asset, realise_series
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, RasterFile
from fusion_assets.storage.simulation import MARK, are_simulated
from fusion_assets.study.provenance import export_tags, study_tags
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import section, versions

if TYPE_CHECKING:
    import numpy as np


from fusion_assets.systems.night_radiance.defs.partitions import years_of


def optics_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Ticket and composite of day imagery."""
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


def radiance_cells_asset(site: Site) -> dg.AssetsDefinition:
    """Lights on the product's own cells."""
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
        nW/cm2/sr; `cf_cvg` counts cloud-free observations, `deviation` is the scatter of the year's composites. Lights
        that burn in one year alone are kept, unless the study says `fires: remove`.
        """
        # No export with a ticket: it is a few requests of some kilobytes, sooner answered than a task is begun.
        from fusion_assets.storage.raster_writing import write_raster
        from fusion_assets.systems.night_radiance.cells import background, without_fires, yearly

        client = engine.client()
        engine.connect_dask()
        request = requests.cells_request(study, settings, region, year)
        units = {requests.LIGHTS: "nW/cm2/sr", requests.COVERAGE: "count", "deviation": "nW/cm2/sr"}

        def lights_of(other: int) -> "np.ndarray":
            asked = requests.cells_request(study, settings, region, other)

            def read(left_out: Collection[str]) -> "np.ndarray":
                series = client.series(asked, without=left_out).compute()
                return yearly(series, requests.LIGHTS, requests.COVERAGE)[requests.LIGHTS]

            lights, _ = realise_series(client, asked, read, study.max_unreadable_share, context.log.warning)
            _check_radiance(lights, region, other)
            return lights

        tell = section.announcing_years(study, year) if section.use_of(study).fires == "remove" else ()
        others = [lights_of(other) for other in tell]

        def make(left_out: Collection[str]) -> tuple[RasterFile, dict[str, float]]:
            series = client.series(request, without=left_out).compute()
            bands = yearly(series, requests.LIGHTS, requests.COVERAGE)
            _check_radiance(bands[requests.LIGHTS], region, year)
            level, noise = background(bands[requests.LIGHTS])
            facts = {"composites": series.sizes["time"], "background": level, "noise": noise}
            if others:
                bands[requests.LIGHTS], fires = without_fires(bands[requests.LIGHTS], others, request.grid)
                facts |= {f"fires_{name}": value for name, value in fires.items()}
            scenes = list(map(str, series["scenes"].values)) if "scenes" in series.coords else []
            burnt = {name: value for name, value in facts.items() if name.startswith("fires_")}
            tags = study_tags(study, region=region, year=year, scene_count=series.sizes["time"], **burnt)
            tags |= site.facts(requests.CELLS, region, str(year)) | (MARK if are_simulated(scenes) else {})
            raster = request.grid.dataset(bands)
            return write_raster(raster, nodata=float("nan"), tags=tags, units=units), facts

        (raster, facts), sources = realise_series(
            client, request, make, study.max_unreadable_share, context.log.warning
        )
        return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata={**readable(facts), **sources})

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
