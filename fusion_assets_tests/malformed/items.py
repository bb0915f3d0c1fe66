"""Items and catalogs: one item of three says something that nobody expects, or a link leads astray."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fusion_assets.imagery.engines.archive.engine import ArchiveEngine, scenes_for
from fusion_assets.imagery.engines.tolerance import tolerating
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import FIRST_DAY, SHAPE, make_item, small_request, write_catalog, write_tif
from fusion_assets_tests.malformed.case import MARK, Case
from fusion_assets_tests.malformed.oddities import junk, owners

FEW, MANY = 25, 500
_VALUES = (1000, 2000, 4000)
# With the odd item, and without it.
_MEDIAN, _MEDIAN_OF_OTHERS = 2000, 2500
_FEWER = "fewer items"
_ODD = "s1"
# What the code reads of an item and the plain one does not say.
_MORE: dict[str, tuple[str, ...]] = {
    "properties": (
        "start_datetime", "end_datetime", "proj:code", "proj:epsg", "proj:transform", "s2:processing_baseline",
        "s2:mgrs_tile", "grid:code", "mgrs:utm_zone", "sat:relative_orbit", "sat:orbit_state", "created", "updated",
        "s2:generation_time", "earthsearch:boa_offset_applied", "platform", "eo:cloud_cover", "constellation",
    ),
    "asset": (
        "proj:code", "proj:epsg", "proj:transform", "proj:shape", "scale", "offset", "nodata", "raster:scale",
        "raster:offset", "unit", "bands", "eo:bands", "raster:bands", "roles", "type", "title",
    ),
}  # fmt: skip
# Where another value may move the item out of the season or the region, which is no fault.
_PLACES = ("datetime", "geometry", "bbox", "properties", "links", "id", "type", "collection", "stac", "eo:cloud_cover")


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    for number in range(count):
        kind = random.choice(["field", "more", "text", "link"], p=[0.4, 0.35, 0.15, 0.1])
        name, work, place = _KINDS[kind](random)
        yield Case(f"{number} {name}"[:120].encode("ascii", "replace").decode(), work, partial(_right, place))


def _field(random: np.random.Generator) -> tuple[str, Callable[[Path], Any], str]:
    """A field that every item has is gone, or is something else."""
    at, odd = int(random.integers(10_000)), junk(random)
    gone = random.random() < 0.15

    def change(item: dict[str, Any]) -> None:
        places = list(owners(item))
        owner, key = places[at % len(places)]
        if gone:
            del owner[key]
        else:
            owner[key] = odd

    return f"field {at}: {'gone' if gone else repr(odd)}", partial(_composite, partial(_changed, change)), "any"


def _more(random: np.random.Generator) -> tuple[str, Callable[[Path], Any], str]:
    """A field that items may have is something else."""
    where = random.choice(list(_MORE))
    name, odd = random.choice(_MORE[where]), junk(random)

    def change(item: dict[str, Any]) -> None:
        owner = item["properties"] if where == "properties" else item["assets"]["blue"]
        owner[str(name)] = odd

    return f"{where} {name}: {odd!r}", partial(_composite, partial(_changed, change)), str(name)


def _text(random: np.random.Generator) -> tuple[str, Callable[[Path], Any], str]:
    """The file of an item or a catalog is no JSON any more, or another."""
    ways: dict[str, Callable[[str], str]] = {
        "cut": lambda text: text[: int(random.integers(len(text)))],
        "empty": lambda text: "",
        "list": lambda text: f"[{text}]",
        "twice": lambda text: text.replace('"id":', '"id": "other", "id":', 1),
        "deep": lambda text: "[" * 100_000,
        "deep object": lambda text: '{"a":' * 100_000,
        "long number": lambda text: text.replace('"id"', f'"n": {"9" * 5000}, "id"', 1),
        "bom": lambda text: "\ufeff" + text,
        "flipped": lambda text: _flipped(text, random),
        "html": lambda text: "<html>busy</html>",
    }
    way, file = str(random.choice(list(ways))), str(random.choice(["item", "collection", "catalog"]))
    state = copy.deepcopy(random.bit_generator.state)

    def write(root: Path) -> None:
        random.bit_generator.state = state
        path = next(iter(sorted(root.rglob(f"{_ODD if file == 'item' else file}.json"))))
        path.write_text(ways[way](path.read_text()))

    # Another letter in a catalog may make it another one, well formed, that links to fewer items.
    return f"{file} {way}", partial(_composite, write), _FEWER if way == "flipped" and file != "item" else "any"


def _flipped(text: str, random: np.random.Generator) -> str:
    at = int(random.integers(len(text)))
    return text[:at] + chr(int(random.integers(32, 127))) + text[at + 1 :]


def _link(random: np.random.Generator) -> tuple[str, Callable[[Path], Any], str]:
    """A link of a catalog or a collection leads elsewhere."""
    targets: tuple[Any, ...] = (
        "/dev/zero", "/dev/stdin", "pipe", ".", "./collection.json", "../catalog.json", "missing.json", 5, None, [], "",
        "http://127.0.0.1:9/x", f"http://user:{MARK}@127.0.0.1:9/a b", "file:///etc/hostname", "s1/s1.json#x", "huge",
    )  # fmt: skip
    target, of = targets[random.integers(len(targets))], str(random.choice(["collection", "catalog"]))
    relation = str(random.choice(["item", "child", "root", "parent", "self", "items"]))

    def write(root: Path) -> None:
        path = next(iter(sorted(root.rglob(f"{of}.json"))))
        content = json.loads(path.read_text())
        os.mkfifo(path.parent / "pipe")
        with (path.parent / "huge").open("w") as huge:
            huge.truncate(10**12)
        same = [link for link in content["links"] if link["rel"] == relation]
        (same[-1:] or content["links"].append({"rel": relation}) or content["links"][-1:])[0]["href"] = target
        path.write_text(json.dumps(content))

    return f"{of} {relation} {target!r}", partial(_composite, write), "any"


_KINDS = {"field": _field, "more": _more, "text": _text, "link": _link}


def _changed(change: Callable[[dict[str, Any]], None], root: Path) -> None:
    path = next(root.rglob(f"{_ODD}.json"))
    item = json.loads(path.read_text())
    change(item)
    path.write_text(json.dumps(item))


def _composite(spoil: Callable[[Path], None], folder: Path) -> tuple[int, bool]:
    """Median of the season in stored numbers, and whether the odd item was left out with a word."""
    properties = {"eo:cloud_cover": 10, "earthsearch:boa_offset_applied": True, "platform": "sentinel-2a"}
    items = []
    for day, value in enumerate(_VALUES):
        paths = {
            "blue": write_tif(folder / f"files/{day}_blue.tif", np.full(SHAPE, value, np.uint16)),
            "scl": write_tif(folder / f"files/{day}_scl.tif", np.full(SHAPE, 4, np.uint8)),
        }
        items.append(make_item(f"s{day}", paths, FIRST_DAY + dt.timedelta(days=5 * day), properties=properties))
    catalog = write_catalog(folder / "catalog", {"sentinel-2-l2a": items})
    spoil(folder / "catalog")
    request = small_request(catalog)
    scenes_for(request)  # as doctor does
    engine = ArchiveEngine(Storage(str(folder / "data")))
    export = engine.submit(request)
    json.dumps(export.to_dict())
    made, left_out = tolerating(
        lambda without: engine.collect(export, without).compute(),
        lambda: {**dict.fromkeys(export.scenes), **engine.unreadable(export)},
        request.partition,
        0.5,
    )
    (value,) = np.unique(np.round(made.B02.values * 10_000))
    return int(value), bool(left_out)


def _right(place: str, value: tuple[int, bool]) -> bool:
    median, said = value
    if place == _FEWER:
        return median in {np.median(some) for count in (1, 2, 3) for some in itertools.combinations(_VALUES, count)}
    return median == _MEDIAN or (median == _MEDIAN_OF_OTHERS and (said or place in ("any", *_PLACES)))
