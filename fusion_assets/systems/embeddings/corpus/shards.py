"""Shards: some hundred patches as one Zarr store of format 3, and a table that says what became of every patch.

A folder holds `patches.zarr` and `patches.parquet`. The store has an array a grid (`layout.py`) and, by patch, `patch`
(its number), `offset` (of reflectance) and `angle` (incidence in degrees, NaN unknown). A chunk is one patch, so that
one is read without its neighbours; chunks lie 128 together in a file, so that a shard has few files. Patches stand in
the order of their numbers, whatever order they came in: the same patches make the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.storage.folders import Folder, write_folder
from fusion_assets.storage.root import Storage
from fusion_assets.systems.embeddings.corpus.alignment import UNSEEN, Alignment, patch_correlations, told_by
from fusion_assets.systems.embeddings.corpus.fetching import Pace, fetch
from fusion_assets.systems.embeddings.corpus.journal import Journal, open_journal, remove_journal
from fusion_assets.systems.embeddings.corpus.layout import NO_ECHO, Layout
from fusion_assets.systems.embeddings.corpus.reading import Pixels, Read, decibels, reflectance

if TYPE_CHECKING:
    import pandas as pd
    import zarr

STORE, TABLE = "patches.zarr", "patches.parquet"
TOGETHER = 128
"""Patches in a file of the store; so many are in memory at a time."""
_FORM = 1
_ASKED_FOR = ("patch", "epsg", "x", "y", "optics", "radar", "incidence")
_CLEAR = PRODUCTS["sentinel2_l2a"].mask.values


@dataclass(frozen=True)
class Counts:
    """What became of the patches of a shard.

    Attributes:
        asked: for.
        got: of them.
        missing: how many for each reason.
    """

    asked: int
    got: int
    missing: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """For records."""
        return {"asked": self.asked, "got": self.got, "missing": dict(self.missing)}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Counts:
        """The counts that `to_dict` wrote."""
        return cls(int(said["asked"]), int(said["got"]), dict(said["missing"]))


def request_digest(patches: Sequence[Mapping[str, Any]], layout: Layout) -> str:
    """Of everything that the bytes of a shard depend on, beside the archive: 12 hex digits."""
    rows = [[_plain(row.get(name)) for name in _ASKED_FOR] for row in patches]
    text = json.dumps([_FORM, layout.to_dict(), rows], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def make_shard(
    storage: Storage,
    path: str,
    patches: Sequence[Mapping[str, Any]],
    read: Read,
    layout: Layout,
    work: Path,
    *,
    facts: Mapping[str, str],
    pace: Pace | None = None,
) -> Folder:
    """Fetch the patches of a shard and write its folder, which the IO manager places by naming it.

    A run that was killed goes on where it ended: what it had fetched lies in `work`. Call `forget` once the folder has
    been placed.

    Args:
        storage: root.
        path: of the artifact, extension `json`; its name is that of the shard.
        patches: rows of the plan that have a pair, in any order.
        read: of the engine.
        layout: of the patches.
        work: working folder that outlives a run, on this machine.
        facts: digests for the artifact.
        pace: of fetching.

    Raises:
        FusionError: rows of other products than the layout's, no patch at all could be got, too many could not be
            read, or the disk is full.
    """
    rows = sorted(patches, key=lambda row: int(row["patch"]))
    _check_rows(rows, layout)
    name = _shard_name(path)
    request = request_digest(rows, layout)
    with open_journal(work, name, request, layout) as journal:
        unread = fetch(rows, read, journal, pace)
        counts = _counts(rows, journal, unread)
        if rows and not counts.got:
            reason, number = next(iter(counts.missing.items()))
            raise FusionError(
                f"none of the {counts.asked} patches of shard {name} could be got; {number} of them: {reason}",
                "at least one",
                "choose other scenes or products in the study",
            )
        about: dict[str, Any] = {"layout": layout.to_dict(), "request": request, "form": _FORM, **counts.to_dict()}
        return write_folder(
            storage,
            path,
            lambda folder: about.update(alignment=_fill(folder, rows, journal, unread, layout, request)),
            facts=facts,
            about=about,
        )


def forget(path: str, work: Path) -> None:
    """Remove what `make_shard` kept while it worked."""
    remove_journal(work, _shard_name(path))


def open_store(folder: str | Path) -> zarr.Group:
    """The arrays of a shard, by name; nothing is read yet.

    Args:
        folder: that holds the store; on this machine.

    Raises:
        FusionError: no such store, or one of another form.
    """
    import zarr

    place = Path(folder) / STORE
    try:
        group = zarr.open_group(place, mode="r", zarr_format=3)
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise FusionError(f"{place} is no store of patches ({type(error).__name__})", "one", "make it anew") from None
    if group.attrs.get("form") != _FORM:
        raise FusionError(f"{place} has the form {group.attrs.get('form')}", f"form {_FORM}", "make it anew")
    return group


def layout_of(group: zarr.Group) -> Layout:
    """The layout of a store's patches."""
    said: Any = group.attrs["layout"]
    return Layout.of(said)


def read_table(folder: str | Path) -> pd.DataFrame:
    """What became of every patch of a shard, see `columns`."""
    import pandas as pd

    return pd.read_parquet(Path(folder) / TABLE)


def _shard_name(path: str) -> str:
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _check_rows(rows: Sequence[Mapping[str, Any]], layout: Layout) -> None:
    """Refuse patches that are there twice, or that were planned of other products: units of radar never mix."""
    twice = [patch for patch, count in Counter(int(row["patch"]) for row in rows).items() if count > 1]
    if twice:
        raise FusionError(f"the plan has patch {twice[0]} more than once", "each once", "plan anew")
    said = {"optics_product": layout.optics, "radar_product": layout.radar, "unit": layout.unit}
    for row in rows:
        for name, wanted in said.items():
            if row.get(name, wanted) != wanted:
                raise FusionError(f"patch {row['patch']} was planned with {row[name]} as {name}", wanted, "plan anew")


def _counts(rows: Sequence[Mapping[str, Any]], journal: Journal, unread: Mapping[int, str]) -> Counts:
    reasons = Counter(unread.values())
    got = 0
    for patch in (int(row["patch"]) for row in rows if int(row["patch"]) in journal):
        reason = journal.reason(patch)
        got += reason is None
        reasons.update([reason] if reason is not None else [])
    return Counts(len(rows), got, dict(reasons.most_common()))


def _fill(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    journal: Journal,
    unread: Mapping[int, str],
    layout: Layout,
    request: str,
) -> dict[str, Any]:
    """Write the store and the table into an empty folder; returns how the sensors lie on each other in all of it."""
    import pandas as pd

    numbers = [int(row["patch"]) for row in rows]
    reasons = {patch: unread.get(patch) or journal.reason(patch) for patch in numbers}
    got = [row for row in rows if reasons[int(row["patch"])] is None]
    group = _empty_store(folder / STORE, layout, len(got), request)
    records: dict[int, dict[str, Any]] = {}
    surfaces: list[np.ndarray] = []
    # Two, for each holds transforms of whole images: more would only take memory.
    with ThreadPoolExecutor(2) as pool:
        for start, piece in _pieces(got, journal):
            stop = start + len(piece)
            for part in layout.parts:
                _array(group, part.name)[start:stop] = np.stack([found.arrays[part.name] for found in piece])
            _array(group, "offset")[start:stop] = np.array([found.offset for found in piece], np.float32)
            for position, (facts, surface) in enumerate(pool.map(lambda found: quality(found, layout), piece), start):
                records[int(got[position]["patch"])] = {"position": position, **facts}
                surfaces += [surface] if surface is not None else []
    _array(group, "patch")[:] = np.array([int(row["patch"]) for row in got], np.int64)
    _array(group, "angle")[:] = np.array([_angle(row) for row in got], np.float32)
    unknown = {"position": -1, **_UNKNOWN}
    table = [{"patch": patch, "missing": reasons[patch] or "", **records.get(patch, unknown)} for patch in numbers]
    frame = pd.DataFrame(table, columns=["patch", "missing", "position", *_UNKNOWN])
    frame.astype(_TYPES).to_parquet(folder / TABLE, index=False)
    return _together(surfaces, layout)


def _together(surfaces: Sequence[np.ndarray], layout: Layout) -> dict[str, Any]:
    """What the mean correlation of all patches tells."""
    if not surfaces:
        return {"patches": 0, "flag": UNSEEN}
    found = told_by(np.mean(surfaces, axis=0), layout.size**2 * len(surfaces))
    numbers = {"shift_x": found.shift_x, "shift_y": found.shift_y, "correlation": found.correlation}
    known = {name: round(value, 4) for name, value in numbers.items() if math.isfinite(value)}
    return {"patches": len(surfaces), **known, "flag": found.flag}


def _pieces(got: Sequence[Mapping[str, Any]], journal: Journal) -> Iterator[tuple[int, list[Pixels]]]:
    """Patches that lie in one file of the store, with the position of the first."""
    for start in range(0, len(got), TOGETHER):
        found = [journal.read(int(row["patch"])) for row in got[start : start + TOGETHER]]
        yield start, [each for each in found if isinstance(each, Pixels)]


def _empty_store(place: Path, layout: Layout, count: int, request: str) -> zarr.Group:
    import zarr
    from zarr.codecs import BloscCodec

    about = {"form": _FORM, "layout": layout.to_dict(), "request": request, "unit": layout.unit}
    group = zarr.create_group(place, zarr_format=3, attributes=about)
    for part in layout.parts:
        attributes: dict[str, Any] = {"metres": part.metres, "bands": list(part.bands)}
        group.create_array(
            part.name,
            shape=(count, *part.shape),
            dtype=part.dtype,
            chunks=(1, *part.shape),
            shards=(min(TOGETHER, max(count, 1)), *part.shape),
            compressors=BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
            fill_value=part.empty,
            dimension_names=("patch", *(("band",) if part.bands else ()), f"y{part.metres}", f"x{part.metres}"),
            attributes=attributes,
        )
    for name, dtype, empty in (("patch", "int64", -1), ("offset", "float32", np.nan), ("angle", "float32", np.nan)):
        chunks = (max(count, 1),)
        group.create_array(
            name, shape=(count,), dtype=dtype, chunks=chunks, fill_value=empty, dimension_names=("patch",)
        )
    return group


def _array(group: zarr.Group, name: str) -> Any:
    return group[name]


def _angle(row: Mapping[str, Any]) -> float:
    value = row.get("incidence")
    return math.nan if value is None else float(value)


_UNKNOWN: dict[str, Any] = {
    "optics_missing": math.nan,
    "radar_missing": math.nan,
    "clear_seen": math.nan,
    "offset": math.nan,
    "shift_x": math.nan,
    "shift_y": math.nan,
    "correlation": math.nan,
    "flag": "",
}
"""Quality of a patch that is missing. Shares are of pixels, 0 to 1; the rest see `alignment.Alignment`."""
_TYPES = {
    "patch": np.int64,
    "position": np.int64,
    **{name: np.float32 for name, value in _UNKNOWN.items() if isinstance(value, float)},
}


def quality(found: Pixels, layout: Layout) -> tuple[dict[str, Any], np.ndarray | None]:
    """What is told of a patch beside its pixels, and its correlations by shift.

    Returns:
        `optics_missing` and `radar_missing`: share of pixels without an observation in some band of the finest grid;
        `clear_seen`: share that the scene classification calls clear, NaN without one; `offset`; and how the sensors
        lie on each other, on their common pixels of 10 m: `shift_x`, `shift_y`, `correlation`, `flag`.
    """
    parts = {part.name: part for part in layout.parts}
    optics = found.arrays[next(iter(parts))]
    radar = found.arrays["radar"]
    clear = float(np.isin(found.arrays["scl"], _CLEAR).mean()) if "scl" in parts else math.nan
    surface = None
    if "b10" in parts:
        surface = patch_correlations(reflectance(optics, found.offset), decibels(radar))
    fits = Alignment(math.nan, math.nan, math.nan, UNSEEN if "b10" in parts else "no optics of 10 m")
    fits = fits if surface is None else told_by(surface, layout.size**2)
    told = {
        "optics_missing": float((optics == 0).any(axis=0).mean()),
        "radar_missing": float((radar == NO_ECHO).any(axis=0).mean()),
        "clear_seen": clear,
        "offset": found.offset,
        "shift_x": fits.shift_x,
        "shift_y": fits.shift_y,
        "correlation": fits.correlation,
        "flag": fits.flag,
    }
    return told, surface
