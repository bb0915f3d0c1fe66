"""The files of a folder: which version they are, whether they are whole, and their arrays as physical values."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.so2sat.layout import (
    CHANNELS,
    CLASSES,
    PARTS,
    PIXELS,
    SPLITS_OF_VERSION_3,
    WHOLE,
)

GEO = "_geo"
_AGAIN = "download the file again, and compare its size with that of the source"
_SAMPLES, _SAMPLE_BYTES = 64, 1 << 16


@dataclass(frozen=True)
class Part:
    """One part of the data set, such as training.

    Attributes:
        name: `training`, or `block/training` of version 3.
        path: of the patches.
        geo: of their places, where there are any.
    """

    name: str
    path: Path
    geo: Path | None = None


@dataclass(frozen=True)
class Source:
    """An array of patches in an open file, read as physical values.

    Attributes:
        where: file and array, for people.
        dataset: of h5py, (patch, 32, 32, channel).
        scale: (channel,) that stored values are multiplied by; None where they are physical values.
        offset: (channel,) that is added then.
    """

    where: str
    dataset: Any
    scale: np.ndarray | None
    offset: np.ndarray | None

    def __len__(self) -> int:
        """Patches."""
        return int(self.dataset.shape[0])

    @property
    def chunk_rows(self) -> int:
        """Patches that a compressed piece of the file spans; 1 where there are no pieces."""
        return int(self.dataset.chunks[0]) if self.dataset.chunks else 1

    def read(self, start: int, stop: int) -> np.ndarray:
        """Patches start to stop, floating, as they are stored or scaled.

        Raises:
            FusionError: the file is damaged there.
        """
        try:
            values = self.dataset[start:stop]
        except (OSError, RuntimeError, KeyError) as error:
            raise FusionError(
                f"{self.where}: patches {start:,} to {stop:,} cannot be read: {error}", "a whole file", _AGAIN
            ) from error
        if self.scale is None:
            return values if values.dtype != np.float16 else values.astype(np.float32)
        return values * self.scale + self.offset


def find(folder: Path) -> tuple[str, list[Part]]:
    """Version and parts of a folder of `.h5` files.

    Raises:
        FusionError: there is no such folder, or the files in it are of no version.
    """
    if not folder.is_dir():
        raise FusionError(f"{folder} is no folder", "a folder with training.h5", "give the folder of So2Sat's files")
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for below in ("", *SPLITS_OF_VERSION_3)
        for path in sorted((folder / below).glob("*.h5"))
    }
    names = {name for name in found if not name.endswith(GEO)}
    places = {name.removesuffix(GEO) for name in found if name.endswith(GEO)}
    if names & set(PARTS["v3"]) and not names & set(PARTS["v2"]):
        version = "v3"
        expected = {name for name in PARTS["v3"] if name.split("/")[0] in {held.split("/")[0] for held in names}}
    else:
        names = {name for name in names if "/" not in name}
        matching = (held for held in ("v1", "v2", "v3, one split") if set(PARTS[held]) == names & set(PARTS["v2"]))
        version = next(matching, "")
        expected = names & set(PARTS["v2"])
    _require_version(folder, version, names, expected, bool(list(folder.glob("*.gz"))))
    if places:
        if places & expected != expected:
            missing = ", ".join(f"{name}{GEO}.h5" for name in sorted(expected - places))
            raise FusionError(
                f"{folder} has places of some patches only: {missing} is missing",
                "a geo file beside every file of patches, or none",
                "download the missing files, or move the others away",
            )
        version = "v4"
    order = [*PARTS["v3"], *PARTS["v2"]]
    chosen = sorted(expected, key=order.index)
    return version, [Part(name, found[name], found.get(name + GEO)) for name in chosen]


def _require_version(folder: Path, version: str, names: set[str], expected: set[str], packed: bool) -> None:
    if version and expected <= names:
        return
    missing = ", ".join(f"{name}.h5" for name in sorted(expected - names))
    held = ", ".join(f"{name}.h5" for name in sorted(names)) or "no .h5 files"
    raise FusionError(
        f"{folder} holds {held}" + (f"; missing: {missing}" if missing else ""),
        "training.h5 and validation.h5 (version 1), testing.h5 too (2), `*_geo.h5` too (4), or the folders "
        f"{', '.join(SPLITS_OF_VERSION_3)} with training.h5 and testing.h5 each (3)",
        "unpack the .gz files first: gunzip *.gz" if packed else "download the missing files",
    )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An HDF5 file to read from.

    Raises:
        FusionError: it is truncated, damaged, or something else.
    """
    import h5py

    try:
        # Without a lock: others may read at the same time, and the folder may be read-only.
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        size = f"{path.stat().st_size:,} bytes" if path.is_file() else "nothing"
        raise FusionError(f"{path} ({size}) cannot be opened: {error}", "a whole HDF5 file", _AGAIN) from error
    with file:
        yield file


def sources(path: Path, file: Any) -> tuple[Source, Source, np.ndarray]:
    """sen1, sen2 and labels of an open file, after all that can be told without reading patches.

    Returns:
        The two arrays of patches, and (patch,) uint8 indices of zones.

    Raises:
        FusionError: arrays that are missing, of another shape or number, swapped, not whole, or without a scale; labels
            that are not one-hot.
    """
    arrays = {name: _dataset(path, file, name) for name in ("sen1", "sen2", "label")}
    shapes = {name: array.shape for name, array in arrays.items()}
    patch = {name: (PIXELS, PIXELS, len(channels)) for name, channels in CHANNELS.items()}
    if shapes["sen1"][1:] == patch["sen2"] and shapes["sen2"][1:] == patch["sen1"]:
        raise FusionError(
            f"{path}: sen1 has {len(CHANNELS['sen2'])} channels and sen2 {len(CHANNELS['sen1'])}",
            "sen1, radar, with 8 channels and sen2, optical, with 10",
            "the two are swapped: rename them in the file",
        )
    for name, wanted in patch.items():
        if shapes[name][1:] != wanted:
            raise FusionError(
                f"{path}: {name} has the shape {shapes[name]}",
                f"(patches, {', '.join(map(str, wanted))})",
                "take So2Sat's own files; patches are stored channel last, and none may be left out",
            )
    counts = {name: shape[0] for name, shape in shapes.items()}
    if len(set(counts.values())) != 1 or not counts["label"]:
        raise FusionError(
            f"{path} holds {', '.join(f'{count:,} of {name}' for name, count in counts.items())}",
            "as many of each, and at least one",
            "arrays of different files were mixed, or copying was broken off; " + _AGAIN,
        )
    for name, array in arrays.items():
        require_whole(f"{path}: {name}", array)
    sen1, sen2 = (_source(f"{path}: {name}", name, arrays[name]) for name in CHANNELS)
    return sen1, sen2, _labels(path, arrays["label"])


def fingerprint(part: Part) -> str:
    """Sixteen hex digits over names, sizes and a sample of the bytes of a part's files, and over all of its labels.

    Of each file the beginning, the end and 62 pieces between are taken, 64 KiB each: what was downloaded again, or
    changed throughout, is another; a single pixel changed by hand is not noticed.
    """
    digest = hashlib.sha256()
    for path in (part.path, *((part.geo,) if part.geo else ())):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for start in np.linspace(0, max(size - _SAMPLE_BYTES, 0), _SAMPLES).astype(int):
                file.seek(start)
                digest.update(file.read(_SAMPLE_BYTES))
    with opened(part.path) as file:
        digest.update(np.ascontiguousarray(_dataset(part.path, file, "label")[...]).tobytes())
    return digest.hexdigest()[:16]


def _dataset(path: Path, file: Any, name: str) -> Any:
    import h5py

    found = file.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiub" or not found.shape:
        raise FusionError(
            f"{path} holds {', '.join(sorted(file)) or 'nothing'}; {name} is no array of numbers, or missing",
            "sen1, sen2 and label",
            "take So2Sat's own files; labels of its first test set were never published with it: take version 2 or 4",
        )
    return found


def require_whole(where: str, dataset: Any) -> None:
    """Refuse an array of which parts were never written: HDF5 would read them as zeros."""
    if dataset.chunks is None:
        found, wanted, what = dataset.id.get_storage_size(), dataset.nbytes, "bytes"
    else:
        found = dataset.id.get_num_chunks()
        wanted = math.prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        what = "pieces"
    if found != wanted:
        raise FusionError(f"{where} has {found:,} of {wanted:,} {what}", "an array written to its end", _AGAIN)


def _source(where: str, name: str, dataset: Any) -> Source:
    """An array with its scale: its own (`scale_factor`, `add_offset`), or 1/10,000 for whole numbers of sen2."""
    channels = len(CHANNELS[name])
    held = {key: dataset.attrs[key] for key in ("scale_factor", "add_offset") if key in dataset.attrs}
    whole = dataset.dtype.kind != "f"
    if held:
        try:
            scale, offset = (
                np.broadcast_to(np.asarray(held.get(key, default), np.float64), channels)
                for key, default in (("scale_factor", 1.0), ("add_offset", 0.0))
            )
            sound = bool(np.isfinite(scale).all() and np.isfinite(offset).all() and (scale != 0).all())
        except (TypeError, ValueError):
            sound = False
        if not sound:
            raise FusionError(
                f"{where} declares {held}",
                f"a number each, or {channels}: value = stored x scale_factor + add_offset",
                "correct the attributes",
            )
        return Source(where, dataset, scale, offset)
    if not whole:
        return Source(where, dataset, None, None)
    if name == "sen2" and dataset.dtype.itemsize >= 2:
        return Source(where, dataset, np.full(channels, 1 / WHOLE), np.zeros(channels))
    raise FusionError(
        f"{where} holds {dataset.dtype} without a scale",
        "floating numbers, 16-bit reflectance times 10,000, or the attributes scale_factor and add_offset",
        "say how its values are scaled: write these two attributes (numbers, or one a channel) to the array",
    )


def _labels(path: Path, dataset: Any) -> np.ndarray:
    if len(dataset.shape) != 2 or dataset.shape[1] != CLASSES:
        raise FusionError(
            f"{path}: label has the shape {dataset.shape}",
            f"(patches, {CLASSES}), one-hot: LCZ 1 to 10, then A to G",
            "with fewer columns zones were left out, and the others may have moved: take So2Sat's own labels",
        )
    try:
        held = dataset[...]
    except (OSError, RuntimeError) as error:
        raise FusionError(f"{path}: label cannot be read: {error}", "a whole file", _AGAIN) from error
    wrong = ~(((held == 0) | (held == 1)).all(axis=1) & (held.sum(axis=1) == 1))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise FusionError(
            f"{path}: label of {int(wrong.sum()):,} patches is not one-hot; of patch {first:,}: {held[first].tolist()}",
            "one 1 and 16 zeros",
            "take So2Sat's own labels, neither smoothed nor scaled",
        )
    return held.argmax(axis=1).astype(np.uint8)
