"""The grid of trainings that a study asks for: which networks, in which settings, and which answers are made of them.

A configuration is what is trained: `<setting>.<network>`. A point is what is compared: a split and stage in a setting,
or the split's `sum`: networks trained apart whose answers are averaged. Several points may rest on one configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusion_assets.systems.climate_zones import networks
from fusion_assets.systems.climate_zones.networks import Network
from fusion_assets.systems.climate_zones.section import ClimateZonesUse
from fusion_assets.systems.climate_zones.training import of_preset

MATCHED = "m"
INDEPENDENT = "sum"


@dataclass(frozen=True)
class Point:
    """One point of the comparison.

    Attributes:
        setting: how patches are held back.
        split: of the channels.
        stage: `0` to `6`, with `m` for one of matched size, or `sum`.
        configurations: whose answers are averaged.
    """

    setting: str
    split: str
    stage: str
    configurations: tuple[str, ...]

    @property
    def name(self) -> str:
        """Setting, split and stage."""
        return f"{self.setting}.{self.split}.{self.stage}"


def networks_of(use: ClimateZonesUse) -> dict[str, Network]:
    """The distinct networks that are trained in every setting, by name, as wide as the preset says."""
    return {name: network for name, network in _all(use).items() if name in _needed(use)}


def configurations_of(use: ClimateZonesUse) -> dict[str, Network]:
    """Networks by their configuration."""
    return {f"{setting}.{name}": each for setting in use.settings for name, each in networks_of(use).items()}


def points_of(use: ClimateZonesUse) -> tuple[Point, ...]:
    """Everything that is compared, in the order of settings, splits and stages."""
    return tuple(
        Point(setting, split, stage, tuple(f"{setting}.{name}" for name in names))
        for setting in use.settings
        for split in use.splits
        for stage, names in _stages(use, split)
    )


def _stages(use: ClimateZonesUse, split: str) -> list[tuple[str, tuple[str, ...]]]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for stage in sorted(use.stages):
        name = networks.training_of(split, stage, use.read)
        found.append((str(stage), (name,)))
        if use.matched and stage > 0:
            found.append((f"{stage}{MATCHED}", (f"{name}{MATCHED}",)))
    if networks.SUM in use.stages:
        found.append((INDEPENDENT, networks.summands_of(split, use.read)))
    return found


def _needed(use: ClimateZonesUse) -> set[str]:
    return {name for split in use.splits for _, names in _stages(use, split) for name in names}


def _all(use: ClimateZonesUse) -> dict[str, Network]:
    found = {name: of_preset(each, use.training) for name, each in networks.trainings(use.read).items()}
    narrow = {f"{name}{MATCHED}": networks.matched(each) for name, each in found.items() if each.stage and use.matched}
    return found | narrow
