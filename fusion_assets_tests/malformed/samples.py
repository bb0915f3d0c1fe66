"""Reference samples: tables that a spreadsheet, a slip or somebody else has made of the points."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from affine import Affine

from fusion_assets.evaluation.probability_sample import draw_points
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.built_up.areas.reference import read_reference, reference_source
from fusion_assets.systems.built_up.areas.reference_checks import checked_reference
from fusion_assets_tests.malformed.case import Case

FEW, MANY = 40, 600
_GRID = Grid("EPSG:32645", Affine(1000, 0, 500_000, 0, -1000, 3_000_000), 20, 30)
_YEARS = (2016, 2017)
_VALUES: tuple[Any, ...] = (
    None, True, False, "", " ", "NA", "nan", "inf", "-inf", "1e400", "9" * 400, 0, -1, 2, 0.5, 1e-320, 1e308, "0x10",
    "1_000", "1,5", "1;5", "=1+1", "=HYPERLINK(1)", "é", "\u0661", "\ufeff1", "x" * 5000, "a\nb", '"', "'", "\x1b[2J",
    "2016-01-01", "01", "None", "south", 2016, 2015.5, 1e300,
)  # fmt: skip


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    listed = list(_listed())
    for number in range(count):
        if number < len(listed) and seed:
            name, write = listed[number]
        else:
            name, write = _mutated(random)
        yield Case(f"{number} {name}"[:200], partial(_read, write), _is_right)


@cache
def _table() -> pd.DataFrame:
    strata = np.where(np.arange(30)[None, :] < 10, 0, 2) * np.ones((20, 1), int)
    points = draw_points(_GRID, strata, 120, 0, "built_up")
    years = [points.assign(year=year, label=(points["x"] < 505_000).astype(int)) for year in _YEARS]
    return pd.concat(years, ignore_index=True)


def _outline() -> shapely.Polygon:
    west, south, east, north = _GRID.bounds
    box = shapely.box(west + 50, south + 50, east - 50, north - 50)
    lonlat = to_lonlat(_GRID.crs)
    return shapely.transform(box, lambda points: np.column_stack(lonlat.transform(points[:, 0], points[:, 1])))


def _listed() -> Iterator[tuple[str, Callable[[Path], Path]]]:
    text = _table().to_csv(index=False)
    header, _, rows = text.partition("\n")
    for name, content in (
        ("nothing", ""),
        ("a header", header),
        ("one column", rows),
        ("more values than columns", header + "\n" + rows.replace("\n", ",1\n")),
        ("a column twice", header + ",label\n" + rows.replace("\n", ",0\n")),
        ("semicolons", text.replace(",", ";")),
        ("many rows", header + "\n" + rows * 5000),
        ("many columns", "a," * 2_000_000),
        ("a long line", header + "\n" + "1," * 2_000_000),
        ("nothing but lines", "\n" * 5_000_000),
        ("an open quote", header + '\n"' + rows),
        ("JSON", '{"x": 1}'),
    ):
        yield name, partial(_file, "points.csv", content.encode())
    for encoding in ("utf-16", "utf-32", "latin-1"):
        yield encoding, partial(_file, "points.csv", text.replace("built", "é").encode(encoding))
    yield "a pipe", _pipe
    yield "a device", _device
    yield "a folder", _folder
    for name, frame in (("rows", pa.table({"x": pa.array(np.zeros(2_000_000))})), ("names", _long_names())):
        yield f"Parquet of many {name}", partial(_parquet, frame)
    for name, column in (
        ("lists", pa.array([[1]] * 240)),
        ("days", pa.array([0] * 240, pa.timestamp("ns"))),
        ("truth", pa.array([True] * 240)),
        ("bytes", pa.array([b"1"] * 240)),
    ):
        table = pa.Table.from_pandas(_table())
        at = table.schema.get_field_index("inclusion_probability")
        yield f"Parquet with {name}", partial(_parquet, table.set_column(at, "inclusion_probability", column))


def _long_names() -> pa.Table:
    names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(900_000, np.int8)), pa.array(["x" * 1_000_000]))
    return pa.table({"stratum": names, "year": pa.array(np.full(900_000, 2016))})


def _mutated(random: np.random.Generator) -> tuple[str, Callable[[Path], Path]]:
    table = _table().astype(object)
    kind = random.integers(5)
    column = table.columns[random.integers(len(table.columns))]
    if kind == 0:
        table = table.drop(columns=column)
        return f"no {column}", partial(_file, "points.csv", table.to_csv(index=False).encode())
    if kind < 3:
        value = _VALUES[random.integers(len(_VALUES))]
        rows = random.integers(0, len(table), random.choice([1, 2, len(table)]))
        for row in rows:
            table.loc[row, column] = value
        return f"{column} is {value!r}", partial(_file, "points.csv", table.to_csv(index=False).encode())
    if kind == 3:
        table = table.sample(int(random.integers(1, 400)), replace=True, random_state=int(random.integers(1 << 30)))
        return f"{len(table)} rows", partial(_file, "points.csv", table.to_csv(index=False).encode())
    parquet = random.random() < 0.5
    content = _parquet_bytes(pa.Table.from_pandas(_table())) if parquet else _table().to_csv(index=False).encode()
    for _ in range(random.integers(1, 6)):
        at = int(random.integers(len(content)))
        odd = bytes(random.integers(0, 256, int(random.integers(0, 4))).astype(np.uint8))
        content = content[:at] + odd + content[at + int(random.integers(0, 4)) :]
    return "bytes", partial(_file, "points.parquet" if parquet else "points.csv", content)


def _parquet_bytes(table: pa.Table) -> bytes:
    into = io.BytesIO()
    pq.write_table(table, into)
    return into.getvalue()


def _parquet(table: pa.Table, folder: Path) -> Path:
    return _file("points.parquet", _parquet_bytes(table), folder)


def _file(name: str, content: bytes, folder: Path) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "points.csv")
    return folder / "points.csv"


def _device(folder: Path) -> Path:
    (folder / "points.csv").symlink_to("/dev/zero")
    return folder / "points.csv"


def _folder(folder: Path) -> Path:
    (folder / "points.csv").mkdir()
    return folder / "points.csv"


def _read(write: Callable[[Path], Path], folder: Path) -> pd.DataFrame:
    path = write(folder)
    assert len(reference_source(str(path), "catalog.json")["digest"]) == 12
    return checked_reference(read_reference(str(path)), "points.csv", _GRID, _outline(), _YEARS, region="here")


def _is_right(points: Any) -> bool:
    """Every point is one, and together they stand for the region in every year."""
    sums = points.groupby("year")["weight"].sum()
    return bool(
        set(points["label"]) <= {0, 1}
        and points["chance"].between(0, 1, inclusive="right").all()
        and points["inside"].all()
        and set(sums.index) == set(_YEARS)
        and np.allclose(sums, 600, rtol=0.35)
    )
