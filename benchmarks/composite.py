"""Archive composites against odc-stac: time, peak memory, and growth with scenes and area.

The data are generated COGs (24 dates of 1500 x 1500, B02 and QA60, about half masked) under build/. Every figure is
taken in a fresh process; memory is the peak of the resident set above what the imports alone need.

    python -m benchmarks.composite [threads]
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SIDE, SEASONS = 1500, (24, 96, 240)
ROOT = Path(__file__).resolve().parents[1] / "build" / "composite-archive"
REPEATS = 3
_WEST, _NORTH, _STEP = 500_000, 5_600_000, 10


def run(threads: int = 0) -> list[dict[str, Any]]:
    """Measure everything; one row per case.

    Args:
        threads: for both sides; all cores when 0.

    Returns:
        Rows with `name`, `scenes`, `side` (pixels), `threads`, `seconds` and `processor_seconds` (best of `REPEATS`),
        `peak_mb`, `million_observations_per_s`; rows of ours also carry `speedup` and `memory_share` against odc-stac
        with as many scenes, or `cost_growth` (processor time an observation) and `memory_growth` against the small
        case.
    """
    threads = threads or len(os.sched_getaffinity(0))
    cases = [
        *((name, scenes, SIDE) for scenes in SEASONS for name in ("odc-stac", "composite", "streamed")),
        ("to a file", SEASONS[0], SIDE),
        ("streamed", SEASONS[0], SIDE * 2),
    ]
    rows = [_measure(*case, threads) for case in cases]
    peers = {row["scenes"]: row for row in rows if row["name"] == "odc-stac"}
    small = next(row for row in rows if row["name"] == "streamed")
    for row in rows:
        if row["name"] == "composite":
            peer = peers[row["scenes"]]
            row["speedup"] = round(peer["seconds"] / row["seconds"], 2)
            row["memory_share"] = round(row["peak_mb"] / peer["peak_mb"], 3)
        elif row["name"] == "streamed" and row is not small:
            row["cost_growth"] = round(_cost(row) / _cost(small), 2)
            row["memory_growth"] = round(row["peak_mb"] / small["peak_mb"], 2)
    return rows


def _cost(row: dict[str, Any]) -> float:
    """Processor seconds an observation."""
    return row["processor_seconds"] / (row["scenes"] * row["side"] ** 2)


def _measure(case: str, scenes: int, side: int, threads: int) -> dict[str, Any]:
    make_archive(scenes, side)
    command = [sys.executable, "-m", "benchmarks.composite", "--one", case, str(scenes), str(side), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    row = json.loads(done.stdout.splitlines()[-1])
    rate = round(scenes * side * side / row["seconds"] / 1e6, 1)
    return {"name": case, "scenes": scenes, "side": side, "threads": threads, **row, "million_observations_per_s": rate}


def make_archive(scenes: int, side: int) -> None:
    """Write the COGs that are not there yet; those of shorter seasons serve the longer ones too."""
    from rasterio.errors import RasterioIOError
    from scipy.ndimage import gaussian_filter

    ROOT.mkdir(parents=True, exist_ok=True)
    missing = [t for t in range(scenes) if not all(Path(_path(t, band, side)).exists() for band in ("B02", "QA60"))]
    if not missing:
        return
    base = (gaussian_filter(np.random.default_rng(0).random((side, side)), 3) * 8000).astype("uint16")
    for t in missing:
        rng = np.random.default_rng(t + 1)
        values = (base + rng.integers(0, 300, (side, side))).astype("uint16")
        cloud = (gaussian_filter(rng.random((side, side)), 20) > 0.5).astype("uint16") * 1024
        for band, pixels, nodata in (("B02", values, 0), ("QA60", cloud, None)):
            try:
                _write(Path(_path(t, band, side)), pixels, nodata)
            except RasterioIOError as error:
                raise RuntimeError(f"cannot write under {ROOT}: {error}") from error


def _write(path: Path, pixels: np.ndarray, nodata: int | None) -> None:
    import rasterio
    from rasterio.transform import from_origin

    partial = path.with_suffix(".partial")
    with rasterio.open(
        partial, "w", driver="COG", height=pixels.shape[0], width=pixels.shape[1], count=1, dtype="uint16",
        crs="EPSG:32631", transform=from_origin(_WEST, _NORTH, _STEP, _STEP), nodata=nodata, compress="deflate",
        blocksize=512,
    ) as target:  # fmt: skip
        target.write(pixels, 1)
    partial.replace(path)


def _path(t: int, band: str, side: int) -> str:
    return str(ROOT / f"{side}_{t}_{band}.tif")


def _moment(t: int) -> dt.datetime:
    return dt.datetime(2019, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=t)


def _odc(scenes: int, side: int, threads: int) -> None:
    """What most people write: load lazily, mask, median."""
    import dask
    import odc.stac
    import pystac
    from odc.geo.geobox import GeoBox

    items = []
    for t in range(scenes):
        item = pystac.Item(
            f"s{t}",
            {"type": "Polygon", "coordinates": [[[3, 50], [3.5, 50], [3.5, 50.6], [3, 50.6], [3, 50]]]},
            [3, 50, 3.5, 50.6],
            _moment(t),
            {"proj:epsg": 32631, "proj:code": "EPSG:32631"},
            stac_extensions=["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
        )
        lattice = {"proj:shape": [side, side], "proj:transform": [_STEP, 0, _WEST, 0, -_STEP, _NORTH]}
        for band in ("B02", "QA60"):
            item.add_asset(band, pystac.Asset(_path(t, band, side), extra_fields=lattice))
        items.append(item)
    bounds = (_WEST, _NORTH - side * _STEP, _WEST + side * _STEP, _NORTH)
    box = GeoBox.from_bbox(bounds, crs="EPSG:32631", resolution=_STEP)
    with dask.config.set(scheduler="threads", num_workers=threads):
        loaded = odc.stac.load(
            items, bands=["B02", "QA60"], geobox=box, groupby="time", dtype="uint16", chunks={"x": 512, "y": 512}
        )
        clear = (loaded.B02 > 0) & ((loaded.QA60 & 3072) == 0)
        loaded.B02.where(clear).median("time").compute()


def _ours(scenes: int, side: int) -> Any:
    """Our lazy composite of the same scenes."""
    from affine import Affine

    from fusion_assets.grids.grid import Grid
    from fusion_assets.imagery.acquisitions import acquisitions
    from fusion_assets.imagery.compositing.composite import CompositeRecipe, composite
    from fusion_assets.imagery.products import PRODUCTS
    from fusion_assets.imagery.scenes import Scene, SceneFile

    found = []
    for t in range(scenes):
        band = SceneFile(_path(t, "B02", side), scale=1e-4, usual_nodata=0)
        found.append(Scene(f"s{t}", _moment(t), _moment(t), "", {"B02": band}, SceneFile(_path(t, "QA60", side))))
    grid = Grid("EPSG:32631", Affine(_STEP, 0, _WEST, 0, -_STEP, _NORTH), side, side)
    recipe = CompositeRecipe(("B02",), PRODUCTS["sentinel2_l1c"].mask)
    return composite(acquisitions(found), recipe, grid)


def _compute(scenes: int, side: int, threads: int) -> None:
    import dask

    with dask.config.set(scheduler="threads", num_workers=threads):
        _ours(scenes, side).compute()


def _to_file(scenes: int, side: int, threads: int) -> None:
    """As the assets do it."""
    import dask

    from fusion_assets.storage.raster_writing import write_raster

    with dask.config.set(scheduler="threads", num_workers=threads):
        write_raster(_ours(scenes, side), nodata=float("nan"), tags={}, directory=ROOT).discard()


def _stream(scenes: int, side: int, threads: int) -> None:
    """Every tile is computed and reduced to a number: the memory is that of compositing alone."""
    import dask

    with dask.config.set(scheduler="threads", num_workers=threads):
        _ours(scenes, side).mean().compute()


def _one(case: str, scenes: int, side: int, threads: int) -> None:
    """Run one case in this process and print its figures as JSON."""
    work = {"odc-stac": _odc, "composite": _compute, "to a file": _to_file, "streamed": _stream}[case]
    work(1, side, threads)  # imports, compilation, first use of everything
    base = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again from here
    seconds, processor = [], []
    for _ in range(REPEATS):
        start, used = time.perf_counter(), time.process_time()
        work(scenes, side, threads)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    figures = {"seconds": min(seconds), "processor_seconds": min(processor)}
    rounded = {name: round(figure, 3) for name, figure in figures.items()}
    print(json.dumps(rounded | {"peak_mb": round((_status("VmHWM") - base) / 1024, 1)}))


def _status(key: str) -> int:
    """A figure of /proc/self/status, kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def main() -> None:
    """Print a table."""
    if sys.argv[1:2] == ["--one"]:
        case, *numbers = sys.argv[2:]
        _one(case, *(int(number) for number in numbers))
        return
    for row in run(int(sys.argv[1]) if len(sys.argv) > 1 else 0):
        print(", ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
