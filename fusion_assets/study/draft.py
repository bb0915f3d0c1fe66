"""The text of a new study: a region, and where its imagery is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Role

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from fusion_assets.imagery.engines.archive.holdings import Holding

# Finer labels, and lights of whole years, first.
_PREFERENCE = (
    "ghsl_built_surface",
    "ghsl_smod_v2",
    "ghsl_smod_p2016",
    "land_cover",
    "corine",
    "viirs_annual",
    "viirs_monthly",
)
_FEATURES = {"sentinel2": "optics", "night_lights": "lights"}
_FINEST_MAP = 100.0
_MOST_SUBDIVISIONS = 5

_TEMPLATE = """\
# {title}. Every key: docs/studies.md
name: {name}
title: {title}
{regions}
resolution: {resolution:g} # metres, in {whose} UTM zone
{working}label_year: {label_year}
prediction_years: {years}
season: {season}
products:
{products}
features: {features}
"""


@dataclass(frozen=True)
class Draft:
    """What a study must say, and nothing has a default for.

    Attributes:
        name: of the study and, unless a file names several, of its region.
        regions: what stands under `regions` in the study, a list of one region or a file of districts.
        resolution: metres.
        working_resolution: metres, on which scenes are read; None reads them at their own pixels.
        label_year: that labels are of.
        first: first year to be mapped.
        last: last year to be mapped.
        season: first and last day of the imagery by day, MM-DD.
        products: by role, key of `PRODUCTS` and archive; optics, lights and labels as far as there are any.
    """

    name: str
    regions: object
    resolution: float
    working_resolution: float | None
    label_year: int
    first: int
    last: int
    season: tuple[str, str]
    products: Mapping[str, tuple[str, str]]
    built_codes: tuple[int, ...] = ()


def holdings_of(archives: Mapping[Role, str]) -> dict[Role, Holding]:
    """What is used of each archive: of several products that serve, the best whose imagery is of the same years.

    Args:
        archives: path or address by role.

    Raises:
        FusionError: an archive that cannot be read, or holds nothing for its role.
    """
    from fusion_assets.imagery.engines.archive.holdings import holdings

    def rank(holding: Holding) -> int:
        return _PREFERENCE.index(holding.product) if holding.product in _PREFERENCE else -1

    ranked = [sorted(holdings(archive, role), key=rank) for role, archive in archives.items()]
    choices = [dict(zip(archives, chosen, strict=True)) for chosen in itertools.product(*ranked)]
    return next((held for held in choices if _span(held)[0] <= _span(held)[1]), choices[0])


def years_of(
    held: Mapping[Role, Holding], label_year: int | None = None, years: Sequence[int] = ()
) -> tuple[int, int, int]:
    """Label year, first and last year to be mapped: those given, else the latest and all that archives hold.

    Args:
        held: by role.
        label_year: see above.
        years: to be mapped.

    Raises:
        FusionError: there is no such year.
    """
    imagery: dict[Role, Holding] = {role: each for role, each in held.items() if role != "labels"}
    first, last = _span(held)
    if first > last:
        spans = ", ".join(f"{role} {each.first} to {each.last}" for role, each in imagery.items())
        raise FusionError(f"the archives have no year in common: {spans}", "imagery of the same years", "add files")
    if label_year is None:
        label_year = min(last, held["labels"].last)
        if label_year < max(first, held["labels"].first):
            spans = ", ".join(f"{role} {each.first} to {each.last}" for role, each in held.items())
            raise FusionError(
                f"labels and imagery have no year in common: {spans}",
                "labels of a year with imagery",
                "say --label-year, and give the imagery of that year in `windows` of the study",
            )
    for what, of, needed in (("label year", [label_year], held), ("years", years, imagery)):
        lacking = [year for year in of if not all(each.first <= year <= each.last for each in needed.values())]
        if lacking:
            raise FusionError(
                f"the archives do not hold {what} {', '.join(map(str, lacking))}",
                ", ".join(f"{role} {each.first} to {each.last}" for role, each in held.items()),
                "choose among these, or add files",
            )
    return label_year, min(years, default=first), max(years, default=last)


def _span(held: Mapping[Role, Holding]) -> tuple[int, int]:
    """First and last year of which there is imagery of every role; the last before the first where there is none."""
    imagery = [each for role, each in held.items() if role != "labels"]
    return max(each.first for each in imagery), min(each.last for each in imagery)


def common_area(held: Mapping[Role, Holding]) -> BaseGeometry:
    """What all archives cover, longitude and latitude."""
    import shapely

    return reduce(shapely.intersection, (each.area for each in held.values()))


def check_cover(outline: BaseGeometry, held: Mapping[Role, Holding], called: str = "") -> None:
    """See that every archive has something of a region.

    Args:
        outline: of the region, longitude and latitude.
        held: by role.
        called: what people call the region, where there are several.

    Raises:
        FusionError: one has nothing; where it has with longitude and latitude swapped, it says so.
    """
    import shapely

    swapped = shapely.transform(outline, lambda points: points[:, ::-1])
    for role, each in held.items():
        if each.area.intersects(outline):
            continue
        edges = " ".join(f"{edge:g}" for edge in swapped.bounds)
        fits = each.area.intersects(swapped)
        raise FusionError(
            f"{each.product} of {role} covers {_box(each.area)} and nothing of {_box(outline)}"
            + (f" ({called})" if called else ""),
            "imagery of the region; west, south, east, north in degrees",
            f"longitude comes before latitude: try --bbox {edges}" if fits else "correct the box, or add files",
        )


def _box(area: BaseGeometry) -> str:
    return "[" + ", ".join(f"{edge:g}" for edge in area.bounds) + "]"


def sizes_of(held: Mapping[Role, Holding], resolution: float | None = None) -> tuple[float, float | None]:
    """Pixels of the maps and those that scenes are read on, metres; None reads scenes at their own.

    Args:
        held: by role.
        resolution: of the maps; by default that of the labels, 100 m at the finest.
    """
    size = resolution if resolution is not None else max(held["labels"].pixel, _FINEST_MAP)
    optics = held.get("sentinel2")
    parts = min(int(size // optics.pixel), _MOST_SUBDIVISIONS) if optics else 1
    return size, size / parts if parts > 1 else None


def text_of(draft: Draft) -> str:
    """YAML of a study, with comments."""
    import yaml

    features = [role for role in draft.products if role != "labels"]
    working = draft.working_resolution
    return _TEMPLATE.format(
        name=draft.name,
        title=f"Built-up land in {draft.name}, {draft.first} to {draft.last}",
        regions=yaml.safe_dump(
            {"regions": draft.regions}, allow_unicode=True, default_flow_style=None, sort_keys=False
        ).rstrip(),
        whose="each district's" if isinstance(draft.regions, dict) else "the region's",
        resolution=draft.resolution,
        working=f"working_resolution: {working:g} # metres, on which scenes are read\n" if working else "",
        label_year=draft.label_year,
        years=f"{{from: {draft.first}, to: {draft.last}}}",
        season=f'{{start: "{draft.season[0]}", end: "{draft.season[1]}"}}',
        products="\n".join(_use(role, *draft.products[role], draft.built_codes) for role in draft.products),
        features="both" if len(features) > 1 else _FEATURES[features[0]],
    )


def _use(role: str, product: str, archive: str, codes: Sequence[int]) -> str:
    recipe = PRODUCTS[product]
    more = ", built_up_threshold: 0.1" if recipe.label == "fraction" else ""
    more += f", built_codes: {list(codes)}" if recipe.label == "code" and not recipe.built_codes and codes else ""
    return f"  {role}: {{product: {product}{more}, archive: {archive}}} # {recipe.title}"
