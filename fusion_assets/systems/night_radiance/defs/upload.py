"""Maps of night radiance as image assets of Earth Engine, where a study asks for it."""

from typing import TYPE_CHECKING

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.uploads import upload_asset
from fusion_assets.orchestration.values import Raster
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import section
from fusion_assets.systems.night_radiance.defs.partitions import LAST

if TYPE_CHECKING:
    from fusion_assets.imagery.engines.earth_engine.manifests import Upload


def radiance_upload(site: Site, years: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset that sends maps, where the study says where to."""
    use = section.use_of(site.study)
    destination = use.upload
    if destination is None:
        return []

    def upload(raster: Raster, url: str, content: str, region: str, year: int) -> "Upload":
        from fusion_assets.imagery.engines.earth_engine.manifests import Upload

        return Upload(
            asset=requests.UPLOAD,
            region=region,
            year=year,
            target=f"{destination.folder}/{region}_{year}",
            source=url,
            bands=tuple(map(str, raster.data_vars)),
            window=requests.window_of(year),
            content=content,
            properties={
                "unit": "nW/cm2/sr",
                "footprint_m": float(raster.attrs["footprint_m"]),
                "lights": use.lights.product,
            },
            overwrite=destination.overwrite,
        )

    text = "The map as an **image asset of Earth Engine**: sent once, followed to its end, its pixels compared."
    code = digest([requests.VERSION, destination.model_dump()])
    return [
        upload_asset(
            site,
            requests.UPLOAD,
            requests.MAP,
            upload=upload,
            partitions=years,
            code=code,
            description=text,
            tags=LAST,  # after the map
        )
    ]
