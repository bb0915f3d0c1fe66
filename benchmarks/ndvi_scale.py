"""Gap-free NDVI of a tile and a year, asset by asset as `fusion run` makes them: time and memory as pixels grow.

The archive is made under build/: COGs like those of public archives (blocks of 1024 pixels, of 512 for radar, deflate,
overviews), four of reflectance, twelve of clouds and four of backscatter, which all the dates share in turns. Every
asset is made by a process of its own; memory is the peak of its resident set, everything included. A tile of Sentinel-2
has 10,980 pixels a side: its archive takes 5 GB, what is made of it 70 GB.

    python -m benchmarks ndvi_scale
    python -m benchmarks.ndvi_scale 10980 [folder]
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SIDES, DATES, PASSES = (1024, 2048), 70, 60
ROOT = Path(__file__).resolve().parents[1] / "build" / "ndvi-scale"
ASSETS = ("ndvi_clear", "backscatter", "ndvi_model", "ndvi_filled")
_YEAR, _CRS, _WEST, _NORTH, _STEP = 2018, "EPSG:32631", 600_000, 5_700_000, 10
_PATTERN, _FIELD = 2048, 40  # pixels: what is repeated over the tile, and the edge of a field
_SEASONS, _SKIES = 4, 12
_CLOUDY = (0.05, 0.3, 0.6, 0.9, 1.0, 0.5)


def run(sides: tuple[int, ...] = SIDES, root: Path = ROOT, assets: tuple[str, ...] = ASSETS) -> list[dict[str, Any]]:
    """Measure everything.

    Args:
        sides: edges of the tiles, pixels.
        root: where archives and artifacts lie; the artifacts of one size are removed before the next.
        assets: which.

    Returns:
        Rows with `name` (asset), `side`, `seconds`, `cpu_seconds`, `ns_per_value` (CPU, of every pixel and date),
        `peak_gb`, `stored_gb`; of all sizes but the first also `added_ns_per_value` (CPU beyond that of the size
        before, which leaves out starting up: it should not grow) and `memory_growth` (against the size before).
    """
    sizes = []
    for side in sides:
        catalog = make_archive(root / str(side), side)
        sizes.append([_measure(asset, side, catalog, root / str(side)) for asset in assets])
        if len(sides) > 1:
            shutil.rmtree(root / str(side) / "data")
    for smaller, larger in itertools.pairwise(sizes):
        for before, row in zip(smaller, larger, strict=True):
            added = (row["side"] ** 2 - before["side"] ** 2) * _dates(row["name"])
            row["added_ns_per_value"] = round((row["cpu_seconds"] - before["cpu_seconds"]) / added * 1e9, 1)
            row["memory_growth"] = round(row["peak_gb"] / before["peak_gb"], 2)
    return [row for rows in sizes for row in rows]


def _dates(asset: str) -> int:
    return PASSES if asset == "backscatter" else DATES


def _measure(asset: str, side: int, catalog: Path, folder: Path) -> dict[str, Any]:
    """Make one asset in a process of its own."""
    log, data = folder / f"{asset}.log", folder / "data"
    environment = os.environ | {
        "FUSION_STUDY": str(_study(folder, side)),
        "FUSION_ARCHIVE": str(catalog),
        "FUSION_STORAGE": str(data),
        "FUSION_ENGINE": "archive",
        "DAGSTER_HOME": str(folder / "home"),
    }
    command = [sys.executable, "-m", "fusion_assets.cli.main", "run", "--select", asset]
    shutil.rmtree(data / asset, ignore_errors=True)  # what is there would not be made again
    start = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{asset} failed: {log.read_text()[-3000:]}")
    spent = used.ru_utime + used.ru_stime
    return {
        "name": asset,
        "side": side,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(spent, 1),
        "ns_per_value": round(spent / (_dates(asset) * side**2) * 1e9, 1),
        "peak_gb": round(used.ru_maxrss / 1e6, 2),
        "stored_gb": round(sum(f.stat().st_size for f in (data / asset).rglob("*") if f.is_file()) / 1e9, 2),
    }


def make_archive(folder: Path, side: int) -> Path:
    """Write the archive that is not there yet; returns the path of its catalog."""
    import pystac

    catalog = folder / "archive" / "catalog.json"
    if catalog.exists():
        return catalog
    _write_files(folder / "archive", side)
    outline = _outline(side)
    longitudes, latitudes = zip(*outline["coordinates"][0], strict=True)
    bounds = [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]

    def item(name: str, when: dt.datetime, properties: dict[str, Any], files: dict[str, str]) -> pystac.Item:
        made = pystac.Item(name, outline, bounds, when, properties)
        for key, file in files.items():
            made.add_asset(key, pystac.Asset(str(folder / "archive" / file)))
        return made

    first = dt.datetime(_YEAR, 1, 3, 10, 40, tzinfo=dt.UTC)
    optics, radar = [], []
    for t in range(DATES):
        day = int(t * 360 / DATES)
        season = day * _SEASONS // 360
        files = {"red": f"red{season}.tif", "nir": f"nir{season}.tif", "scl": f"scl{t % _SKIES}.tif"}
        properties = {"platform": "sentinel-2a", "earthsearch:boa_offset_applied": True}
        optics.append(item(f"s2_{t}", first + dt.timedelta(days=day), properties, files))
    for t in range(PASSES):
        day = int(t * 360 / PASSES)
        season = day * _SEASONS // 360
        properties = {"platform": "sentinel-1a", "sat:relative_orbit": 88 + 73 * (t % 2)}
        when = first + dt.timedelta(days=day, hours=7 + t % 2)
        radar.append(item(f"s1_{t}", when, properties, {b: f"{b}{season}.tif" for b in ("vv", "vh")}))
    whole = pystac.Catalog("tile", "Generated for a benchmark")
    extent = pystac.Extent(pystac.SpatialExtent([bounds]), pystac.TemporalExtent([[first, None]]))
    for name, items in (("sentinel-2-l2a", optics), ("sentinel-1-grd", radar)):
        collection = pystac.Collection(name, "Generated for a benchmark", extent)
        collection.add_items(items)
        whole.add_child(collection)
    whole.normalize_and_save(str(catalog.parent), pystac.CatalogType.SELF_CONTAINED)
    return catalog


def _write_files(folder: Path, side: int) -> None:
    """Fields that green and are cut at their own times, clouds of all sizes, radar that sees the fields."""
    from scipy.ndimage import gaussian_filter

    folder.mkdir(parents=True, exist_ok=True)
    random, edge = np.random.default_rng(0), min(_PATTERN, side)

    def spread(low: float, high: float) -> np.ndarray:
        fields = random.uniform(low, high, (-(-edge // _FIELD), -(-edge // _FIELD)))
        return np.kron(fields, np.ones((_FIELD, _FIELD)))[:edge, :edge]

    green, cut, soil = spread(60, 140), spread(180, 300), spread(0.08, 0.2)
    for season in range(_SEASONS):
        day = 360 / _SEASONS * (season + 0.5)
        ndvi = 0.2 + 0.6 / (1 + np.exp(-(day - green) / 10)) - 0.55 / (1 + np.exp(-(day - cut) / 3))
        ndvi += random.normal(0, 0.02, ndvi.shape)
        bands = {"red": soil * (1 - ndvi) * 1e4, "nir": soil * (1 + ndvi) * 1e4}
        for name, values in bands.items():
            _write(folder / f"{name}{season}.tif", values.clip(1).astype(np.uint16), side, _STEP, nodata=0)
        for name, level in (("vv", -12 + 2 * ndvi), ("vh", -22 + 8 * ndvi)):
            values = level + 10 * np.log10(random.gamma(5, 0.2, ndvi.shape))
            _write(folder / f"{name}{season}.tif", values.astype(np.float32), side, _STEP, nodata=None)
    for sky in range(_SKIES):
        noise = gaussian_filter(random.random((edge // 2, edge // 2)), 15, mode="wrap")
        cloudy = noise < np.quantile(noise, _CLOUDY[sky % len(_CLOUDY)])
        _write(folder / f"scl{sky}.tif", np.where(cloudy, 9, 4).astype(np.uint8), side // 2, 2 * _STEP, nodata=0)


def _write(path: Path, pattern: np.ndarray, side: int, step: int, nodata: int | None) -> None:
    import rasterio
    from rasterio.transform import from_origin

    times = -(-side // len(pattern))
    form = {"predictor": 2, "blocksize": 1024} if pattern.dtype.kind == "u" else {"predictor": 3, "blocksize": 512}
    with rasterio.open(
        path, "w", driver="COG", height=side, width=side, count=1, dtype=pattern.dtype.name, crs=_CRS, nodata=nodata,
        transform=from_origin(_WEST, _NORTH, step, step), compress="deflate", num_threads="all_cpus", **form,
    ) as target:  # fmt: skip
        target.write(np.tile(pattern, (times, times))[:side, :side], 1)


def _outline(side: int) -> dict[str, Any]:
    """The tile's outline in degrees, 1 m inside its edge, with a point every so often: its edges are not straight."""
    from rasterio.warp import transform

    inner, points = side * _STEP - 2, np.linspace(0, 1, 65)[:-1]
    along = [(points, 0 * points), (1 + 0 * points, points), (1 - points, 1 + 0 * points), (0 * points, 1 - points)]
    x, y = (np.concatenate(each) for each in zip(*along, strict=True))
    longitudes, latitudes = transform(_CRS, "EPSG:4326", _WEST + 1 + x * inner, _NORTH - 1 - inner + y * inner)
    corners = [list(corner) for corner in zip(longitudes, latitudes, strict=True)]
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def _study(folder: Path, side: int) -> Path:
    """A study of the whole tile at 10 m, everything else as it comes."""
    study = {
        "name": "tile",
        "regions": [{"name": "tile", "crs": _CRS, "geometry": _outline(side)}],
        "resolution": _STEP,
        "prediction_years": [_YEAR],
        "season": "any",
        "products": {"sentinel2": "sentinel2_l2a"},
        "features": "optics",
        "ndvi": {},
    }
    path = folder / "tile.yaml"
    path.write_text(json.dumps(study))
    return path


def main() -> None:
    """Print figures of one size."""
    side, *rest = sys.argv[1:]
    assets = tuple(rest[1:]) or ASSETS
    for asset in assets:
        for row in run((int(side),), Path(rest[0]) if rest else ROOT, (asset,)):
            print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
