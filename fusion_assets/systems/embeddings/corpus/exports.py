"""Shards in the forms of other software: WebDataset and TFRecord.

WebDataset (https://github.com/webdataset/webdataset): a tar a shard; files of one patch share the beginning of their
names, `00000012.b10.npy`, and `00000012.json` has its row of the index. TFRecord: a `tf.train.Example` a patch, with
the bytes of each array (little-endian, in the order band, row, column), the number of the patch and its row as JSON;
`<name>.features.json` beside it has shapes and types. Both hold the stored numbers: nothing is converted.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.learning.backend import tensorflow
from fusion_assets.systems.embeddings.corpus.shards import layout_of, open_store

if TYPE_CHECKING:
    import pandas as pd

_DIGITS = 8
FEATURES = ".features.json"


def write_webdataset(folder: Path, target: Path, index: pd.DataFrame) -> int:
    """Write a shard as a tar, whole or not at all; the same shard makes the same bytes.

    Args:
        folder: of the shard.
        target: `.tar`.
        index: rows of its patches; see `index.index_table`.

    Returns:
        How many patches.

    Raises:
        FusionError: the index lacks a patch of the shard.
    """
    count = 0
    with _whole(target) as partial, tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
        for patch, arrays, row in _patches(folder, index):
            count += 1
            for name, array in arrays.items():
                content = io.BytesIO()
                np.save(content, array, allow_pickle=False)
                _add(tar, f"{patch:0{_DIGITS}d}.{name}.npy", content.getvalue())
            _add(tar, f"{patch:0{_DIGITS}d}.json", json.dumps(row, sort_keys=True).encode())
    return count


def write_tfrecords(folder: Path, target: Path, index: pd.DataFrame) -> int:
    """Write a shard as one file of records, gzipped, and what its arrays are beside it; see `write_webdataset`.

    Args:
        folder: of the shard.
        target: `.tfrecord.gz`.
        index: rows of its patches.
    """
    tf = tensorflow()
    count = 0
    with _whole(target) as partial, tf.io.TFRecordWriter(str(partial), "GZIP") as writer:
        for patch, arrays, row in _patches(folder, index):
            count += 1
            texts = {name: _little(array).tobytes() for name, array in arrays.items()}
            texts["row"] = json.dumps(row, sort_keys=True).encode()
            features = {
                name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])) for name, text in texts.items()
            }
            features["patch"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[patch]))
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString(deterministic=True))
    layout = layout_of(open_store(folder))
    about = {part.name: {"shape": list(part.shape), "dtype": part.dtype.str} for part in layout.parts}
    with _whole(features_file(target)) as partial:
        partial.write_text(json.dumps(about, indent=1, sort_keys=True))
    return count


def read_tfrecords(file: Path) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Number and arrays of each patch that `write_tfrecords` wrote.

    Raises:
        FusionError: no such file, one that is damaged, or none beside it that says what its arrays are.
    """
    tf = tensorflow()
    try:
        about = json.loads(features_file(file).read_text())
        features = {name: tf.io.FixedLenFeature([], tf.string) for name in about}
        features["patch"] = tf.io.FixedLenFeature([], tf.int64)
        for record in tf.data.TFRecordDataset(str(file), "GZIP"):
            found = tf.io.parse_single_example(record, features)
            yield (
                int(found["patch"]),
                {
                    name: np.frombuffer(found[name].numpy(), said["dtype"]).reshape(said["shape"])
                    for name, said in about.items()
                },
            )
    except (OSError, ValueError, tf.errors.OpError) as error:
        problem = FusionError(f"{file} cannot be read ({type(error).__name__})", "whole records", "export it again")
    else:
        return
    raise problem


def features_file(target: Path) -> Path:
    """Where the shapes and types of a file of records stand."""
    return target.with_name(target.name.split(".")[0] + FEATURES)


def _patches(folder: Path, index: pd.DataFrame) -> Iterator[tuple[int, dict[str, np.ndarray], dict[str, Any]]]:
    store = open_store(folder)
    arrays: dict[str, Any] = {part.name: store[part.name] for part in layout_of(store).parts}
    numbers: Any = store["patch"]
    rows = index.set_index("patch").drop(columns="geometry", errors="ignore")
    for position, patch in enumerate(int(number) for number in numbers[:]):
        if patch not in rows.index:
            raise FusionError(
                f"the index has no patch {patch}, which {folder} holds",
                "a row a patch",
                "fusion run --select patch_index",
            )
        row = {str(name): _plain(value) for name, value in rows.loc[patch].items()}
        yield patch, {name: array[position] for name, array in arrays.items()}, {"patch": patch, **row}


def _plain(value: Any) -> Any:
    """A value as JSON has it; nothing where there is none."""
    import pandas as pd

    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _little(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A file beside the target, which it becomes when the block ends well."""
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
