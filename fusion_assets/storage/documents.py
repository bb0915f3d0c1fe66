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

from fusion_assets.errors import FusionError
from fusion_assets.storage.root import Storage, sha256_of

FACTS_KEY = "_artifact"
"""Where JSON documents and Parquet metadata keep what the study expects of them."""


def to_json(document: Mapping[str, Any], facts: Mapping[str, str]) -> bytes:
    """Return a document as indented JSON: NaN and infinities as null, dates as ISO text, numpy as numbers and lists.

    Args:
        document: what to store.
        facts: digests kept with it, under a key of their own; empty for none.
    """
    content = dict(document) | ({FACTS_KEY: dict(facts)} if facts else {})
    return (json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def from_json(content: bytes, path: str, command: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a stored document and its facts.

    Raises:
        FusionError: the file is damaged; names path and the command that makes it anew.
    """
    try:
        document = json.loads(content)
        facts = document.pop(FACTS_KEY, {})
    except (ValueError, AttributeError, TypeError) as error:
        raise FusionError(f"{path} cannot be read: {error}", "a JSON object", f"make it anew: {command}") from error
    return document, facts


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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        table = geopandas.read_parquet(path) if b"geo" in metadata else pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FusionError(
            f"{shown} cannot be read: {error}", "a whole Parquet file", f"make it anew: {command}"
        ) from error
    return table, json.loads(metadata.get(FACTS_KEY.encode(), b"{}"))


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
        storage.remove(_beside(path))
    else:
        storage.write_bytes(content, _beside(path))
    return digest


def read_pair(storage: Storage, path: str, command: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the document beside a file and its facts, after checking that the two belong together.

    Raises:
        FusionError: the document is missing, or was written for another file.
    """
    if not storage.exists(_beside(path)):
        raise FusionError(f"{_beside(path)} is missing", f"the document of {path}", f"make both anew: {command}")
    document, facts = from_json(storage.read_bytes(_beside(path)), _beside(path), command)
    digest = sha256_of(storage.open_local(path))
    if facts.get("sha256") != digest:
        raise FusionError(
            f"{path} (sha256 {digest[:12]}) does not belong to {_beside(path)}",
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
    """What `packed` was given."""
    with np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def _beside(path: str) -> str:
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
