"""How wide the sensor sees, region by region."""

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import section, versions
from fusion_assets.systems.night_radiance.defs.learning import bands_of
from fusion_assets.systems.night_radiance.defs.partitions import years_of


def radiance_sensor_asset(site: Site) -> dg.AssetsDefinition:
    """The footprint that maps are made with."""
    study = site.study

    @site.asset(
        "documents",
        years_of(site),
        [versions.SENSOR, study.digest("night_radiance")],
        automation_condition=automatic(),
    )
    def radiance_sensor(
        context: dg.AssetExecutionContext, region: str, radiance_cells: Raster, landsat_composite: Raster
    ) -> dg.Output[dict]:
        """**The sensor's footprint**, the full width at half maximum of what a cell sees, in metres.

        It is what the study states. Where the study says `footprint: estimate`, it is told from the cells and day
        imagery, or the default where these tell too little. What they tell stands beside it in any case.
        """
        from fusion_assets.systems.night_radiance import footprint
        from fusion_assets.systems.night_radiance.guides import complete, guides_of

        fine = section.grid_of(study, region)
        guides = complete(guides_of(landsat_composite.compute(), bands_of(site)))
        lights = radiance_cells[requests.LIGHTS].values
        estimate = footprint.estimated(fine, requests.cells_around(fine), lights, guides)
        chosen = footprint.footprint_of(section.use_of(study).footprint, estimate)
        document = chosen.to_dict()
        shown = {name: document[name] for name in ("metres", "source", "why")}
        if estimate is not None:
            shown["estimate"] = f"{estimate.value:.0f} m ({estimate.low:.0f} to {estimate.high:.0f})"
            shown["estimate_usable"] = not estimate.refusal
        if chosen.contradicted:
            context.log.warning(
                f"the footprint of {region} is {chosen.metres:g} m; its cells tell of {shown['estimate']}. "
                f"Compare night_radiance.footprint: {section.ESTIMATE}"
            )
        return dg.Output(document, data_version=dg.DataVersion(digest(document)), metadata=readable(shown))

    return radiance_sensor
