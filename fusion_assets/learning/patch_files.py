"""Files of patches: TFRecords with a mixer, as Earth Engine exports images and takes predictions back.

A record is a `tf.train.Example` with one list of numbers a band, row by row: of floats, or of whole numbers, or the
bytes of small ones. We write floats. `prefix-00000.tfrecord.gz`, `prefix-00001.tfrecord.gz`, ... and
`prefix-mixer.json` lie in one folder; records are counted through all files in the order of their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.learning.backend import tensorflow
from fusion_assets.learning.mixer import ENDING, Mixer, read_mixer

if TYPE_CHECKING:
    import xarray as xr

SHARD_BYTES = 256 << 20
"""Of records in a file, uncompressed; Earth Engine begins another after 1 GiB."""
MOST_CODE = 1 << 24
"""Whole numbers below this are exact as floats."""
_GZIP = b"\x1f\x8b"
_MISSING = "copy all files of the export, and its mixer, again"
_ANEW = "copy the file again, or export the image again"
# Kind of list in a record -> number of bytes or values to an array.
_ARRAYS: dict[str, Callable[[Any], np.ndarray]] = {
    "float_list": lambda values: np.asarray(values, np.float32),
    "int64_list": lambda values: np.asarray(values, np.int64),
    "bytes_list": lambda values: np.frombuffer(b"".join(values.tolist()), np.uint8),
}


def shards(mixer_file: str | Path) -> list[Path]:
    """The files of records that belong to a mixer, in the order of their numbers.

    Args:
        mixer_file: `.../prefix-mixer.json`.

    Raises:
        FusionError: there are none, or one of them is missing or there twice.
    """
    mixer_file = Path(mixer_file)
    prefix = mixer_file.name.removesuffix(ENDING)
    numbered = _numbered(mixer_file.with_name(prefix))
    numbers = [number for number, _ in numbered]
    if not numbers or numbers != list(range(len(numbers))):
        lost = sorted(set(range(max(numbers, default=0) + 1)) - set(numbers))
        found = f"files {lost} are missing" if lost else f"several files have one number: {numbers}"
        raise FusionError(
            f"{mixer_file.parent / prefix}-*.tfrecord.gz: {found}", "files 00000, 00001, ... without a gap", _MISSING
        )
    return [path for _, path in numbered]


def read_patches(
    mixer: Mixer, files: Sequence[str | Path], bands: Sequence[str] | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """The records one by one, in the order of the patches, with what they overlap.

    Args:
        mixer: of these files.
        files: in order; see `shards`.
        bands: wanted; by default all of the first record, by name.

    Yields:
        Band to (height, width) array, `mixer.record` large: float32, or int64 or uint8 where the records hold such.

    Raises:
        FusionError: a file that is damaged, a band that is missing or of another length, or another number of records
            than the mixer says.
    """
    height, width = mixer.record
    count, kinds = 0, dict[str, str]()
    for path in map(Path, files):
        for number, record in enumerate(_records(path)):
            where = f"{path}, record {number}"
            kinds = kinds or _kinds(record, bands, where)
            count += 1
            if count > mixer.total:
                break
            values = _values(record, kinds, where)
            wrong = {name: len(array) for name, array in values.items() if len(array) != height * width}
            if wrong:
                raise FusionError(
                    f"{where} holds {', '.join(f'{found:,} values of {name}' for name, found in wrong.items())}",
                    f"{height * width:,}: patches of {mixer.patch}, larger by {mixer.kernel} for the kernel",
                    _kernel_remedy(mixer, next(iter(wrong.values()))),
                )
            yield {name: array.reshape(height, width) for name, array in values.items()}
    if count != mixer.total:
        found = f"more than {mixer.total:,}" if count > mixer.total else f"{count:,}"
        raise FusionError(
            f"{len(files)} files hold {found} patches, from {files[0] if files else 'nowhere'} on",
            f"{mixer.total:,}, as the mixer says",
            _MISSING + "; with maskedThreshold below 1 Earth Engine leaves patches out, and their places are lost",
        )


def read_image(
    mixer: Mixer, files: Sequence[str | Path], bands: Sequence[str] | None = None, grid: Grid | None = None
) -> xr.Dataset:
    """The image that an export was made from, put together from its patches.

    Args:
        mixer: of these files.
        files: in order; see `shards`.
        bands: see `read_patches`.
        grid: the part that is wanted, as of an image whose last patches reach beyond it; by default all.

    Raises:
        FusionError: see `read_patches`; or the grid is no part of the mixer's.
    """
    grid = grid or mixer.grid
    rows, columns = mixer.part(grid)
    records = read_patches(mixer, files, bands)
    patches = [{name: values[mixer.inner] for name, values in record.items()} for record in records]
    whole = {name: np.empty(mixer.grid.shape, values.dtype) for name, values in patches[0].items()}
    for (row, column), patch in zip(mixer.corners(), patches, strict=True):
        for name, values in patch.items():
            whole[name][row : row + mixer.patch[0], column : column + mixer.patch[1]] = values
    return grid.dataset({name: values[rows, columns] for name, values in whole.items()})


def open_image(
    mixer_file: str | Path,
    kernel: tuple[int, int] = (0, 0),
    bands: Sequence[str] | None = None,
    grid: Grid | None = None,
) -> xr.Dataset:
    """The image of a mixer and the files beside it; see `read_mixer`, `shards` and `read_image`."""
    mixer = read_mixer(mixer_file, kernel)
    return read_image(mixer, shards(mixer_file), bands, grid)


def write_image(
    image: xr.Dataset,
    grid: Grid,
    prefix: str | Path,
    patch: tuple[int, int],
    kernel: tuple[int, int] = (0, 0),
    *,
    edges: Literal["fill", "drop"] = "fill",
    fill: float = np.nan,
    shard_bytes: int = SHARD_BYTES,
) -> Mixer:
    """Write an image as Earth Engine exports it, a row of patches at a time.

    Args:
        image: dims y and x, one variable a band; numbers become float32.
        grid: of the image. Its coordinates do not say it well enough where they are degrees.
        prefix: path that all names begin with.
        patch: (height, width), pixels.
        kernel: (height, width) by which records are larger, half of it on each side.
        edges: see `Mixer.over`.
        fill: stands beyond the image; Earth Engine's `defaultValue`.
        shard_bytes: see above.

    Raises:
        FusionError: an image of another size than its grid, or see `Mixer`.
    """
    if (image.sizes["y"], image.sizes["x"]) != grid.shape:
        raise FusionError(
            f"an image of {image.sizes['y']} x {image.sizes['x']} pixels", f"{grid.shape}", "give the image's own grid"
        )
    mixer = Mixer.over(grid, patch, kernel, edges)
    write_patches(_cut(image, mixer, fill), mixer, prefix, shard_bytes)
    return mixer


def write_patches(
    patches: Iterable[Mapping[str, np.ndarray]], mixer: Mixer, prefix: str | Path, shard_bytes: int = SHARD_BYTES
) -> list[Path]:
    """Write patches in the order of a mixer, and the mixer; what had this prefix before is replaced.

    Predictions are written so, in the order in which `read_patches` gave what they were made of:
    `write_patches(predictions, mixer.without_kernel(), prefix)`.

    Args:
        patches: band to (height, width) array of numbers, each as large as `mixer.record`.
        mixer: says how many there are.
        prefix: path that all names begin with.
        shard_bytes: see above.

    Returns:
        The files of records. The mixer's comes last: without it they are not whole.

    Raises:
        FusionError: another number of patches than the mixer's, or one of another size.
    """
    tf, prefix = tensorflow(), Path(prefix)
    mixer_file = prefix.with_name(prefix.name + ENDING)
    mixer_file.unlink(missing_ok=True)
    for _, old in _numbered(prefix):
        old.unlink()
    files: list[Path] = []
    writer, room, count = None, 0, 0
    try:
        for count, patch in enumerate(patches, start=1):
            record = _record(patch, mixer, count - 1)
            if writer is None or room < len(record):
                if writer is not None:
                    writer.close()
                files.append(prefix.with_name(f"{prefix.name}-{len(files):05d}.tfrecord.gz"))
                writer, room = tf.io.TFRecordWriter(str(files[-1]), "GZIP"), shard_bytes
            writer.write(record)
            room -= len(record)
    finally:
        if writer is not None:
            writer.close()
    if count != mixer.total:
        raise FusionError(
            f"{count:,} patches",
            f"{mixer.total:,}, as the mixer says",
            "give one for each, in the order of its corners",
        )
    mixer_file.write_text(mixer.to_json())
    return files


def with_channels(image: xr.Dataset, place: int, block: np.ndarray, valid: np.ndarray) -> xr.Dataset:
    """An image with the channels that a model learns by: `place`, `block` and `validity`, float32.

    Args:
        image: dims y and x.
        place: number of the image among several.
        block: (y, x) numbers of spatial blocks.
        valid: (y, x) bool, pixels to learn from.

    Raises:
        FusionError: a number that is not exact as a float.
    """
    largest = max(place, int(np.max(block)))
    if largest >= MOST_CODE:
        raise FusionError(
            f"a place or block with the number {largest:,}", f"below {MOST_CODE:,}", "number them from 0 on"
        )
    codes = np.full(block.shape, place, np.float32)
    channels = {"place": codes, "block": block.astype(np.float32), "validity": valid.astype(np.float32)}
    return image.assign({name: (("y", "x"), values) for name, values in channels.items()})


def _numbered(prefix: Path) -> list[tuple[int, Path]]:
    """Files of records with a prefix, by number; one without a number is the only one of its export."""
    name = re.compile(re.escape(prefix.name) + r"(?:-(\d+))?\.tfrecord(?:\.gz)?")
    matches = [(name.fullmatch(path.name), path) for path in prefix.parent.glob("*")]
    return sorted((int(match[1] or 0), path) for match, path in matches if match)


def _cut(image: xr.Dataset, mixer: Mixer, fill: float) -> Iterator[dict[str, np.ndarray]]:
    """The records of an image; of a lazy one, a row of patches is computed at a time."""
    (height, width), (tall, wide) = mixer.patch, mixer.record
    top, left = (edge // 2 for edge in mixer.kernel)
    for row in range(0, mixer.grid.height, height):
        first, last = max(row - top, 0), min(row - top + tall, image.sizes["y"])
        strip = image.isel(y=slice(first, last)).compute()
        framed = {}
        for name in map(str, strip.data_vars):
            framed[name] = np.full((tall, mixer.grid.width + 2 * left), fill, np.float32)
            seen = min(image.sizes["x"], mixer.grid.width + left)
            at = first - (row - top)
            framed[name][at : at + last - first, left : left + seen] = strip[name].transpose("y", "x").values[:, :seen]
        for column in range(0, mixer.grid.width, width):
            yield {name: values[:, column : column + wide] for name, values in framed.items()}


def _record(patch: Mapping[str, np.ndarray], mixer: Mixer, number: int) -> bytes:
    tf = tensorflow()
    for name, values in patch.items():
        if np.shape(values) != mixer.record:
            raise FusionError(
                f"patch {number} has {np.shape(values)} pixels of {name}",
                f"{mixer.record}",
                "leave out what records overlap (`mixer.inner`), or give the mixer its kernel",
            )
    lists = {name: np.asarray(values, np.float32).ravel() for name, values in patch.items()}
    features = {name: tf.train.Feature(float_list=tf.train.FloatList(value=values)) for name, values in lists.items()}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _records(path: Path) -> Iterator[bytes]:
    """The records of one file, each with its own sum checked."""
    tf = tensorflow()
    try:
        with path.open("rb") as file:
            packed = "GZIP" if file.read(2) == _GZIP else ""
        yield from tf.data.TFRecordDataset(str(path), packed).as_numpy_iterator()
        return
    except (OSError, tf.errors.OpError) as error:
        problem = FusionError(f"{path} cannot be read ({type(error).__name__})", "whole records", _ANEW)
    raise problem


def _kinds(record: bytes, bands: Sequence[str] | None, where: str) -> dict[str, str]:
    """Band to kind of list, as the first record has them."""
    tf = tensorflow()
    try:
        features = tf.train.Example.FromString(record).features.feature
    except Exception as error:  # protobuf's own errors have changed their place
        problem = FusionError(f"{where} is no tf.train.Example ({type(error).__name__})", "one", _ANEW)
    else:
        kinds = {name: features[name].WhichOneof("kind") or "float_list" for name in sorted(features)}
        wanted = list(kinds if bands is None else bands)
        missing = [name for name in wanted if name not in kinds]
        if wanted and not missing:
            return {name: kinds[name] for name in wanted}
        problem = FusionError(
            f"{where} has the bands {', '.join(kinds) or 'none'}",
            ", ".join(wanted) or "at least one",
            "choose bands that were exported, or export the image again",
        )
    raise problem


def _values(record: bytes, kinds: Mapping[str, str], where: str) -> dict[str, np.ndarray]:
    tf = tensorflow()
    types = {"float_list": tf.float32, "int64_list": tf.int64, "bytes_list": tf.string}
    wanted = {name: tf.io.RaggedFeature(types[kind]) for name, kind in kinds.items()}
    try:
        found = tf.io.parse_single_example(record, wanted)
        return {name: _ARRAYS[kind](found[name].numpy()) for name, kind in kinds.items()}
    except tf.errors.OpError as error:
        told = " ".join(error.message.split())[:120]
        problem = FusionError(f"{where} differs from the first: {told}", "the same lists in every record", _ANEW)
    raise problem


def _kernel_remedy(mixer: Mixer, found: int) -> str:
    """What to do about records of another length, with the kernel that would explain it where a square one does."""
    fits = (kernel for kernel in range(0, max(mixer.patch) * 8, 2))
    sizes = (kernel for kernel in fits if (mixer.patch[0] + kernel) * (mixer.patch[1] + kernel) == found)
    kernel = next(sizes, None)
    told = f": ({kernel}, {kernel}) would fit" if kernel is not None else ""
    return f"give the kernelSize of the export{told}; else copy the files and their mixer again"
