"""The exam as files: HDF5 in the shape of So2Sat LCZ42, version 4, that say they are synthetic.

`training.h5` holds most cities; `validation.h5` and `testing.h5` the western and the eastern halves of the others, as
published. Beside each lies `*_geo.h5` with its places, and a STAC catalog with scenes of two of the cities held out.
All are written in a folder of their own, which gets its name when it is complete. Layout of the patches:
https://github.com/zhu-xlab/So2Sat-LCZ42.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.catalog import LICENSE, NOTICE, write_json
from fusion_assets.demo.cities.look import USUAL
from fusion_assets.demo.cities.patches import PIXELS, Patches, cut, patches_of
from fusion_assets.demo.cities.plan import LATTICE, SIDE, STEP, City, cities_of
from fusion_assets.demo.cities.recipes import RECIPES
from fusion_assets.demo.cities.scenes import places_of, write_scenes
from fusion_assets.demo.cities.sight import WHOLE
from fusion_assets.demo.whole import Kind, build_once
from fusion_assets.errors import FusionError
from fusion_assets.storage.simulation import MARK, RECORD, WORD

PARTS = ("training", "validation", "testing")
FEWEST, MOST = 4, 60
# Raise it whenever the same parameters would give other values.
_GENERATOR = 2
_CHUNK = 8
_KIND = Kind(
    "synthetic cities",
    "cities",
    ("catalog.json", *(f"{part}{kind}.h5" for part in PARTS for kind in ("", "_geo"))),
    "200 MB",
)


def build(folder: str | Path, seed: int = 0, *, cities: int = 12, shift: float = USUAL, noise: bool = True) -> Path:
    """Write the exam unless the same one is there already; return its folder. Several processes may at once.

    Args:
        folder: for the files. An exam of other parameters is replaced; anything else is left alone.
        seed: 0 or more.
        cities: how many, 4 to 60; the second half is held out.
        shift: how unlike each other cities are: 0 not at all; see `look.USUAL`.
        noise: whether some labels are wrong.

    Raises:
        FusionError: a parameter out of range, or `folder` is something else or cannot be written.
    """
    folder = Path(folder)
    parameters = _checked(seed, cities, shift, noise)
    return build_once(folder, _KIND, parameters, lambda work: _write(work, parameters))


def _checked(seed: int, cities: int, shift: float, noise: bool) -> dict[str, Any]:
    """Parameters as the record has them.

    Raises:
        FusionError: one is out of range.
    """
    if seed < 0 or int(seed) != seed:
        raise FusionError(f"seed of the cities = {seed}", "a whole number, 0 or more", "choose another seed")
    if not FEWEST <= cities <= MOST or int(cities) != cities:
        raise FusionError(f"{cities} synthetic cities", f"{FEWEST} to {MOST}", "choose another number")
    if not 0 <= shift <= 2:
        usual = f"0 (alike) to 2; {USUAL:g} is usual"
        raise FusionError(f"shift of the cities = {shift}", usual, "choose another shift")
    about = {"seed": int(seed), "cities": int(cities), "shift": float(shift), "noise": bool(noise)}
    return {"generator": _GENERATOR, **about}


def _write(work: Path, parameters: Mapping[str, Any]) -> None:
    """Write everything, city by city, so that memory holds one at a time."""
    with ExitStack() as stack:
        parts = {part: _Part(work, part, stack) for part in PARTS}
        for city in cities_of(parameters["cities"]):
            patches = patches_of(parameters["seed"], city, parameters["shift"], parameters["noise"])
            for part, rows in _parts(city, patches):
                parts[part].add(city, patches, rows)
    places = places_of(parameters["seed"], parameters["cities"], parameters["shift"])
    # The digest makes scenes of two exams different scenes, so that nothing computed from one passes for the other.
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
    write_scenes(work, f"{WORD}_{digest[:6]}", places)
    record = {"synthetic": True, "description": NOTICE, "license": LICENSE, "cities": parameters}
    write_json(work / RECORD, {**record, "regions": [place.outline() for place in places]})


def _parts(city: City, patches: Patches) -> Iterator[tuple[str, npt.NDArray[np.intp]]]:
    """Which part holds which patches; halves keep so far apart that none overlap."""
    if not city.held_out:
        yield "training", np.arange(len(patches.labels))
        return
    middle = SIDE // 2
    yield "validation", np.flatnonzero(patches.cols < middle - PIXELS // 2 + LATTICE // 2)
    yield "testing", np.flatnonzero(patches.cols >= middle + PIXELS // 2)


class _Part:
    """The two files of a part, open and growing."""

    def __init__(self, work: Path, name: str, stack: ExitStack) -> None:
        import h5py

        patches, places = (stack.enter_context(h5py.File(work / f"{name}{kind}.h5", "w")) for kind in ("", "_geo"))
        for file in (patches, places):
            file.attrs.update(MARK | {"description": NOTICE, "license": LICENSE})
        packed = {"chunks": (_CHUNK, PIXELS, PIXELS, 1), "compression": "gzip", "compression_opts": 1, "shuffle": True}
        self.held = {}
        for file, array, shape, dtype, layout in (
            (patches, "sen1", (PIXELS, PIXELS, 8), "f4", packed),
            (patches, "sen2", (PIXELS, PIXELS, 10), "f4", packed),
            (patches, "label", (len(RECIPES),), "f4", {}),
            (places, "coord", (2,), "f8", {}),
            (places, "tfw", (6,), "f8", {}),
            (places, "epsg", (), "i4", {}),
            (places, "city", (), "S16", {}),
        ):
            self.held[array] = file.create_dataset(array, (0, *shape), dtype, maxshape=(None, *shape), **layout)

    def add(self, city: City, patches: Patches, chosen: npt.NDArray[np.intp]) -> None:
        """Append some of a city's patches."""
        rows, cols = patches.rows[chosen], patches.cols[chosen]
        corner = np.column_stack([city.west + STEP * cols, city.north - STEP * rows])
        half = STEP * PIXELS / 2
        count = len(chosen)
        size, none = np.full(count, STEP), np.zeros(count)
        values = {
            "sen1": np.stack([cut(patches.radar, *at) for at in zip(rows, cols, strict=True)]),
            "sen2": np.stack([cut(patches.optics, *at) for at in zip(rows, cols, strict=True)]) / np.float32(WHOLE),
            "label": np.eye(len(RECIPES))[patches.labels[chosen]],
            "coord": corner,
            "tfw": np.column_stack([size, none, none, -size, corner[:, 0] - half, corner[:, 1] + half]),
            "epsg": np.full(count, city.epsg),
            "city": np.full(count, city.name.encode()),
        }
        for name, dataset in self.held.items():
            start = len(dataset)
            dataset.resize(start + count, axis=0)
            dataset[start:] = values[name]
