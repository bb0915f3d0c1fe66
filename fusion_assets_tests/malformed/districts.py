"""Files of districts: what people export, cut, convert and damage, in every format."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import shapely
import yaml

from fusion_assets import study as studies
from fusion_assets.study.areas import MOST_AREAS
from fusion_assets.study.names import is_name
from fusion_assets_tests.malformed.case import Case
from fusion_assets_tests.malformed.oddities import junk, owners
from fusion_assets_tests.study.samples import BASE

FEW, MANY = 60, 600
_ENDINGS = ("gpkg", "geojson", "shp", "parquet")
_NAMES = ("here", "there", "elsewhere")
_BOXES = (shapely.box(84, 27, 84.3, 27.3), shapely.box(84.3, 27, 84.6, 27.3), shapely.box(84.6, 27, 84.9, 27.3))
Write = Callable[[Path], Path]


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    return cases_of(seed, count, _load, _is_study)


def cases_of(seed: int, count: int, use: Callable[[Write, Path], Any], right: Callable[[Any], bool]) -> Iterator[Case]:
    """Files of districts, whatever they are for.

    Args:
        seed: of the cases.
        count: of them.
        use: has a file written in a folder, and does with it what a user does.
        right: whether what comes out is right.
    """
    random = np.random.default_rng(seed)
    listed = list(_listed())
    for number in range(count):
        if number < len(_ENDINGS):
            ending = _ENDINGS[number]
            yield Case(f"{number} good {ending}", partial(use, partial(_written, ending)), right, must_work=True)
            continue
        # What is known comes first, at random where there is room for less.
        if seed and number - len(_ENDINGS) < len(listed):
            name, write = listed[number - len(_ENDINGS)]
        elif random.random() < 0.5:
            name, write = listed[random.integers(len(listed))]
        else:
            name, write = _mutated(random)
        yield Case(f"{number} {name}"[:200], partial(use, write), right)


def _listed() -> Iterator[tuple[str, Write]]:
    for ending in _ENDINGS:
        for name, changes in _contents():
            yield f"{name} in {ending}", partial(_written, ending, **changes)
        yield f"empty {ending}", partial(_bytes, ending, b"")
        yield f"text in {ending}", partial(_bytes, ending, b"name,geometry\nhere,POINT (1 1)\n")
        for other in _ENDINGS:
            if other != ending:
                yield f"{ending} called {other}", partial(_renamed, ending, other)
    for part in ("dbf", "shx", "prj", "cpg"):
        yield f"no .{part}", partial(_without, part)
    for code in (b"UTF-8", b"ISO-8859-1", b"nonsense", b"", b"\xff" * 2000):
        yield f"Latin letters with .cpg {code[:20]!r}", partial(_latin, code)
    yield "Parquet without outlines", _plain_parquet
    for about in ("", "{", "[]", "{}", '{"primary_column": "x", "columns": {}}', "[" * 5000):
        yield f"Parquet that says {about[:40]!r}", partial(_told_parquet, about)
    features = '{"type": "FeatureCollection", "features": '
    for text in ("[]", features, features + "null}", features + "[1]}", features + "[{}]}", "[" * 100_000):
        yield f"GeoJSON {text[:60]!r}", partial(_bytes, "geojson", text.encode())


def _contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """What a file holds in place of names, outlines or CRS."""
    yield "no name column", {"column": "nom"}
    for name, names in (
        ("one name for all", ("here",) * 3), ("names in other capitals", ("Here", "hERE", "here")),
        ("empty names", ("", " ", "here")), ("no names", (None, None, None)), ("numbers", (1, 2, 3)),
        ("fractions", (1.5, float("nan"), float("inf"))), ("long names", ("x" * 70, "y" * 200, "z")),
        ("paths", ("../x", "/etc", "a|b")), ("signs for terminals", ("\x1b[2J", "\u202ea", "b\nc")),
        ("names alike", ("a b", "a_b", "a/b")),
    ):  # fmt: skip
        yield name, {"names": names}
    for name, shape in _outlines():
        yield name, {"shapes": (_BOXES[0], shape, _BOXES[2])}
    for crs in (None, "EPSG:3857", "EPSG:4978", "EPSG:5703", "EPSG:32645", "EPSG:27572", "IAU_2015:30110"):
        yield f"CRS {crs}", {"crs": crs}
    swapped = tuple(shapely.transform(box, lambda points: points[:, ::-1] + [0, 30]) for box in _BOXES)
    yield "latitude first", {"shapes": swapped}
    yield "no districts", {"names": (), "shapes": ()}
    too_many = MOST_AREAS + 1
    yield "too many districts", {"names": [f"d{n}" for n in range(too_many)], "shapes": [_BOXES[0]] * too_many}


def _outlines() -> Iterator[tuple[str, Any]]:
    yield from (("no outline", None), ("empty outline", shapely.Polygon()), ("point", shapely.Point(84.4, 27.1)))
    yield "line", shapely.LineString([(84.3, 27), (84.6, 27.3), (84.3, 27.3)])
    yield "lines and polygons", shapely.GeometryCollection([_BOXES[1], shapely.LineString([(84.3, 27), (84.4, 27)])])
    yield "crossing itself", shapely.Polygon([(84.3, 27), (84.6, 27.3), (84.6, 27), (84.3, 27.3)])
    yield "without area", shapely.Polygon([(84.3, 27), (84.6, 27), (84.4, 27)])
    yield "hole outside", shapely.Polygon(_BOXES[1].exterior, [shapely.box(84.7, 27, 84.8, 27.1).exterior])
    yield "parts over each other", shapely.MultiPolygon([_BOXES[1], shapely.box(84.2, 27, 84.5, 27.2)])
    yield "heights", shapely.force_3d(_BOXES[1], 8000.0)
    yield "round the world", shapely.box(-180, -90, 180, 90)
    for value in (float("nan"), float("inf"), 1e308, 181.0, 1e-320):
        yield f"corner at {value}", shapely.Polygon([(84.3, 27), (84.6, 27), (value, 27.3)])
        yield f"corner at latitude {value}", shapely.Polygon([(84.3, 27), (84.6, 27), (84.4, value)])
    turn = np.linspace(0, 2 * np.pi, 400_000, endpoint=False)
    radius = 0.1 + 0.02 * (np.arange(len(turn)) % 2)
    yield "very many corners", shapely.Polygon(np.c_[84.45 + radius * np.cos(turn), 27.15 + radius * np.sin(turn)])


def _written(
    ending: str,
    folder: Path,
    names: Any = _NAMES,
    shapes: Any = _BOXES,
    crs: str | None = "EPSG:4326",
    column: str = "name",
) -> Path:
    """A file of districts; what its format cannot hold makes it an empty one."""
    import geopandas as gpd

    path = folder / f"districts.{ending}"
    if ending == "geojson":  # by hand: writers leave out what is odd
        outlines = [None if shape is None else shapely.geometry.mapping(shape) for shape in shapes]
        features = [
            {"type": "Feature", "properties": {column: name}, "geometry": outline}
            for name, outline in zip(names, outlines, strict=True)
        ]
        named = {"crs": {"type": "name", "properties": {"name": crs}}} if crs != "EPSG:4326" else {}
        path.write_text(json.dumps({"type": "FeatureCollection", **named, "features": features}))
        return path
    try:
        frame = gpd.GeoDataFrame({column: list(names)}, geometry=list(shapes), crs=crs)
        frame.to_parquet(path) if ending == "parquet" else frame.to_file(path)
    except Exception:
        path.write_bytes(b"")
    return path


def _bytes(ending: str, content: bytes, folder: Path) -> Path:
    path = folder / f"districts.{ending}"
    path.write_bytes(content)
    return path


def _renamed(ending: str, other: str, folder: Path) -> Path:
    return _written(ending, folder).rename(folder / f"districts.{other}")


def _without(part: str, folder: Path) -> Path:
    path = _written("shp", folder, names=("hère", "thère", "elsewhère"))
    path.with_suffix(f".{part}").unlink(missing_ok=True)
    return path


def _latin(code: bytes, folder: Path) -> Path:
    path = _written("shp", folder, names=("h?re", "th?re", "elsewh?re"))
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace(b"h?re", b"h\xe8re"))
    path.with_suffix(".cpg").write_bytes(code)
    return path


def _plain_parquet(folder: Path) -> Path:
    path = _written("parquet", folder)
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)
    return path


def _told_parquet(about: str, folder: Path) -> Path:
    path = _written("parquet", folder)
    pq.write_table(pq.read_table(path).replace_schema_metadata({"geo": about}), path)
    return path


def _mutated(random: np.random.Generator) -> tuple[str, Write]:
    """A good file with odd values or other bytes in it."""
    kind = random.integers(3)
    if kind == 0:
        content = copy.deepcopy(_document())
        places = list(owners(content))
        owner, key = places[random.integers(len(places))]
        owner[key] = junk(random)
        text = json.dumps(content).encode()
        return f"GeoJSON with {owner[key]!r}"[:100], partial(_bytes, "geojson", text)
    ending = _ENDINGS[random.integers(len(_ENDINGS))]
    parts = dict(_parts(ending))
    part = sorted(parts)[random.integers(len(parts))]
    damaged = bytearray(parts[part])
    if kind == 1:
        del damaged[random.integers(len(damaged) + 1) :]
    else:
        for _ in range(random.integers(1, 20)):
            if damaged:
                damaged[random.integers(len(damaged))] = random.integers(256)
    what = "cut" if kind == 1 else "damaged"
    return f"{ending} with {what} .{part}", partial(_together, ending, parts | {part: bytes(damaged)})


@cache
def _document() -> dict[str, Any]:
    return json.loads(dict(_parts("geojson"))["geojson"])


@cache
def _parts(ending: str) -> tuple[tuple[str, bytes], ...]:
    """The files of a good file of districts, by ending."""
    with tempfile.TemporaryDirectory() as folder:
        _written(ending, Path(folder))
        return tuple((path.suffix[1:], path.read_bytes()) for path in sorted(Path(folder).iterdir()))


def _together(ending: str, parts: dict[str, bytes], folder: Path) -> Path:
    for each, content in parts.items():
        _bytes(each, content, folder)
    return folder / f"districts.{ending}"


def _load(write: Write, folder: Path) -> Any:
    regions = {"file": write(folder).name, "name": "name"}
    (folder / "x.yaml").write_text(yaml.safe_dump({**BASE, "regions": regions}))
    # Without the net that names what is not foreseen.
    with patch.object(studies, "unforeseen", lambda source: contextlib.nullcontext()):
        study = studies.load_study(folder / "x.yaml")
    study.digest()
    return study


def _is_study(value: Any) -> bool:
    names = [region.name for region in value.regions]
    alike = len({name.casefold() for name in names}) < len(names)
    return not alike and all(is_name(name) and _is_outline(value.polygon(name)) for name in names)


def _is_outline(outline: Any) -> bool:
    west, south, east, north = outline.bounds
    inside = -180 <= west < east <= 360 and -90 <= south < north <= 90
    finite = np.isfinite(shapely.get_coordinates(outline)).all()
    return bool(inside and finite and outline.is_valid and outline.area > 0)
