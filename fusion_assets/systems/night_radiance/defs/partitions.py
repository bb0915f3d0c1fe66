"""Partitions of night radiance, and which of them rest on which."""

from collections.abc import Collection

import dagster as dg

from fusion_assets.orchestration.partitions import EVERY_REGION, regions_by_years
from fusion_assets.orchestration.site import Site
from fusion_assets.systems.night_radiance import section

LAST = {EVERY_REGION: "true"}


def years_of(site: Site) -> dg.MultiPartitionsDefinition:
    """Partitions of what every region has."""
    return regions_by_years([region.name for region in site.study.regions], section.years_of(site.study))


def lead_of(site: Site) -> str:
    """Region that what is learnt from all places stands under: the first of them."""
    return section.places_of(site.study)[0]


def learnt_years(site: Site) -> dg.MultiPartitionsDefinition:
    """Partitions of what is learnt from all places."""
    return regions_by_years([lead_of(site)], section.years_of(site.study))


def same_year(regions: Collection[str]) -> dg.PartitionMapping:
    """From what one region has of a year to what these regions have of it."""
    return dg.MultiPartitionMapping(
        {
            "region": dg.DimensionPartitionMapping("region", dg.SpecificPartitionsPartitionMapping(sorted(regions))),
            "year": dg.DimensionPartitionMapping("year", dg.IdentityPartitionMapping()),
        }
    )
