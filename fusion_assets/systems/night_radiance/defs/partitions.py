"""Partitions of night radiance, and which of them rest on which."""

import dagster as dg

from fusion_assets.orchestration.partitions import EVERY_REGION, Axis, regions_by_years
from fusion_assets.orchestration.site import Site
from fusion_assets.systems.night_radiance import section

LAST = {EVERY_REGION: "true"}


def years_of(site: Site) -> dg.MultiPartitionsDefinition:
    """Partitions of what every region has."""
    return regions_by_years([region.name for region in site.study.regions], section.years_of(site.study))


def learnt_years(site: Site) -> Axis:
    """Partitions of what is learnt from all regions."""
    return Axis("year", [str(year) for year in section.years_of(site.study)])


def same_year() -> dg.PartitionMapping:
    """Between what a year has and what its regions have, either way."""
    return dg.MultiToSingleDimensionPartitionMapping("year")
