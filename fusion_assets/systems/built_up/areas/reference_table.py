"""The reference sample as a table: fetched and read once, within limits, with the columns that its header names."""

from __future__ import annotations

import csv
import io
import warnings
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.redaction import public_url
from fusion_assets.storage.addresses import local_copy
from fusion_assets.storage.local_files import content_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NAMES = ("region", "stratum")
"""Columns of names: `NA` and `None` are names like any other, and `01` is not `1`."""
USED = (*NAMES, "x", "y", "lon", "lat", "year", "inclusion_probability", "label", "area_km2")
MOST_BYTES = 64_000_000
MOST_ROWS = 1_000_000
_MOST_COLUMNS = 1000
_LONGEST_NAME = 200
_LONGEST_LINE = 100_000
_WHOLE_SECONDS = 300.0


def table_content(path: str) -> bytes:
    """The content of a file anywhere, up to `MOST_BYTES`.

    Args:
        path: local path, address, or any URL that fsspec knows.

    Raises:
        OSError: there is no such file, or it cannot be read.
        FusionError: it cannot be fetched, is no regular file, or too long.
    """
    if path.startswith(("http://", "https://")):
        return _fetched(path)
    from pathlib import Path

    return content_of(local_copy(path) if "://" in path else Path(path), MOST_BYTES)


def _fetched(url: str) -> bytes:
    from fusion_assets.imagery.heartbeat import waiting_for
    from fusion_assets.imagery.retries import RetryPolicy

    with waiting_for(f"the reference sample at {public_url(url)}"):
        return RetryPolicy(patience=_WHOLE_SECONDS).ask(lambda: _asked(url))


def _asked(url: str) -> bytes:
    """Ask once."""
    import requests

    from fusion_assets.imagery.answers import limited, passing, retry_after
    from fusion_assets.imagery.retries import bounded, deadline

    shown = public_url(url)
    try:
        with limited(requests.Session(), _WHOLE_SECONDS, MOST_BYTES) as web, deadline(_WHOLE_SECONDS):
            answer = bounded(lambda: web.get(url))
        if answer.status_code == 404:
            raise FileNotFoundError
        answer.raise_for_status()
        return answer.content
    except (requests.RequestException, TimeoutError) as error:
        response = getattr(error, "response", None)
        said = type(error).__name__ if response is None else f"status {response.status_code}"
        kind = Unreachable if passing(error) else FusionError
        problem = kind(
            f"reference sample {shown} cannot be fetched ({said})", "an answer of its server", "check the address"
        )
        if response is not None:
            problem.pause = retry_after(response.headers.get("Retry-After"))  # type: ignore[attr-defined]
    # Not inside the handler: errors of the client carry the address with all that is in it.
    raise problem


def read_csv(content: bytes) -> pd.DataFrame:
    """A table from CSV.

    Raises:
        ValueError: it is none, or its rows do not fit its header.
    """
    import pandas as pd
    from pandas._libs.parsers import STR_NA_VALUES

    first = content.partition(b"\n")[0]
    if first.count(b",") >= _MOST_COLUMNS:
        raise ValueError(f"more than {_MOST_COLUMNS} columns")
    if max(map(len, io.BytesIO(content)), default=0) > _LONGEST_LINE:
        raise ValueError(f"a line of more than {_LONGEST_LINE} bytes")
    header = next(csv.reader(io.StringIO(first.decode("utf-8-sig"))), [])
    _check_header(header)
    missing = {name: [""] if name in NAMES else sorted(STR_NA_VALUES) for name in header}
    with warnings.catch_warnings():
        # Rows that are longer than the header would lose their end.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            table = pd.read_csv(
                io.BytesIO(content),
                index_col=False,
                nrows=MOST_ROWS + 1,
                dtype=dict.fromkeys(NAMES, str),
                keep_default_na=False,
                na_values=missing,
            )
        except pd.errors.ParserWarning:
            raise ValueError("rows have more values than the header has columns") from None
    _check_rows(len(table))
    for name in set(NAMES) & set(table):
        table[name] = table[name].where(table[name].str.strip() != "")
    return table


def read_parquet(content: bytes) -> pd.DataFrame:
    """The columns of a Parquet file that are used.

    Raises:
        ValueError: it is none, or holds what is neither numbers nor text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        schema = file.schema_arrow
        _check_header(schema.names)
        _check_rows(file.metadata.num_rows)
        used = [schema.field(name) for name in schema.names if name in USED]
        texts = [field.name for field in used if _is_text(field.type)]
        for field in used:
            if field.name not in texts and not _is_number(field.type):
                raise ValueError(f"column {field.name} holds {str(field.type)[:60]}, no numbers or text")
        # As a dictionary, a text is held once however often it stands there: what is long is seen before it is copied.
        table = pq.ParquetFile(io.BytesIO(content), read_dictionary=texts).read([field.name for field in used])
        for name in texts:
            for chunk in table[name].chunks:
                values = chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk
                if (pc.max(pc.binary_length(values)).as_py() or 0) > _LONGEST_NAME:
                    raise ValueError(f"column {name} holds texts of more than {_LONGEST_NAME} bytes")
        return table.cast(pa.schema(used)).to_pandas()
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None


def _is_number(kind: pa.DataType) -> bool:
    from pyarrow import types

    known = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return any(is_kind(kind) for is_kind in known)


def _is_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    return types.is_string(inner) or types.is_large_string(inner)


def _check_header(names: list[str]) -> None:
    twice = sorted({name for name in names if name in USED and names.count(name) > 1})
    if twice:
        raise ValueError(f"the column {', '.join(twice)} is there twice")
    if len(names) > _MOST_COLUMNS:
        raise ValueError(f"more than {_MOST_COLUMNS} columns")


def _check_rows(count: int) -> None:
    if count > MOST_ROWS:
        raise ValueError(f"more than {MOST_ROWS} rows")
