"""Formats of what is stored beside rasters: tables, JSON documents, and pairs of a file and its JSON.

A pair is two files, and two files cannot be placed in one step. The JSON goes last and holds the sha256 of its
partner, so whatever a killed process leaves behind, halves of different pairs are never read as one.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.storage.json_objects import read_object
from fusion_assets.storage.root import Storage, sha256_of

FACTS_KEY = "_artifact"
"""Where JSON documents and Parquet metadata keep what the study expects of them."""
MAX_CELLS = 500_000_000
"""Rows times columns of a table that is read; at eight bytes each 4 GB."""


def to_json(document: Mapping[str, Any], facts: Mapping[str, str]) -> bytes:
    """Return a document as indented JSON: NaN and infinities as null, dates as ISO text, numpy as numbers and lists.

    Args:
        document: what to store.
        facts: digests kept with it, under a key of their own; empty for none.
    """
    content = dict(document) | ({FACTS_KEY: dict(facts)} if facts else {})
    return (json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_document(storage: Storage, path: str, command: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a stored document and its facts.

    Raises:
        FusionError: the file is damaged; names path and the command that makes it anew.
    """
    document = read_object(storage, path, f"make it anew: {command}")
    return document, _checked_facts(document.pop(FACTS_KEY, {}), path, command)


def write_table(table: Any, path: Path, facts: Mapping[str, str]) -> None:
    """Write a DataFrame as Parquet, a GeoDataFrame as GeoParquet, with facts in the file's metadata."""
    import pyarrow.parquet as pq

    table.to_parquet(path)
    content = pq.read_table(path)
    metadata = dict(content.schema.metadata or {}) | {FACTS_KEY.encode(): json.dumps(dict(facts)).encode()}
    pq.write_table(content.replace_schema_metadata(metadata), path, compression="zstd")


def read_table(path: Path, shown: str, command: str) -> tuple[Any, dict[str, str]]:
    """Return a table (a GeoDataFrame where the file is GeoParquet) and its facts.

    Raises:
        FusionError: the file is damaged.
    """
    import geopandas
    import pandas as pd
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
        metadata = about.metadata or {}
        cells = about.num_rows * about.num_columns
        if cells > MAX_CELLS:  # of a few bytes on the disk, where all of them are alike
            raise ValueError(f"it declares {cells:,} values, and at most {MAX_CELLS:,} are read")
        table = geopandas.read_parquet(path) if b"geo" in metadata else pd.read_parquet(path)
        facts = json.loads(metadata.get(FACTS_KEY.encode(), b"{}"))
    except Exception as error:  # Arrow, GeoPandas and shapely have errors of their own for each kind of damage
        raise FusionError(
            f"{shown} cannot be read: {type(error).__name__}: {error}", "a whole Parquet file",
            f"make it anew: {command}",
        ) from error  # fmt: skip
    return table, _checked_facts(facts, shown, command)


def place_pair(
    storage: Storage, file: Path, path: str, document: Mapping[str, Any] | None, facts: Mapping[str, str]
) -> str:
    """Place a file, then the JSON beside it with the file's sha256; return that sha256.

    Args:
        storage: the root.
        file: the finished local file.
        path: where it goes; the JSON has the same name and extension `json`.
        document: what the JSON says; None removes a JSON left from before.
        facts: digests kept in the JSON.
    """
    digest = sha256_of(file)
    content = None if document is None else to_json(document, {**facts, "sha256": digest})
    storage.put_file(file, path)
    if content is None:
        storage.remove(beside(path))
    else:
        storage.write_bytes(content, beside(path))
    return digest


def read_pair(storage: Storage, path: str, command: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the document beside a file and its facts, after checking that the two belong together.

    Raises:
        Replaced: it was written for another file, and one of the two a moment ago.
        FusionError: it is missing, or was written for another file.
    """
    if not storage.exists(beside(path)):
        raise FusionError(f"{beside(path)} is missing", f"the document of {path}", f"make both anew: {command}")
    document, facts = read_document(storage, beside(path), command)
    digest = sha256_of(storage.open_local(path))
    if facts.get("sha256") != digest:
        # The two are placed one after the other.
        kind = Replaced if storage.just_changed(path) or storage.just_changed(beside(path)) else FusionError
        raise kind(
            f"{path} (sha256 {digest[:12]}) does not belong to {beside(path)}",
            f"the file it was written for (sha256 {facts.get('sha256', 'not given')[:12]})",
            f"a run was interrupted or a file replaced by hand; make both anew: {command}",
        )
    return document, facts


def packed(arrays: Mapping[str, np.ndarray]) -> str:
    """Arrays by name as ASCII text, for documents: `numpy.savez` in base64. Dtypes and shapes are kept.

    Nothing is pickled: arrays of numbers and texts only. Equal arrays are equal texts.
    """
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **{name: np.asarray(held) for name, held in arrays.items()})
    return base64.b64encode(out.getvalue()).decode("ascii")


def unpacked(text: str) -> dict[str, np.ndarray]:
    """What `packed` was given.

    Raises:
        FusionError: it is something else.
    """
    try:
        with np.load(io.BytesIO(base64.b64decode(text, validate=True)), allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except Exception as error:  # of zip, zlib, numpy's header and base64
        raise FusionError(
            f"arrays in a stored document cannot be read: {type(error).__name__}: {error}",
            "arrays as they were packed",
            "make the asset that they belong to anew",
        ) from None


def _checked_facts(facts: Any, path: str, command: str) -> dict[str, str]:
    if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
        raise FusionError(
            f"{path} says {str(facts)[:80]!r} of itself", "facts by name, as texts", f"make it anew: {command}"
        )
    return facts


def beside(path: str) -> str:
    """Where the document of a pair lies."""
    return path.rsplit(".", 1)[0] + ".json"


def _plain(value: Any) -> Any:
    """Turn a value into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, PurePath) else value
