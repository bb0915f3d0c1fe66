"""Which scenes belong together: granules of one pass, processings of one granule, doubts of one kind."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from fusion_assets.imagery.scenes import Scene

# Granules of one pass over a region are seconds apart; the next pass is at least an orbit (100 minutes) away.
_SAME_PASS = dt.timedelta(seconds=60)
_UNCOVERED = 0.01
"""Outlines of two processings differ a little; by more, the older one has something that the newer one has not."""
_SHOWN = 3


def newest_processing(scenes: Sequence[Scene]) -> tuple[list[Scene], list[str]]:
    """Scenes without those that another one is a newer processing of: the same tile and pass, and all that it covers.

    Granules that share a tile and cover parts of it stay.

    Returns:
        The scenes that stay, in the same order, and for each that does not a line saying so.
    """
    replaced: dict[str, str] = {}
    of_tile: dict[str, list[Scene]] = {}
    for scene in scenes:
        of_tile.setdefault(scene.tile, []).append(scene)
    for older in scenes:
        newer = [other for other in of_tile[older.tile] if older.tile and _is_newer(other, older)]
        if newer:
            replaced[older.id] = max(newer, key=lambda scene: (scene.version, scene.id)).id
    kept = [scene for scene in scenes if scene.id not in replaced]
    return kept, [f"{old}: left out, {new} is a newer processing of it" for old, new in replaced.items()]


def _is_newer(other: Scene, scene: Scene) -> bool:
    if (other.version, other.id) <= (scene.version, scene.id):
        return False
    if abs(other.start - scene.start) > _SAME_PASS or len({platform_of(one) for one in (other, scene)} - {""}) > 1:
        return False
    if scene.problem or other.problem or scene.outline is None or other.outline is None:
        return False
    return bool(scene.outline.difference(other.outline).area <= _UNCOVERED * scene.outline.area)


def gathered(scenes: Sequence[Scene]) -> tuple[str, ...]:
    """What is doubtful about scenes, in words: what is said of many is said once."""
    ids: dict[str, list[str]] = {}
    for scene in scenes:
        for flag in scene.flags:
            of_scene = flag.startswith(f"{scene.id}: ")
            ids.setdefault(flag.removeprefix(f"{scene.id}: "), []).extend([scene.id] if of_scene else [])
    return tuple(f"{_listed(names)}: {text}" if names else text for text, names in ids.items())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def acquisitions(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Group the granules of one pass, so that where they overlap the pass counts once.

    Scenes of one platform whose start times follow each other within a minute are one acquisition. Inside a group
    scenes are ordered by id, those of one tile by their processing, the newest first: where two are clear at a pixel,
    the first is taken.
    """
    groups: list[list[Scene]] = []
    for scene in sorted(scenes, key=lambda s: (platform_of(s), s.start, s.id)):
        last = groups[-1][-1] if groups else None
        if last and platform_of(last) == platform_of(scene) and scene.start - last.start <= _SAME_PASS:
            groups[-1].append(scene)
        else:
            groups.append([scene])
    ordered = [_in_order(group) for group in groups]
    return sorted(ordered, key=lambda group: (group[0].start, group[0].id))


def _in_order(group: Sequence[Scene]) -> list[Scene]:
    by_id = sorted(group, key=lambda scene: scene.id)
    first: dict[str, str] = {}
    for scene in by_id:
        first.setdefault(scene.tile or scene.id, scene.id)
    newest_first = sorted(by_id, key=lambda scene: (scene.version, scene.id), reverse=True)
    return sorted(newest_first, key=lambda scene: first[scene.tile or scene.id])


def platform_of(scene: Scene) -> str:
    """One spelling for a satellite: `Sentinel-2A`, `sentinel_2a` and `S2A` are `s2a`."""
    plain = re.sub(r"[^a-z0-9]", "", scene.platform.lower())
    return re.sub(r"^(copernicus)?sentinel", "s", plain)
