"""Conversion of HDF5 into arrays that batches are drawn from: once, every value checked, whole or not at all.

Files are read from their beginning to their end, some hundred patches at a time (where they are compressed, whole
pieces), so that memory does not grow with them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.storage.disk_space import full, megabytes, why_full
from fusion_assets.storage.leftovers import PARTIAL_SUFFIX
from fusion_assets.storage.simulation import is_marked
from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.so2sat import places
from fusion_assets.systems.climate_zones.so2sat.cache import CARD, FORMAT, TABLE
from fusion_assets.systems.climate_zones.so2sat.checks import Ranges, whole_numbers
from fusion_assets.systems.climate_zones.so2sat.files import Part, Source, find, fingerprint, opened, sources
from fusion_assets.systems.climate_zones.so2sat.inspection import inspect, refuse
from fusion_assets.systems.climate_zones.so2sat.layout import CHANNELS, PIXELS

BLOCK = 128
"""Patches that are converted at a time."""
BLOCK_BYTES = 1 << 29
"""Pieces larger than this are unpacked more than once, rather than held whole."""
_MARGIN = 1.02
_LOCK = ".converting.lock"
_PATIENCE_S = 24 * 3600
Progress = Callable[[int, int], None]


def convert(folder: str | Path, cache: str | Path, progress: Progress | None = None) -> dict[str, Path]:
    """Convert all parts of a folder of So2Sat's files; those that are converted already are left.

    A part lies in `<cache>/<part>-<fingerprint>`. Of several processes one converts, and the others wait for it; what a
    killed one left is removed.

    Args:
        folder: with the files of one version.
        cache: where converted parts lie; made where it is missing.
        progress: called with patches done and patches in all.

    Returns:
        By part, its folder: see `cache.Patches`.

    Raises:
        FusionError: what `inspect` or `refuse` finds; a value that is not finite or out of range, wherever it stands;
            files that change meanwhile; too little room; another process that converts for a day.
    """
    cache = Path(cache)
    version, parts = find(Path(folder))
    marks = {part.name: fingerprint(part) for part in parts}
    targets = {name: cache / f"{name.replace('/', '-')}-{mark}-{FORMAT}" for name, mark in marks.items()}

    def missing() -> list[Part]:
        return [part for part in parts if not (targets[part.name] / CARD).is_file()]

    if missing():
        document = inspect(folder)
        refuse(document)
        with _writing(cache), _alone(cache):
            left = missing()  # another process may just have ended
            counts = {name: about["patches"] for name, about in document["parts"].items()}
            _require_room(cache, left, counts)
            total, done = sum(counts[part.name] for part in left), 0
            for part in left:
                whole = document["parts"][part.name]["arrays"]["sen2"]["whole"]
                share = _Share(progress, done, total)
                _convert_part(part, version, marks[part.name], targets[part.name], whole, share)
                done += counts[part.name]
    return targets


@contextmanager
def _writing(cache: Path) -> Iterator[None]:
    """Say of files that cannot be written why, and what to do; other errors pass."""
    try:
        yield
    except OSError as error:
        if why := why_full(error):
            raise full(cache, why, None, "convert on a larger disk") from error
        raise FusionError(
            f"converted patches cannot be kept in {cache}: {error.strerror or error}",
            "a folder that can be written",
            "choose another",
        ) from error


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Keep other processes from converting; the lock of one that dies is released, and its unfinished folders go."""
    from filelock import FileLock, Timeout

    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / _LOCK)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise FusionError(
            f"another process has been converting patches in {cache} for {_PATIENCE_S // 3600} hours",
            "some minutes at most",
            "end that process, then start again",
        ) from None
    try:
        for left in cache.glob(f".*{PARTIAL_SUFFIX}"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        lock.release()


class _Share:
    """Progress of one part among several: sen1 counts for half of a patch, and sen2 for the other."""

    def __init__(self, progress: Progress | None, before: int, total: int) -> None:
        self.progress, self.before, self.total = progress, before, total

    def tell(self, name: str, done: int, count: int) -> None:
        """Of a part of `count` patches, `done` of one array are converted."""
        if self.progress:
            self.progress(self.before + (done if name == "sen1" else count + done) // 2, self.total)


def _require_room(cache: Path, parts: list[Part], counts: dict[str, int]) -> None:
    values = PIXELS * PIXELS * (4 * len(CHANNELS["sen1"]) + 4 * len(CHANNELS["sen2"]))
    needed = int(sum(counts[part.name] for part in parts) * values * _MARGIN)
    free = shutil.disk_usage(cache).free
    if free < needed:
        raise FusionError(
            f"{megabytes(free)} are free in {cache}",
            f"{megabytes(needed)} for {', '.join(part.name for part in parts)}",
            "free some space, or convert on a larger disk",
        )


def _convert_part(part: Part, version: str, mark: str, target: Path, whole: bool, share: _Share) -> None:
    """Convert one part; `whole` is what its sample says of sen2."""
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=PARTIAL_SUFFIX, dir=target.parent))
    try:
        with opened(part.path) as file:
            sen1, sen2, labels = sources(part.path, file)
            kept = places.read(part, len(labels))
            synthetic = is_marked(file.attrs)
            ranges = {"sen1": _write_sen1(sen1, work, share), "sen2": _write_sen2(sen2, work, share, whole)}
        _write_label(labels, work)
        _write_table(labels, kept, work, mark)
        if fingerprint(part) != mark:
            raise FusionError(f"{part.path} was changed as it was read", "a file that stays", "convert again")
        card = _card(part, version, mark, labels, ranges) | ({"synthetic": True} if synthetic else {})
        (work / CARD).write_text(json.dumps(card, indent=1) + "\n")
        for path in work.iterdir():
            _flush(path)
        _place(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _place(work: Path, target: Path) -> None:
    """Give a finished folder its name; where another process was first, its folder stays."""
    if target.exists() and not (target / CARD).is_file():
        shutil.rmtree(target)  # what somebody removed in part
    work.chmod(0o755)
    try:
        work.rename(target)
    except OSError:
        if not (target / CARD).is_file():
            raise


def _blocks(source: Source) -> Iterator[tuple[int, np.ndarray]]:
    """Number of the first patch and values, in the order of the file; whole pieces where it is compressed."""
    count, rows = len(source), source.chunk_rows
    rows = rows * -(-BLOCK // rows)
    most = max(1, int(BLOCK_BYTES // (source.dataset.nbytes / count)))
    rows = min(rows, most, count)
    for start in range(0, count, rows):
        values = source.read(start, min(start + rows, count))
        # What stays in the processor's cache is passed over several times at little cost.
        for first in range(0, len(values), BLOCK):
            yield start + first, values[first : first + BLOCK]


def _write_sen1(source: Source, work: Path, share: _Share) -> Ranges:
    ranges = Ranges("sen1", source.where)
    with (work / "sen1.npy").open("wb") as file:
        _begin(file, "<f4", source)
        for first, values in _blocks(source):
            with np.errstate(over="ignore"):  # what has no place in 32 bits becomes infinite, and is refused as such
                kept = values.astype(np.float32, copy=False)
            ranges.add(kept, first)
            file.write(np.ascontiguousarray(kept).data)
            share.tell("sen1", first + len(values), len(source))
    return ranges


def _write_sen2(source: Source, work: Path, share: _Share, whole: bool) -> Ranges:
    """Write reflectance, times 10,000 in 16 bits where it is whole; where it proves not to be, again as it is."""
    ranges = Ranges("sen2", source.where)
    with (work / "sen2.npy").open("wb") as file:
        _begin(file, "<u2" if whole else "<f4", source)
        for first, values in _blocks(source):
            ranges.add(values, first)
            kept = whole_numbers(values) if whole else values.astype(np.float32, copy=False)
            if kept is None:
                break
            file.write(np.ascontiguousarray(kept).data)
            share.tell("sen2", first + len(values), len(source))
        else:
            return ranges
    return _write_sen2(source, work, share, whole=False)


def _begin(file: BinaryIO, dtype: str, source: Source) -> None:
    """Write numpy's header; the values follow patch by patch, for a mapped file on a full disk ends the process."""
    header = {"descr": dtype, "fortran_order": False, "shape": tuple(map(int, source.dataset.shape))}
    np.lib.format.write_array_header_1_0(file, header)


def _write_label(labels: np.ndarray, work: Path) -> None:
    np.save(work / "label.npy", labels, allow_pickle=False)


def _write_table(labels: np.ndarray, kept: places.Places | None, work: Path, mark: str) -> None:
    from fusion_assets.storage.documents import write_table

    table = (kept.table if kept else places.unknown(len(labels))).copy()
    table.insert(0, "label", labels)
    table.insert(0, "row", np.arange(len(labels)))
    write_table(table, work / TABLE, {"fingerprint": mark})


def _card(part: Part, version: str, mark: str, labels: np.ndarray, ranges: dict[str, Ranges]) -> dict[str, Any]:
    counts = np.bincount(labels, minlength=len(ZONES))
    return {
        "format": FORMAT,
        "part": part.name,
        "version": version,
        "patches": len(labels),
        "fingerprint": mark,
        "classes": {zone.sign: int(count) for zone, count in zip(ZONES, counts, strict=True)},
        "ranges": {
            name: {
                channel: [float(low), float(high)]
                for channel, low, high in zip(CHANNELS[name], held.low, held.high, strict=True)
            }
            for name, held in ranges.items()
        },
    }


def _flush(path: Path) -> None:
    """Hand a file to the disk, so that a power cut leaves no named folder with holes."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
