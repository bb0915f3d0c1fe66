"""Study files: texts that are no study, values that nobody meant, paths that lead to what is no file."""

from __future__ import annotations

import copy
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import yaml

from fusion_assets import study as studies
from fusion_assets_tests.malformed.case import Case
from fusion_assets_tests.study.samples import BASE, SELECTION

FEW, MANY = 250, 4000
SECONDS = 10
_SQUARE = {"type": "Polygon", "coordinates": [[[84, 27], [85, 27], [85, 28], [84, 28], [84, 27]]]}
# A study with every key.
_WHOLE = {
    **BASE,
    "title": "Everything",
    "working_resolution": 250,
    "regions": [
        {"name": "box", "bbox": [84, 27, 85, 28], "crs": "EPSG:32645"},
        {"name": "drawn", "geometry": _SQUARE},
        {"name": "file", "geometry": "square.geojson"},
        {"name": "asked", "ee_features": {**SELECTION, "bbox": [84, 27, 85, 28]}},
    ],
    "products": {
        "sentinel2": {
            "product": "sentinel2_l2a",
            "bands": ["B02", "B08"],
            "windows": {2016: ["2016-04-01", "2016-09-30"]},
            "season": {"start": "07-01", "end": "12-31"},
            "mask": {"classes": [4, 5, 6]},
            "archive": {"path": "archive/catalog.json", "requester_pays": True},
            "max_cloud_cover": 80,
            "collection": "sentinel-2-l2a",
            "assets": {"B02": "image#1"},
        },
        "night_lights": {"product": "viirs_monthly", "mask": {"min_coverage": 3}},
        "labels": {"product": "ghsl_built_surface", "built_up_threshold": 0.1},
    },
    "features": "both",
    "lights": {"reference": "linear", "outliers": True, "background": 0.3, "negative": "zero"},
    "max_unreadable_share": 0.1,
    "min_valid_share": 0.25,
    "reference_sample": "points.csv",
    "earth_engine": {"way": "batch", "most_tasks": 20, "when_full": "wait", "priority": 100, "workload_tag": "x"},
    "ndvi": {
        "resolution": 500,
        "years": [2016],
        "sentinel2": {"product": "sentinel2_l2a", "mask": {"cloud_score": 0.6}},
        "sentinel1": "sentinel1_grd",
        "speckle": {"filter": "spatial", "window": 5},
        "method": "linear",
        "every_days": 10,
        "margin_days": 60,
        "sample": 20000,
    },
}
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2015, 2016.0, -0.0, 0.5, 5e-324, 1e-300, 1e300, 1e308, float("inf"), float("nan"),
    10**17, 2**31, 2**63, "", " ", "x", "2015", "1e3", "nan", "true", "none", "any", "archive", "demo", "a/b", "..",
    "../x", "a|b", "é", "\u0430", "\u00df", "\U00010330" * 64, "x" * 10_000, "\x00", "\x1b[2J", "\ud800", "\u202ex",
    "~nosuchuser/x.csv", "/dev/zero", "pipe.csv", "pipe.geojson", "circle.csv", "circle.geojson", "folder",
    "socket.geojson", "locked.geojson", "no.geojson", "a" * 5000 + ".csv", "https://host/x.csv", "ftp://x", "://",
    "vrt.geojson", [], {}, [[]], [{}], [None], [True, True], [1, 2, 3, 4], [27, 84, 28, 85], [179, 0, -179, 1],
    [84, 27, 84, 28], [-180, -90, 180, 90], [85, 28, 84, 27], [float("nan")] * 4, ["84", "27", "85", "28"],
    {"a": {}}, {"type": "Polygon"}, {"from": 1975, "to": 2100}, {"from": 2100, "to": 1975}, {1: 2}, {"start": "02-30"},
    {"start": "12-31", "end": "01-01"}, {2016: [10**8, 1]}, {2016: ["0001-01-01", "9999-12-31"]},
    "EPSG:4326", "EPSG:4978", "EPSG:5703", "EPSG:32645+5773", "EPSG:3857", "EPSG:2193", "IAU_2015:30110", "EPSG:99999",
    "+proj=utm +zone=45 +a=1737400 +rf=298", "+proj=tmerc +R=1", "+proj=tmerc +R=1e300", "+proj=utm +zone=45 +pm=paris",
    "+proj=tmerc +a=6378137 +b=7000000", "+proj=tmerc +a=6378137 +f=inf", "+proj=tmerc +lon_0=85 +k=1e-300",
    "+proj=tmerc +lon_0=85 +k=1e300", "+proj=tmerc +lon_0=85 +x_0=1e300", "+proj=utm +zone=45 +nadgrids=/dev/zero",
    "+init=/dev/zero:x", "+proj=pipeline +step +proj=utm +zone=45", "+proj=geos +h=35785831", "PROJCS[" * 100,
    '{"type": "ProjectedCRS"}', 'LOCAL_CS["x", UNIT["m", 1]]', "urn:ogc:def:crs:EPSG::32645", "utm",
)  # fmt: skip
# As written: what cannot be said with values.
_TEXTS = (
    '!!int ""', "!!int 0x" + "f" * 4300, '!!float ""', "!!bool x", "!!timestamp x", "!!binary x", "!!set {a, b}",
    "!!omap [a: b]", "!!python/object:os.system x", "!foo x", "!!map [a]", "!!seq {a: b}", "!!null {}", "9" * 5000,
    "9" * 4000, "*a", "&a [*a]", "&a {b: *a}", "[" * 500, "[" * 500 + "]" * 500, "{a: " * 500, "- " * 500, "? " * 500,
    "{? [a] : b}", "{.nan: 1}", "{~: 1}", '{!!merge "<<": {a: b}}', "{<<: {a: b}}", "12:30:45", "0o17", "0b1", ".inf",
    "2016-01-01", "\x00", "\x07", "\ufeff", "%", "@", "`", "'", '"', "|", ">", "---\n---", "...", "\t", "# x",
)  # fmt: skip
_BOMB = "\n".join(
    f"{letter}: &{letter} [{', '.join([f'*{before}'] * 9) if before else 'x'}]"
    for before, letter in zip(["", *"abcdefgh"], "abcdefghi", strict=True)
)
_OUTLINES = (
    [], [[]], [[[]]], [[[84]]], [[[84, 27], [85, 27]]], [[[84, 27], [85, 28], [85, 27], [84, 28]]],
    [[[84, 27, 1], [85, 27], [85, 28, 1], [84, 27, 1]]], [[[84, 27], [True, 27], [85, 28]]],
    [[["84", "27"], ["85", "27"], ["85", "28"]]], [[[84, float("nan")], [85, 27], [85, 28]]],
    [[[1e308, 1e308], [-1e308, 1e308], [0, -1e308]]], [[[10**400, 1], [2, 3], [4, 5]]], "abc", None, 7, {},
    [[[300000, 3e6], [310000, 3e6], [310000, 3.1e6]]], [[[179, 0], [181, 0], [181, 1]]],
)  # fmt: skip


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    listed = list(_listed())
    for number in range(count):
        # What is known comes first, at random where there is room for less.
        name, text, prepare = listed[number] if number < len(listed) and seed else _mutated(random, listed)
        yield Case(f"{number} {name}"[:200], partial(_load, text, prepare), _is_study)


def _listed() -> Iterator[tuple[str, bytes, Callable[[Path], None]]]:
    whole = _dump(_WHOLE)
    for name, text in (
        ("nothing", ""),
        ("bomb", f"{_BOMB}\n{whole}"),
        ("used bomb", f"{_BOMB}\n{whole.replace('title: Everything', 'title: *i')}"),
        ("100 MB", "#" * 100_000_000),
        ("many values", "x: [" + "1," * 3_000_000 + "1]"),
        ("many keys", "".join(f"k{number}: 1\n" for number in range(200_000))),
        (
            "many regions",
            _dump({**BASE, "regions": [{"name": f"r{n}", "bbox": [84, 27, 85, 28]} for n in range(5001)]}),
        ),
        ("many systems", _dump({**BASE, "regions": [_odd_region(n) for n in range(500)]})),
        ("long line", "name: " + "x" * 5_000_000),
    ):
        yield name, text.encode(), _nothing
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"):
        yield encoding, whole.encode(encoding, "replace"), _nothing
    for coordinates in _OUTLINES:
        outline = {"type": "Polygon", "coordinates": coordinates}
        yield f"outline {coordinates!r}"[:80], whole.encode(), partial(_outline, json.dumps(outline))
    for name in ("noise", "zigzag", "star", "hatch", "holes", "islands", "lists"):
        yield f"outline of {name}", whole.encode(), partial(_long_outline, name)


def _odd_region(number: int) -> dict[str, Any]:
    return {"name": f"r{number}", "bbox": [84, 27, 85, 28], "crs": f"+proj=utm +zone=45 +x_0={number} +towgs84=1,2,3"}


def _mutated(random: np.random.Generator, listed: list[Any]) -> tuple[str, bytes, Callable[[Path], None]]:
    kind = random.integers(4)
    if kind == 0 and random.random() < 0.1:
        return listed[random.integers(10, len(listed))]
    content = copy.deepcopy(_WHOLE)
    content["regions"] = [content["regions"][random.integers(len(content["regions"]))]]
    if kind < 2:
        path, value = _replace(random, content)
        return f"{path} is {value!r}", _dump(content).encode("utf-8", "surrogatepass"), _nothing
    text = _dump(content)
    if kind == 2:
        lines = text.splitlines()
        at = int(random.integers(len(lines)))
        value = _TEXTS[random.integers(len(_TEXTS))]
        lines[at] = lines[at].partition(":")[0] + ": " + value
        return f"{lines[at][:60]!r}", "\n".join(lines).encode(), _nothing
    return "characters", _scrambled(random, text.encode()), _nothing


def _replace(random: np.random.Generator, content: Any) -> tuple[str, Any]:
    """Puts an odd value, or an odd key, somewhere into a study."""
    path: list[Any] = []
    while True:
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))
        key = keys[random.integers(len(keys))]
        path.append(key)
        if not isinstance(content[key], dict | list) or not content[key] or random.random() < 0.2:
            break
        content = content[key]
    value = _VALUES[random.integers(len(_VALUES))]
    if isinstance(content, dict) and random.random() < 0.1:
        odd = f"{key}s" if random.random() < 0.5 else (value if isinstance(value, str | int | float) else "?")
        content[odd] = content.pop(key)
        return ".".join(map(str, path)), {odd: "a key"}
    content[key] = value
    return ".".join(map(str, path)), value


def _scrambled(random: np.random.Generator, text: bytes) -> bytes:
    for _ in range(random.integers(1, 6)):
        at, to = sorted(random.integers(0, len(text), 2))
        kind = random.integers(4)
        if kind == 0:
            text = text[:at] + bytes(random.integers(0, 256, random.integers(1, 4)).astype(np.uint8)) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + int(random.integers(1, 10)) :]
        elif kind == 2:
            text = text[:at] + text[at : min(to, at + 200)] + text[at:]
        else:
            odd = b":-[]{},#&*!|>'\"%@`? \n\t"[random.integers(22) :][:1]
            text = text[:at] + odd + text[at:]
    return text


def _dump(content: Any) -> str:
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def _nothing(folder: Path) -> None:
    pass


def _outline(text: str, folder: Path) -> None:
    (folder / "square.geojson").write_text(text)


def _long_outline(kind: str, folder: Path) -> None:
    random, count = np.random.default_rng(0), 100_000
    radius = {
        "noise": 0.4 + 0.01 * random.random(count),
        "zigzag": 0.4 + 0.05 * (np.arange(count) % 2),
        "star": 0.01 + 0.4 * (np.arange(count) % 2),
    }.get(kind, np.full(1000, 0.4))
    turn = 2 * np.pi * np.arange(len(radius)) / len(radius)
    rings = [np.c_[84.5 + radius * np.cos(turn), 27.5 + radius * np.sin(turn)].tolist()]
    content: Any = {"type": "Polygon", "coordinates": rings}
    spots = [[[x, y], [x + 1e-4, y], [x, y + 1e-4]] for x, y in 84 + random.random((40_000, 2)) - [0, 57]]
    if kind == "holes":
        content["coordinates"] = rings + spots
    elif kind == "islands":
        content = {"type": "MultiPolygon", "coordinates": [[spot] for spot in spots]}
    elif kind == "hatch":
        bars = [(x, 27, x + 1e-4, 28) for x in np.linspace(84, 85, 1500)]
        bars += [(84, y, 85, y + 1e-4) for y in np.linspace(27, 28, 1500)]
        content = {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "coordinates": [[[a, b], [c, b], [c, d], [a, d], [a, b]]]} for a, b, c, d in bars
            ],
        }
    elif kind == "lists":
        content["coordinates"] = [[]] * 5_000_000
    _outline(json.dumps(content), folder)


def _load(text: bytes, prepare: Callable[[Path], None], folder: Path) -> Any:
    from fusion_assets_tests.whole_studies import load_study

    _outline(json.dumps(_SQUARE), folder)
    prepare(folder)
    _surroundings(folder)
    (folder / "x.yaml").write_bytes(text)
    start = time.process_time()
    # Without the net that names what is not foreseen.
    with patch.object(studies, "unforeseen", lambda source: _NoNet()):
        study = load_study(folder / "x.yaml")
        study.digest()
    seconds = time.process_time() - start
    return study if seconds < SECONDS else f"took {seconds:.0f} s"


class _NoNet:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _surroundings(folder: Path) -> None:
    """What paths may lead to."""
    (folder / "folder").mkdir()
    for ending in ("csv", "geojson"):
        os.mkfifo(folder / f"pipe.{ending}")
        (folder / f"circle.{ending}").symlink_to(f"circle.{ending}")
    with socket.socket(socket.AF_UNIX) as listener:
        place = os.open(folder, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{place}/socket.geojson")
        finally:
            os.close(place)
    (folder / "locked.geojson").touch(0)
    (folder / "vrt.geojson").write_text("<OGRVRTDataSource/>")


def _is_study(value: Any) -> bool:
    if not isinstance(value, studies.Study):
        return False
    names = {region.name.casefold() for region in value.regions}
    numbers = (value.resolution, value.min_valid_share, value.max_unreadable_share)
    return len(names) == len(value.regions) and all(np.isfinite(numbers)) and bool(value.prediction_years)
