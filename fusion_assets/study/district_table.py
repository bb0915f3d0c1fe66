"""A file of districts that has been opened: its columns, its CRS, and its rows, read in small batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely
from pydantic_core import PydanticCustomError

from fusion_assets.study.mistakes import cut, shown, wrong
from fusion_assets.study.outline_limits import OutlineEffort

if TYPE_CHECKING:
    import pyarrow as pa

FORM = "the path of a GeoPackage (.gpkg), Shapefile (.shp), GeoJSON (.geojson) or GeoParquet (.parquet)"
BATCH = 200
EXPORT_AGAIN = "export the file again, e.g. with QGIS"
ROWS = "rows of a file of districts"

_OF_LIBRARIES = (
    RuntimeError, ValueError, OSError, KeyError, TypeError, RecursionError, MemoryError, shapely.errors.ShapelyError
)  # fmt: skip
"""What GDAL, Arrow, and whoever decodes raise over a broken file."""

Row = tuple[Mapping[str, Any], Any]
"""Values by column, and the outline: WKB, GeoJSON, or None."""


@dataclass(frozen=True)
class DistrictTable:
    """A file of districts that has been opened.

    Attributes:
        columns: their names.
        crs: of the outlines, None where the file names none.
        read: columns to rows, in the order of the file.
    """

    columns: tuple[str, ...]
    crs: Any
    read: Callable[[Sequence[str]], Iterator[Row]]


@contextmanager
def unreadable_named(text: str) -> Iterator[None]:
    """Turns what libraries raise over a broken file into words about it; raises PydanticCustomError."""
    try:
        yield
    except PydanticCustomError:
        raise
    except _OF_LIBRARIES as error:
        raise wrong(f"is {shown(text)}: it cannot be read ({cut(str(error), 200)})", FORM, EXPORT_AGAIN) from None


def rows_of(
    batches: Iterator[pa.RecordBatch],
    outline: str,
    columns: Sequence[str],
    effort: OutlineEffort,
    counted: bool = False,
) -> Iterator[Row]:
    """Rows of Arrow batches, each counted before it is taken apart; raises PydanticCustomError.

    Args:
        batches: small ones.
        outline: column of the outlines, as WKB.
        columns: that are wanted.
        effort: what may still be looked at.
        counted: whether the number of rows was known before.
    """
    for batch in batches:
        if not counted:
            effort.spend(ROWS, batch.num_rows)
        effort.spend("bytes of the rows of a file of districts", batch.get_total_buffer_size())
        values = {name: batch.column(name).to_pylist() for name in columns}
        for index, shape in enumerate(batch.column(outline).to_pylist()):
            yield {name: column[index] for name, column in values.items()}, shape


def check_beginning(path: Path, text: str, mark: bytes, what: str) -> None:
    """See that a file is what its name says, before a library guesses."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            begins = file.read(len(mark))
    except OSError as error:
        raise wrong(f"is {shown(text)}: {error.strerror}", FORM, "check its permissions") from None
    if begins != mark:
        raise wrong(f"is {shown(text)}, which is no {what}", FORM, EXPORT_AGAIN)
