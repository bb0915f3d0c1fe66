"""What a system says of itself; everything shared asks this record instead of knowing systems.

It is read by the command line before anything heavy is loaded: functions import what they need when they are called.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace

    import dagster as dg

    from fusion_assets.imagery.engines.protocol import ExportRequest
    from fusion_assets.orchestration.site import Site
    from fusion_assets.publishing.publication import Publication
    from fusion_assets.settings import Settings
    from fusion_assets.study import Role, Study
    from fusion_assets.study.sections import SystemSection

Stages = Mapping[str, tuple[Sequence[str], str]]
"""Job to its assets, all with the same partitions, and what it does."""
Argument = tuple[tuple[str, ...], dict[str, Any]]
"""Flags and keywords of `ArgumentParser.add_argument`."""


@dataclass(frozen=True)
class Look:
    """One thing that `fusion doctor` looks at.

    Attributes:
        subject: what it is called.
        work: returns what was found in words, or raises a FusionError.
        needs: subjects without which it is not tried.
        engines: names of the engines that it is for; empty for any.
    """

    subject: str
    work: Callable[[], str]
    needs: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """Requests for series that a system makes, which `fusion doctor` counts the passes of.

    Attributes:
        subject: what it is called.
        request: (region, year) to the request.
        years: that it is made for.
        optional: whether a year without any scene is well, too.
        regions: that it is made for, by name; empty for all.
    """

    subject: str
    request: Callable[[str, int], ExportRequest]
    years: Sequence[int]
    optional: bool = False
    regions: Sequence[str] = ()


@dataclass(frozen=True)
class Command:
    """A command of the command line.

    Attributes:
        name: `fusion NAME`, of one word, or of two where the first is shared by several commands.
        help: one line.
        arguments: one each.
        run: what it does for a site; returns what to print.
        examples: of whole commands, separated by `; `.
        instead_of: another command and the flag with which this one is meant, such as `export --radiance`.
    """

    name: str
    help: str
    arguments: tuple[Argument, ...]
    run: Callable[[Site, Namespace], str]
    examples: str = ""
    instead_of: tuple[str, str] | None = None


@dataclass(frozen=True)
class System:
    """One system.

    Attributes:
        name: group of its assets.
        stages: its jobs; they name all assets it can have.
        assets: those that a study has.
        yearly: names of the stages that are run for every region once a year.
        lacking: by asset, what a study would have to have for it; under the system's name where there is nothing of it.
        checks: of its assets, beside those that assets answer themselves.
        section: of the study file, under the system's name.
        roles: imagery it needs as composites or labels.
        facts: (study, settings, asset, region, year) to what a stored artifact must say; of no region: what
            it must say where it is of all.
        series: that it asks of an engine.
        looks: what `fusion doctor` looks at beside imagery.
        summary: text for the end of a run; the flag says whether a synthetic truth may stand beside it.
        results: files for people, by what they are: `report`, `maps`.
        folders: that it writes directly under the storage root, beside those of its assets; a file a region.
        working: folders directly under the storage root whose files are made again where they are missing.
        publications: what it publishes for other software, each by an asset `<name>_catalog`.
        commands: of its own.
    """

    name: str
    stages: Stages
    assets: Callable[[Site], list[dg.AssetsDefinition]]
    yearly: tuple[str, ...] = ()
    lacking: Callable[[Study], Mapping[str, str]] = lambda study: {}
    checks: Callable[[Site], list[dg.AssetChecksDefinition]] = lambda site: []
    section: Callable[[], SystemSection] | None = None
    roles: Callable[[Study], tuple[Role, ...]] = lambda study: ()
    facts: Callable[[Study, Settings, str, str | None, int | None], dict[str, str]] | None = None
    series: Callable[[Site], Iterable[Series]] = lambda site: ()
    looks: Callable[[Site], Iterable[Look]] = lambda site: ()
    summary: Callable[[Site, bool], str] = lambda site, synthetic: ""
    results: Callable[[Site], Iterable[tuple[str, str]]] = lambda site: ()
    folders: tuple[str, ...] = ()
    working: tuple[str, ...] = ()
    publications: Callable[[], tuple[Publication, ...]] = lambda: ()
    commands: tuple[Command, ...] = ()

    @property
    def asset_names(self) -> set[str]:
        """All assets it can have."""
        return {name for names, _ in self.stages.values() for name in names}


def present(systems: Iterable[System], study: Study) -> list[System]:
    """The systems that a study has something of."""
    return [system for system in systems if system.name not in system.lacking(study)]


def sections_of(systems: Iterable[System]) -> dict[str, SystemSection]:
    """Sections of study files, by key."""
    return {system.name: system.section() for system in systems if system.section is not None}


def needs_of(systems: Iterable[System], study: Study) -> dict[str, str]:
    """By asset or group that a study has not, what it would have to have for it."""
    return {name: need for system in systems for name, need in system.lacking(study).items()}


def years_of(text: str) -> list[int]:
    """Years as people write them: `2016`, `2016-2019`, `2016,2018`."""
    try:
        years: set[int] = set()
        for part in text.split(","):
            first, _, last = part.partition("-")
            begin, end = int(first), int(last if "-" in part else first)
            if begin > end:
                raise ArgumentTypeError(f"{part.strip()!r} ends before it begins; write {end}-{begin}")
            if not 1900 <= begin <= end <= 2200:
                raise ValueError
            years.update(range(begin, end + 1))
        return sorted(years)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a year or a range such as 2016-2019") from None


REGIONS: Argument = (
    ("--region",),
    {"action": "append", "default": [], "metavar": "R", "help": "only this region, by name or title (repeatable)"},
)
SELECTION: Argument = (
    ("--select",),
    {
        "default": "",
        "metavar": "ASSETS",
        "help": "Dagster asset selection: fused_stack, '*fused_stack' (with all that it rests on), 'group:ndvi'",
    },
)
YEARS: Argument = (
    ("--years",),
    {"type": years_of, "default": [], "metavar": "2016-2019", "help": "only these years: 2016, 2016-2019"},
)
