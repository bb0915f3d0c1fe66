"""Files of the storage after mishaps: cut, flipped, swapped, emptied, of another version, of another kind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.content_records import ContentRecord, check_content, check_pixels
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.settings import Settings
from fusion_assets.storage.cubes import steps, write_cube
from fusion_assets.storage.folders import write_folder
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.storage.root import Storage
from fusion_assets.study.imagery_requests import request_for
from fusion_assets_tests.malformed.case import Case
from fusion_assets_tests.small_maps import small_study

FEW, MANY = 30, 250
_GRID = Grid("EPSG:32631", Affine(10.0, 0, 500_000, 0, -10.0, 5_600_000), 40, 30)
_YEARS = ("2016", "2017")
_EXTENSIONS = {"rasters": "tif", "tables": "parquet", "documents": "json", "cubes": "json", "folders": "json"}
_FACTS = {"study": "two", "grid_digest": _GRID.digest}
_ODD_JSON: tuple[Any, ...] = (
    None, [], {}, 0, -1, 1e308, True, "", "x", "\\ud800", ["\\x1b[2J"], 10**30, {"a": {"b": []}},
)  # fmt: skip
_ODD_BYTES = (
    b"", b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b'{"a": NaN}', b'{"a": 1e999}', b"{", b"\xff\xfe\x00", b"\0" * 50,
    b"[1, 2]", b'"text"', b"null", b"1" * 5000, b"{" + b'"k": 1,' * 9 + b"}", b"PAR1" + b"\0" * 40 + b"PAR1",
    b"II*\0\x08",
)  # fmt: skip


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    kinds = (*_EXTENSIONS, "operations", "tickets")
    for number in range(count):
        kind = kinds[number % len(kinds)]
        mutation = _MUTATIONS[int(random.integers(len(_MUTATIONS)))]
        key = int(random.integers(2**31))
        work = partial(_operation if kind in ("operations", "tickets") else _artifact, kind, mutation, key)
        yield Case(f"{number} {kind} {mutation.__name__} {key}", work, lambda value: value == "as it was")


def _artifact(kind: str, mutation: Callable[[Path, np.random.Generator], None], key: int, folder: Path) -> str:
    """Whether what is loaded after a mishap is what was stored; the record of it is compared as in a run."""
    place, records = _stored(str(folder / "data"))
    manager, artifact = place[kind], Artifact(kind, "r", "2016")
    before = _content(manager.load(artifact))
    path = Path(manager.path(artifact))
    if kind in ("cubes", "folders") and key % 2:
        files = sorted(each for each in path.parent.glob("2016-*/**/*") if each.is_file())
        path = files[key % len(files)]
    mutation(path, np.random.default_rng(key))
    manager = managers(str(folder / "data"), lambda *asked: _FACTS)[kind]
    manager.found(artifact)
    check_content(manager, artifact, records[kind])
    check_pixels(manager, artifact, records[kind].digests, "as recorded")  # as `fusion verify` does
    return "as it was" if _content(manager.load(artifact)) == before else "something else"


def _stored(root: str) -> tuple[dict[str, Any], dict[str, ContentRecord]]:
    """One artifact of each kind in two years, and what a run would have recorded of the first."""
    place, records = managers(root, lambda *asked: _FACTS), {}
    random = np.random.default_rng(0)
    for year in reversed(_YEARS):
        pixels = random.random(_GRID.shape).astype("f4")
        table = pd.DataFrame({"x": random.random(20), "label": np.arange(20) % 2})
        where = Artifact("cubes", "r", year)
        series = _GRID.dataset({"ndvi": pixels}).expand_dims(time=pd.to_datetime([f"{year}-07-01"]))
        path, storage = place["cubes"].path(where), place["cubes"].storage
        values = {
            "rasters": write_raster(_GRID.dataset({"a": pixels}), nodata=np.nan, tags=_FACTS),
            "tables": (table, {"rows": 20, "mean": float(table["x"].mean())}),
            "documents": {"threshold": float(random.random()), "years": [1, 2], "text": year},
            "cubes": write_cube(series, storage, path, encodings={"ndvi": steps(1e-4)}, facts=_FACTS),
            "folders": write_folder(
                storage, place["folders"].path(Artifact("folders", "r", year)), partial(_filled, year), facts=_FACTS
            ),
        }
        for kind, value in values.items():
            metadata = place[kind].save(value, Artifact(kind, "r", year))
            texts = {name: held for name, held in metadata.items() if isinstance(held, str)}
            records[kind] = ContentRecord(texts, os.stat(place[kind].path(Artifact(kind, "r", year))).st_mtime + 1)
    return place, records


def _filled(year: str, folder: Path) -> None:
    for number in range(3):
        (folder / f"{number}.bin").write_bytes(year.encode() * (50 + number))


def _content(value: Any) -> str:
    """All of a value, as text."""
    if isinstance(value, tuple):
        return " ".join(map(_content, value))
    if isinstance(value, pd.DataFrame):
        return value.to_json(double_precision=15)
    if isinstance(value, dict) and all(name.endswith(".bin") for name in value):  # the files of a folder
        return " ".join(f"{name} {Path(path).read_bytes()!r}" for name, path in value.items())
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return " ".join(f"{name} {value[name].to_numpy().tolist()}" for name in value.data_vars)


@cache
def _export() -> Export:
    settings = Settings.from_environment({"storage": "/unused", "archive": "unused"})
    request = request_for(small_study(), settings, "sentinel2", "west", 2016)
    moment = "2020-01-01T00:00:00+00:00"
    return Export("0123456789ab", request, ("s1", "s2"), "SUCCEEDED", "archive", moment, moment)


def _operation(kind: str, mutation: Callable[[Path, np.random.Generator], None], key: int, folder: Path) -> str:
    """What the sensor sees of a list with one good and one mutated operation; what an asset makes of such a ticket."""
    operations.forget()
    storage, good = Storage(folder), _export()
    path = Path(operations.file_of(storage, good.id))
    storage.write_bytes(json.dumps(good.to_dict()).encode(), str(path))
    other = good.to_dict() | {"id": "ba9876543210"}
    storage.write_bytes(json.dumps(other).encode(), operations.file_of(storage, other["id"]))
    mutation(path, np.random.default_rng(key))
    if kind == "tickets":
        facts = operations.read(storage, good.id)
        return "as it was" if facts is None or _harmless(Export.from_dict(facts)) else "something else"
    seen = list(operations.recent(storage, "", Export.from_dict))
    rest = [each for each in seen if each.id != other["id"]]
    kept = len(seen) - len(rest) == (0 if not Path(operations.file_of(storage, other["id"])).is_file() else 1)
    return "as it was" if (kept or operations.odd()) and all(map(_harmless, rest)) else "something else"


def _harmless(export: Export) -> bool:
    """Whether an operation can be worked with; who asks for it again compares its request and its scenes."""
    return bool(export.scenes) and bool(export.request.recipe_digest) and export.request.area.area > 0


def _nothing(path: Path, random: np.random.Generator) -> None:
    """No mishap."""


def _cut(path: Path, random: np.random.Generator) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(random.integers(len(content) + 1))])


def _flipped(path: Path, random: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    for place in random.integers(len(content), size=int(random.integers(1, 9))):
        content[place] ^= int(random.integers(1, 256))
    path.write_bytes(bytes(content))


def _odd(path: Path, random: np.random.Generator) -> None:
    path.write_bytes(_ODD_BYTES[int(random.integers(len(_ODD_BYTES)))])


def _huge(path: Path, random: np.random.Generator) -> None:
    os.truncate(path, 1 << 30)  # sparse


def _swapped(path: Path, random: np.random.Generator) -> None:
    others = sorted(each for each in path.parent.iterdir() if each.is_file() and each != path)
    if others:
        shutil.copyfile(others[int(random.integers(len(others)))], path)


def _replaced(path: Path, random: np.random.Generator) -> None:
    path.unlink()
    kind = int(random.integers(4))
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to("/dev/zero")


def _edited(path: Path, random: np.random.Generator) -> None:
    """JSON with a value of another kind somewhere, a key gone or one that is new; other files lose their middle."""
    content = path.read_bytes()
    try:
        document = json.loads(content)
    except ValueError:
        half = len(content) // 2
        path.write_bytes(content[:half] + content[half + 3 :])
        return
    held, steps_down = document, int(random.integers(1, 4))
    for _ in range(steps_down):
        keys = list(held) if isinstance(held, dict) else list(range(len(held))) if isinstance(held, list) else []
        if not keys:
            break
        key = keys[int(random.integers(len(keys)))]
        if isinstance(held[key], dict | list) and held[key] and random.random() < 0.6:
            held = held[key]
            continue
        change = int(random.integers(3))
        if change == 0:
            held[key] = _ODD_JSON[int(random.integers(len(_ODD_JSON)))]
        elif change == 1:
            del held[key]
        elif isinstance(held, dict):
            held["a_newer_version_says"] = [1]
        break
    path.write_text(json.dumps(document))


_MUTATIONS = (_nothing, _cut, _flipped, _odd, _huge, _swapped, _replaced, _edited, _edited, _edited)
