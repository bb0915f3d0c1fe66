"""The published catalog as an asset."""

from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.artifacts import Stored
from fusion_assets.orchestration.failures import explained
from fusion_assets.orchestration.partitions import EVERY_REGION, Partitions, by_year
from fusion_assets.orchestration.role_assets import roles_of
from fusion_assets.orchestration.values import Raster
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study import Study
from fusion_assets.systems.built_up import versions


def publish_assets(
    study: Study, settings: Settings, partitions: Partitions, stored: Stored
) -> list[dg.AssetsDefinition]:
    """The STAC catalog; each region writes its own items and keeps those of the others."""
    roles = roles_of(study)

    @dg.asset(
        ins={"built_up_prediction": dg.AssetIn(partition_mapping=partitions.to_region)},
        deps=["built_up_report"],  # which its items link to
        partitions_def=partitions.region,
        tags={EVERY_REGION: "true"} if len(study.regions) > 1 else {},  # after the report
        code_version=digest(
            ["built_up_catalog", versions.STAC, study.title, [study.use(role).product for role in roles]]
        ),
        **stored("catalogs", "json"),
    )
    def built_up_catalog(
        context: dg.AssetExecutionContext, built_up_prediction: dict[str, Raster]
    ) -> dg.Output[dict[str, Any]]:
        """The maps **published for others**: a STAC collection with an item for each region and year.

        It lies under `stac/` of the storage, links to the stored maps without copying them, and opens in
        `odc.stac.load`, pystac, GDAL and QGIS. Stored for this asset itself is only the list of what was written.
        """
        with explained():
            from fusion_assets.publishing.catalog import Published, publish_region
            from fusion_assets.publishing.items import Publication

            region, storage = context.partition_key, Storage(settings.storage)
            years = sorted(by_year(built_up_prediction))
            page = storage.path("built_up_report", region, None, "html")
            report = page if storage.exists(page) else ""
            maps = {}
            for year in years:
                windows = [study.window(role, year) for role in study.feature_roles]
                span = min(first for first, _ in windows), max(last for _, last in windows)
                maps[year] = Published(storage.path("built_up_prediction", region, year, "tif"), span, report)
            publication = Publication(
                study=study.name,
                title=study.title or study.name,
                products=tuple(study.use(role).product for role in roles),
                regions=tuple(each.name for each in study.regions),
                synthetic=rests_on_simulation(study, settings),
            )
            written = publish_region(storage, publication, region, study.polygon(region), maps)
            return dg.Output(
                written,
                data_version=dg.DataVersion(digest(written)),
                metadata={
                    "collection": dg.MetadataValue.path(f"{storage.root}/{written['collection']}"),
                    "catalog": dg.MetadataValue.path(f"{storage.root}/{written['catalog']}"),
                    "items": len(maps),
                },
            )

    return [built_up_catalog]


def rests_on_simulation(study: Study, settings: Settings) -> bool:
    """Whether any imagery of a study comes from a simulated archive."""
    if settings.engine != "archive":
        return False
    from fusion_assets.publishing.catalog import is_synthetic

    own = [study.use(role).archive for role in roles_of(study)]
    return any(is_synthetic(archive.location if archive else settings.archive) for archive in own)
