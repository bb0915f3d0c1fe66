"""What a system publishes, as an asset: any system with a `Publication` has one."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.partitions import EVERY_REGION, Axis, by_year
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster
from fusion_assets.publishing.publication import Edition, Publication
from fusion_assets.storage.root import Storage, sha256_of
from fusion_assets.study.provenance import rests_on_simulation


def catalog_asset(site: Site, publication: Publication) -> dg.AssetsDefinition:
    """The asset `<publication>_catalog`; each region writes its own items and keeps those of the others."""
    study, mappings = site.study, site.partitions
    publication, regions = publication.of(study), list(publication.regions(study))
    from_years = mappings.to_region if publication.yearly else mappings.same

    @site.asset(
        "catalogs",
        Axis("region", regions),
        [publication.version, study.title, list(publication.products(study)), *study.titles],
        name=f"{publication.name}_catalog",
        ins={"rasters": dg.AssetIn(publication.asset, partition_mapping=from_years)},
        deps=[publication.report] if publication.report else [],  # which its items link to
        tags={EVERY_REGION: "true"} if len(regions) > 1 else {},  # after the report
        automation_condition=automatic(),
    )
    def catalog(region: str, rasters: Mapping[str, Raster] | Raster) -> dg.Output[dict[str, Any]]:
        """The maps **published for others**: a STAC collection with an item for each region and year.

        It lies under `stac/` of the storage, links to the stored maps without copying them, and opens in
        `odc.stac.load`, pystac, GDAL and QGIS. Stored for this asset itself is only the list of what was written.
        """
        from fusion_assets.publishing.catalog import publish_region

        storage = Storage(site.settings.storage)
        of_years = by_year(rasters) if isinstance(rasters, dict) else ()
        years = list(of_years) if publication.yearly else [max(study.prediction_years)]
        edition = Edition(publication, study, synthetic=rests_on_simulation(study, site.settings, region))
        written = publish_region(storage, edition, region, years)
        # Other regions and systems write these two as well, so that what lies there now is one of the last versions.
        shared = {name: f"{storage.root}/{written[name]}" for name in ("collection", "catalog")}
        digests = {f"{name}_digest": sha256_of(storage.open_local(path)) for name, path in shared.items()}
        return dg.Output(
            written,
            data_version=dg.DataVersion(digest(written)),
            metadata={
                **{name: dg.MetadataValue.path(path) for name, path in shared.items()},
                "items": len(years),
                **digests,
            },
        )

    return catalog
