"""Patches for people who train elsewhere, where a study asks for them."""

from typing import TYPE_CHECKING

import dagster as dg

from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster
from fusion_assets.storage.simulation import MARK, is_marked
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import section, versions
from fusion_assets.systems.night_radiance.defs.learning import bands_of
from fusion_assets.systems.night_radiance.defs.partitions import years_of

if TYPE_CHECKING:
    from pathlib import Path

    from fusion_assets.learning.mixer import Mixer


def radiance_patches_asset(site: Site) -> list[dg.AssetsDefinition]:
    """The asset that cuts a region, where the study says how."""
    study, use = site.study, section.use_of(site.study)
    cut = use.patches
    if cut is None:
        return []

    @site.asset(
        "folders",
        years_of(site),
        [versions.PATCHES, cut.model_dump(), use.footprint, use.rounds, use.reserved],
        automation_condition=automatic(),
    )
    def radiance_patches(
        region: str, year: int, radiance_cells: Raster, landsat_composite: Raster, radiance_sensor: dict
    ) -> dg.Output:
        """**Patches of a region for other software**: TFRecords and their mixer, as Earth Engine exports images.

        Day imagery, the deblurred lights and the product's cells on the fine grid, with `place`, `block` and
        `validity`: a loss counts pixels of validity 1 alone. Predictions in the order of the patches come back as a
        map by `fusion_assets.learning.patch_files.read_image`.
        """
        from fusion_assets.learning.patch_files import write_image
        from fusion_assets.storage.folders import write_folder
        from fusion_assets.storage.root import Storage
        from fusion_assets.systems.night_radiance import mapping
        from fusion_assets.systems.night_radiance.guides import guides_of
        from fusion_assets.systems.night_radiance.patches import PREFIX, image_of
        from fusion_assets.systems.night_radiance.sensor import ROUNDS

        fine, rounds = section.grid_of(study, region), use.rounds or ROUNDS
        footprint = radiance_sensor["metres"]
        guides = guides_of(landsat_composite.compute(), bands_of(site))
        lights = radiance_cells[requests.LIGHTS].values
        task = mapping.task_of(fine, requests.cells_around(fine), lights, guides, footprint, rounds)
        image = image_of(task, guides, [each.name for each in study.regions].index(region))

        def fill(folder: "Path") -> "Mixer":
            return write_image(image, fine, folder / PREFIX, (cut.size,) * 2, (2 * cut.margin,) * 2, fill=0.0)

        about = {
            "bands": list(map(str, image.data_vars)),
            "patch": cut.size,
            "margin": cut.margin,
            "rounds": rounds,
            "footprint_m": footprint,
            "reserved": region in use.reserved,
            "unit": "nW/cm2/sr",
        }
        facts = site.facts(requests.PATCHES, region, str(year)) | (MARK if is_marked(radiance_cells.attrs) else {})
        storage = Storage(site.settings.storage)
        path = storage.path(requests.PATCHES, region, year, "json")
        placed = write_folder(storage, path, fill, facts=facts, about=about)
        shown = {"known": float(image["validity"].mean()), **about}
        return dg.Output(placed, data_version=dg.DataVersion(placed.digest), metadata=readable(shown))

    return [radiance_patches]
