"""The demo archive: a self-contained STAC catalog of synthetic COGs, made on this machine from a seed.

    python -m fusion_assets.demo ARCHIVE --seed 0 --size-km 100 --growth 1

It holds what the pipeline reads (Sentinel-2 level 2A and a little level 1C, a little Sentinel-1, VIIRS monthly
lights, GHSL codes of 2015) and the truth of every year, which only evaluation may read, and a sample of it as
people would interpret it (`reference_sample.csv`); with level `l1c` it holds level 1C throughout instead. With
`--squares` four squares lie beside it, with Landsat-like scenes, VIIRS annual lights and the truth of their nights.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from affine import Affine

from fusion_assets.demo.catalog import NOTICE, bounding_box, write_catalog, write_collection, write_json
from fusion_assets.demo.collections import Level, collections
from fusion_assets.demo.frame import Frame, demo_region
from fusion_assets.demo.items import World, tasks
from fusion_assets.demo.land import build_land
from fusion_assets.demo.lights import Night
from fusion_assets.demo.optics import Scenery
from fusion_assets.demo.reference import reference_sample
from fusion_assets.demo.settlement import build_settlements
from fusion_assets.demo.squares.items import COLLECTIONS, square_tasks
from fusion_assets.demo.squares.place import squares_beside
from fusion_assets.errors import FusionError
from fusion_assets.evaluation.probability_sample import FILE
from fusion_assets.storage.simulation import RECORD

DEFAULT_PLACE = (87.0, 27.0)
"""Inland, on the central meridian of UTM zone 45N: there a lon/lat box and a UTM square agree to half a pixel."""
DEFAULT_YEARS = range(2015, 2020)
# Raise it whenever the same parameters would give other pixels.
_GENERATOR = 4
_SQUARES = 1
"""The same of the squares alone, which draw from random streams of their own."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class DemoParameters:
    """What decides every pixel.

    Attributes:
        seed: 0 or more.
        place: centre, longitude and latitude in degrees; moved to the 1 km lattice of its UTM zone.
        size_km: edge of the square area, 10 to 200.
        growth: 0 for settlements that never change, 1 for 12 to 18 percent more built-up area from 2015 to 2019.
        years: calendar years with imagery and truth, 2015 to 2021; labels are always of 2015.
        name: of the area; part of titles.
        level: `l2a`, or `l1c` for level 1C and both kinds of settlement codes; see `collections.collections`.
        squares: whether four squares with the truth of their nights lie beside the area; see `demo.squares`.
    """

    seed: int = 0
    place: tuple[float, float] = DEFAULT_PLACE
    size_km: int = 100
    growth: float = 1.0
    years: Sequence[int] = DEFAULT_YEARS
    name: str = "demo"
    level: Level = "l2a"
    squares: bool = False

    def checked(self) -> dict[str, Any]:
        """As the archive records them.

        Raises:
            FusionError: one is out of range.
        """
        years = sorted({int(year) for year in self.years})
        if not years or years[0] < 2015 or years[-1] > 2021:
            # Level 2A of 2022 and later carries an offset that these simulated numbers do not have.
            raise FusionError(f"demo years = {years}", "years from 2015 to 2021", "choose other years")
        if self.seed < 0 or int(self.seed) != self.seed:
            raise FusionError(f"demo seed = {self.seed}", "a whole number, 0 or more", "choose another seed")
        if not 0 <= self.growth <= 3:
            raise FusionError(f"demo growth = {self.growth}", "0 (none) to 3; 1 is usual", "choose another growth")
        if int(self.size_km) != self.size_km:
            raise FusionError(f"demo size_km = {self.size_km}", "whole kilometres", "choose another size")
        if self.level not in get_args(Level):
            raise FusionError(f"demo level = {self.level}", " or ".join(get_args(Level)), "choose one of them")
        return {
            "generator": _GENERATOR,
            "name": self.name,
            "seed": int(self.seed),
            "place": [float(degrees) for degrees in self.place],
            "size_km": int(self.size_km),
            "growth": float(self.growth),
            "years": years,
            # Left out where it is the default, so that archives made before there was a choice stay current.
            **({} if self.level == "l2a" else {"level": self.level}),
            **({"squares": _SQUARES} if self.squares else {}),
        }


def demo_is_current(root: str | Path, **parameters: Any) -> bool:
    """Whether the archive at `root` is complete and made with these `DemoParameters` by this generator."""
    return _is_current(Path(root), DemoParameters(**parameters).checked())


def _is_current(root: Path, parameters: dict[str, Any]) -> bool:
    try:
        record = json.loads((root / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return record.get("parameters") == parameters and (root / "catalog.json").is_file()


def build_demo_archive(root: str | Path, *, progress: Progress | None = None, **parameters: Any) -> Path:
    """Make the archive unless the same one is there already; return the path of its `catalog.json`.

    It is built beside `root` and renamed into place when complete: an interrupted build leaves no archive.

    Args:
        root: folder of the archive. An archive of other parameters is replaced; anything else is left alone.
        progress: called with items done, items in all and what was made.
        parameters: see `DemoParameters`.

    Raises:
        FusionError: a parameter out of range, or `root` is something else or cannot be written.
    """
    root = Path(root)
    wanted = DemoParameters(**parameters)
    recorded = wanted.checked()
    frame = Frame.at(wanted.place, int(wanted.size_km))
    if _is_current(root, recorded):
        return root / "catalog.json"
    if root.exists() and not (root / RECORD).is_file() and (not root.is_dir() or any(root.iterdir())):
        raise FusionError(
            f"{root} exists and is not a demo archive (it has no {RECORD})",
            "a new or empty folder, or a demo archive to replace",
            "choose another folder",
        )
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(root)
        work = root.parent / f".{root.name}.building-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        work.mkdir()
        try:
            _build(work, frame, recorded, wanted.level, progress)
            _place(work, root)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise FusionError(
            f"the demo archive cannot be written at {root}: {error}",
            "a folder with write permission and about 200 MB of free space",
            "choose another folder, or free some space",
        ) from error
    return root / "catalog.json"


def _build(work: Path, frame: Frame, parameters: dict[str, Any], level: Level, progress: Progress | None) -> None:
    """Simulate the world and write everything under `work`."""
    seed, years = parameters["seed"], parameters["years"]
    land = build_land(seed, frame)
    settlements = build_settlements(seed, frame, land, years, parameters["growth"])
    # The digest makes scenes of two archives different scenes, so that nothing computed from one passes for the other.
    # The area's are the same with squares beside it and without.
    world = World(
        root=work,
        prefix=_prefix({key: value for key, value in parameters.items() if key != "squares"}),
        seed=seed,
        frame=frame,
        land=land,
        settlements=settlements,
        years=tuple(years),
        scenery=Scenery(seed, frame, land, settlements),
        night=Night(seed, frame, land, settlements),
        level=level,
    )
    beside = COLLECTIONS if "squares" in parameters else {}
    work_list = tasks(world)
    if beside:
        work_list += square_tasks(work, _prefix(parameters), seed, frame)
    held = collections(level) | beside
    items = []
    # Threads, not processes: numpy, scipy and GDAL release the interpreter, and the world is shared without copies.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for done, made in enumerate(pool.map(lambda task: task(), work_list), start=1):
            items += made
            if progress:
                progress(done, len(work_list), made[-1]["id"])
    for identifier, (title, text) in held.items():
        members = [item for item in items if item["collection"] == identifier]
        write_collection(work, identifier, title, text, members)
    region = demo_region(frame)
    write_catalog(work, f"synthetic-{parameters['name']}", f"SYNTHETIC demo archive {parameters['name']}", held)
    write_json(
        work / "aoi.geojson",
        {
            "type": "Feature",
            "properties": {"name": parameters["name"], "synthetic": True, "description": NOTICE},
            "bbox": bounding_box(region["geometry"]),
            "geometry": region["geometry"],
        },
    )
    reference_sample(seed, frame, land, settlements).to_csv(work / FILE, index=False)
    grid = frame.transform @ Affine.scale(4)
    write_json(
        work / RECORD,
        {
            "synthetic": True,
            "description": NOTICE,
            "parameters": parameters,
            "region": region,
            "grid": {"crs": frame.crs, "transform": list(grid[:6]), "shape": [frame.size_km] * 2},
            **({"squares": [square.region() for square in squares_beside(frame)]} if beside else {}),
        },
    )


def _prefix(parameters: dict[str, Any]) -> str:
    """Of the ids of all scenes that these parameters decide."""
    return f"SYNTHETIC_{hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:6]}"


def _clear_abandoned(root: Path) -> None:
    """Remove what killed builds of this archive left behind."""
    for leftover in root.parent.glob(f".{root.name}.building-*"):
        try:
            os.kill(int(leftover.name.split("-")[-2]), 0)
        except ProcessLookupError:
            shutil.rmtree(leftover, ignore_errors=True)
        except (OSError, ValueError):
            continue


def _place(work: Path, root: Path) -> None:
    """Move the finished archive to its name; an older archive there is moved out of the way first."""
    retired = work.with_name(f"{work.name}-old")
    if root.exists():
        root.rename(retired)
    work.rename(root)
    shutil.rmtree(retired, ignore_errors=True)
