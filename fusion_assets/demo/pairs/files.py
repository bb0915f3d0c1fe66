"""A world of pairs as files: a STAC catalog over the scenes and maps of all its places."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fusion_assets.demo.catalog import LICENSE, NOTICE, write_catalog, write_collection, write_json
from fusion_assets.demo.pairs.place import WORLDS, places_of
from fusion_assets.demo.pairs.scenes import COLLECTIONS, write_place
from fusion_assets.demo.whole import Kind, build_once
from fusion_assets.errors import FusionError
from fusion_assets.storage.simulation import RECORD, WORD

# Raise it whenever the same parameters would give other values.
_GENERATOR = 1
MOST = min(map(len, WORLDS))
"""Places."""
_KIND = Kind("synthetic pairs", "pairs", ("catalog.json",), "60 MB")


def build(folder: str | Path, seed: int = 0, *, world: int = 0, places: int = MOST) -> Path:
    """Write a world unless the same one is there already; return its folder. Several processes may at once.

    Args:
        folder: for the files. A world of other parameters is replaced; anything else is left alone.
        seed: 0 or more.
        world: 0, or 1 for one with other places.
        places: how many of its places, 1 to 6; each is the same whatever their number.

    Raises:
        FusionError: a parameter out of range, or `folder` is something else or cannot be written.
    """
    if seed < 0 or int(seed) != seed:
        raise FusionError(f"seed of the pairs = {seed}", "a whole number, 0 or more", "choose another seed")
    if world not in range(len(WORLDS)):
        raise FusionError(f"world of the pairs = {world}", "0 or 1", "choose one of them")
    if places not in range(1, MOST + 1):
        raise FusionError(f"{places} places of pairs", f"1 to {MOST}", "choose another number")
    parameters = {"generator": _GENERATOR, "seed": int(seed), "world": int(world), "places": int(places)}
    return build_once(Path(folder), _KIND, parameters, lambda work: _write(work, parameters))


def _write(work: Path, parameters: Mapping[str, Any]) -> None:
    places = places_of(parameters["seed"], parameters["world"])[: parameters["places"]]
    # The digest makes scenes of two worlds different scenes, so that nothing computed from one passes for the other.
    prefix = f"{WORD}_{hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:6]}"
    # Threads, not processes: numpy, scipy and GDAL release the interpreter.
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        made = list(pool.map(lambda place: write_place(work, prefix, place, place is places[0]), places))
    items = [item for of_place in made for item in of_place]
    for name, (title, text) in COLLECTIONS.items():
        write_collection(work, name, title, text, [item for item in items if item["collection"] == name])
    write_catalog(work, "synthetic-pairs", "SYNTHETIC pairs", COLLECTIONS)
    record = {"synthetic": True, "description": NOTICE, "license": LICENSE, "pairs": dict(parameters)}
    write_json(work / RECORD, {**record, "regions": [place.outline() for place in places]})
