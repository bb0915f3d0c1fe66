"""Partitions of the comparison: configuration x seed, sums x seed, and settings."""

import dagster as dg

from fusion_assets.orchestration.partitions import Axis
from fusion_assets.orchestration.site import Site
from fusion_assets.systems.climate_zones.grid import INDEPENDENT, configurations_of, points_of
from fusion_assets.systems.climate_zones.section import use_of


def seeds(site: Site) -> Axis:
    """Trainings of each network."""
    return Axis("seed", [str(seed) for seed in range(use_of(site.study).seeds)])


def configurations(site: Site) -> Axis:
    """Networks in their settings."""
    return Axis("configuration", list(configurations_of(use_of(site.study))))


def trainings(site: Site) -> dg.MultiPartitionsDefinition:
    """Configuration x seed."""
    return dg.MultiPartitionsDefinition({"configuration": configurations(site), "seed": seeds(site)})


def sums(site: Site) -> dg.MultiPartitionsDefinition | None:
    """Sums of networks trained apart x seed; None where none is asked for."""
    names = summands(site)
    return dg.MultiPartitionsDefinition({"seed": seeds(site), "sum": Axis("sum", list(names))}) if names else None


def summands(site: Site) -> dict[str, tuple[str, ...]]:
    """Configurations that each sum averages, by `<setting>.<split>`."""
    points = points_of(use_of(site.study))
    return {f"{each.setting}.{each.split}": each.configurations for each in points if each.stage == INDEPENDENT}


def to_summands(site: Site) -> dg.MultiPartitionMapping:
    """From a sum to the networks that it averages, of the same seed."""
    of: dict[str, set[str]] = {}
    for name, averaged in summands(site).items():
        for configuration in averaged:
            of.setdefault(configuration, set()).add(name)
    # Dimensions are named by the upstream asset; what is averaged nowhere leads nowhere.
    return dg.MultiPartitionMapping(
        {
            "configuration": dg.DimensionPartitionMapping("sum", dg.StaticPartitionMapping(of)),
            "seed": dg.DimensionPartitionMapping("seed", dg.IdentityPartitionMapping()),
        }
    )
