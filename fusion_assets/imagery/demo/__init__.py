"""The demo archive: a self-contained STAC catalog of synthetic COGs, made on this machine from a seed.

    python -m fusion_assets.imagery.demo ARCHIVE --seed 0 --size-km 100 --growth 1

It holds what the pipeline reads (Sentinel-2 level 2A and a little level 1C, VIIRS monthly lights, GHSL codes of 2015)
and the truth of every year, which only evaluation may read. What belongs here is the making of the archive as a whole;
what the world looks like is in `land.py` and `settlement.py`, what sensors make of it in `optics.py`,
`sky.py` and `lights.py`, the form of files in `catalog.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.imagery.demo.catalog import (
    NOTICE,
    bounding_box,
    write_catalog,
    write_collection,
    write_json,
)
from fusion_assets.imagery.demo.frame import Frame, demo_region
from fusion_assets.imagery.demo.items import COLLECTIONS, World, tasks
from fusion_assets.imagery.demo.land import build_land
from fusion_assets.imagery.demo.lights import Night
from fusion_assets.imagery.demo.optics import Scenery
from fusion_assets.imagery.demo.settlement import build_settlements

DEFAULT_PLACE = (87.0, 27.0)
"""Inland, on the central meridian of UTM zone 45N: there a lon/lat box and a UTM square agree to half a pixel."""
DEFAULT_YEARS = range(2015, 2020)
RECORD = "demo.json"
# Raise it whenever the same parameters would give other pixels.
_GENERATOR = 2

Progress = Callable[[int, int, str], None]


def _parameters(
    seed: int, place: tuple[float, float], size_km: int, growth: float, years: Sequence[int], name: str
) -> dict[str, Any]:
    """What decides every pixel, checked."""
    years = sorted({int(year) for year in years})
    if not years or years[0] < 2015 or years[-1] > 2021:
        # Level 2A of 2022 and later carries an offset that these simulated numbers do not have.
        raise FusionError(f"demo years = {years}", "years from 2015 to 2021", "choose other years")
    if seed < 0 or int(seed) != seed:
        raise FusionError(f"demo seed = {seed}", "a whole number, 0 or more", "choose another seed")
    if not 0 <= growth <= 3:
        raise FusionError(f"demo growth = {growth}", "0 (none) to 3; 1 is usual", "choose another growth")
    if int(size_km) != size_km:
        raise FusionError(f"demo size_km = {size_km}", "whole kilometres", "choose another size")
    return {
        "generator": _GENERATOR,
        "name": name,
        "seed": int(seed),
        "place": [float(place[0]), float(place[1])],
        "size_km": int(size_km),
        "growth": float(growth),
        "years": years,
    }


def demo_is_current(
    root: str | Path,
    *,
    seed: int = 0,
    place: tuple[float, float] = DEFAULT_PLACE,
    size_km: int = 100,
    growth: float = 1.0,
    years: Sequence[int] = DEFAULT_YEARS,
    name: str = "demo",
) -> bool:
    """Whether the archive at `root` is complete and made with these parameters by this generator."""
    try:
        record = json.loads((Path(root) / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = record.get("parameters") == _parameters(seed, place, size_km, growth, years, name)
    return same and (Path(root) / "catalog.json").is_file()


def build_demo_archive(
    root: str | Path,
    *,
    seed: int = 0,
    place: tuple[float, float] = DEFAULT_PLACE,
    size_km: int = 100,
    growth: float = 1.0,
    years: Sequence[int] = DEFAULT_YEARS,
    name: str = "demo",
    progress: Progress | None = None,
) -> Path:
    """Make the archive unless the same one is there already; return the path of its `catalog.json`.

    It is built beside `root` and renamed into place when complete: an interrupted build leaves no archive.

    Args:
        root: folder of the archive. An archive of other parameters is replaced; anything else is left alone.
        seed: 0 or more; decides every pixel.
        place: centre, longitude and latitude in degrees; moved to the 1 km lattice of its UTM zone.
        size_km: edge of the square area, 10 to 200.
        growth: 0 for settlements that never change, 1 for 12 to 18 percent more built-up area from 2015 to 2019.
        years: calendar years with imagery and truth, 2015 to 2021; labels are always of 2015.
        name: of the area; part of titles.
        progress: called with items done, items in all and what was made.

    Raises:
        FusionError: a parameter out of range, or `root` is something else or cannot be written.
    """
    root = Path(root)
    parameters = _parameters(seed, place, size_km, growth, years, name)
    frame = Frame.at(place, int(size_km))
    if demo_is_current(root, seed=seed, place=place, size_km=size_km, growth=growth, years=years, name=name):
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
            _build(work, frame, parameters, progress)
            _place(work, root)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise FusionError(
            f"the demo archive cannot be written at {root}: {error}",
            "a folder with write permission and about 150 MB of free space",
            "choose another folder, or free some space",
        ) from error
    return root / "catalog.json"


def _build(work: Path, frame: Frame, parameters: dict[str, Any], progress: Progress | None) -> None:
    """Simulate the world and write everything under `work`."""
    seed, years = parameters["seed"], parameters["years"]
    land = build_land(seed, frame)
    settlements = build_settlements(seed, frame, land, years, parameters["growth"])
    # The digest makes scenes of two archives different scenes, so that nothing computed from one passes for the other.
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:6]
    world = World(
        root=work,
        prefix=f"SYNTHETIC_{digest}",
        seed=seed,
        frame=frame,
        land=land,
        settlements=settlements,
        years=tuple(years),
        scenery=Scenery(seed, frame, land, settlements),
        night=Night(seed, frame, land, settlements),
    )
    work_list = tasks(world)
    items = []
    # Threads, not processes: numpy, scipy and GDAL release the interpreter, and the world is shared without copies.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for done, made in enumerate(pool.map(lambda task: task(), work_list), start=1):
            items += made
            if progress:
                progress(done, len(work_list), made[-1]["id"])
    for identifier, (title, text) in COLLECTIONS.items():
        members = [item for item in items if item["collection"] == identifier]
        write_collection(work, identifier, title, text, members)
    region = demo_region(frame)
    write_catalog(work, f"synthetic-{parameters['name']}", f"SYNTHETIC demo archive {parameters['name']}", COLLECTIONS)
    write_json(
        work / "aoi.geojson",
        {
            "type": "Feature",
            "properties": {"name": parameters["name"], "synthetic": True, "description": NOTICE},
            "bbox": bounding_box(region["geometry"]),
            "geometry": region["geometry"],
        },
    )
    grid = frame.transform @ Affine.scale(4)
    write_json(
        work / RECORD,
        {
            "synthetic": True,
            "description": NOTICE,
            "parameters": parameters,
            "region": region,
            "grid": {"crs": frame.crs, "transform": list(grid[:6]), "shape": [frame.size_km] * 2},
        },
    )


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
