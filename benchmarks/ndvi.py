"""Gap-free NDVI: the smoother against a loop, growth of filling with pixels and dates, and errors on `leie`.

Errors are measured where `../shared/real-archive` lies beside the repository; elsewhere those rows are left out. The
scenes are the 35 that are clear on more than 80 % of the place and within 3 days of a radar pass; `gap_days` "30 either
side" hides all scenes within 30 days of the one judged, to the hour.

    python -m benchmarks ndvi
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from fusion_assets.systems.ndvi.evaluation import Gap, evaluate, scores, withheld_estimates
from fusion_assets.systems.ndvi.gap_filling.estimators import ESTIMATORS, fitted_from_dict
from fusion_assets.systems.ndvi.gap_filling.series import Series
from fusion_assets.systems.ndvi.gap_filling.smoothing import penalty, whittaker

REAL = Path(__file__).resolve().parents[2] / "shared" / "real-archive" / "catalog.json"
FIELD = REAL.parents[1] / "real-fields" / "workshop"
SMOOTHNESS = 1000.0


def run() -> list[dict]:
    """All figures; rows of different kinds."""
    return [*_smoother(), *_growth(), *(_errors() if REAL.is_file() else [])]


def _smoother(dates: int = 70, pixels: int = 200_000, looped: int = 2000) -> list[dict]:
    """Seconds per million pixels, all at once and by `scipy.linalg.solveh_banded` in a loop."""
    from scipy.linalg import solveh_banded

    series = synthetic(pixels, dates)
    days = series.time.astype(np.int64)
    bands = penalty(days, SMOOTHNESS)[::-1]
    bands[0] = np.roll(bands[0], 2)
    bands[1] = np.roll(bands[1], 1)

    def loop() -> np.ndarray:
        curves = np.full((dates, looped), np.nan)
        for p in range(looped):
            values = series.ndvi[:, p]
            clear = np.isfinite(values)
            if clear.any():
                system = bands.copy()
                system[2] += clear
                curves[:, p] = solveh_banded(system, np.where(clear, values, 0.0), check_finite=False)
        return curves

    whittaker(days, series.ndvi[:, :10], SMOOTHNESS)
    slow, alone, ours = (
        seconds * 1e6 / count
        for seconds, count in (
            (_seconds(loop), looped),
            (_seconds(lambda: whittaker(days, series.ndvi, SMOOTHNESS, threads=1)), pixels),
            (_seconds(lambda: whittaker(days, series.ndvi, SMOOTHNESS)), pixels),
        )
    )
    off = np.nanmax(np.abs(loop() - whittaker(days, series.ndvi[:, :looped], SMOOTHNESS)))
    return [
        {"name": "whittaker, loop over pixels", "us_per_pixel": slow},
        {"name": "whittaker, one thread", "us_per_pixel": alone, "ratio": slow / alone},
        {"name": "whittaker, all cores", "us_per_pixel": ours, "ratio": slow / ours, "largest_difference": float(off)},
    ]


def _growth() -> list[dict]:
    """Microseconds per missing value of filling a block, as pixels and dates grow; they should not change."""
    rows = []
    for name in ("interpolation", "whittaker", "fused"):
        fitted = fitted_from_dict(ESTIMATORS[name].fit(synthetic(2000, 70), sample=10_000).to_dict())
        for pixels, dates in ((10_000, 70), (40_000, 70), (10_000, 280)):
            series = synthetic(pixels, dates)
            missing = int(np.isnan(series.ndvi).sum())
            fitted.fill(series.take(np.arange(10)), series.time)
            seconds = _seconds(partial(fitted.fill, series, series.time))
            per_value = seconds / missing * 1e6
            rows.append({"name": f"fill, {name}", "pixels": pixels, "dates": dates, "us_per_value": per_value})
    return rows


def _errors() -> list[dict]:
    series, hours, judged = leie()
    table = evaluate(series, scenes=judged)
    rows: list[dict] = [{"name": "error"} | dict(row) for row in table.to_dict("records")]
    for name, estimator in ESTIMATORS.items():
        found = scores(series, withheld_estimates(series, estimator, either_side_to_the_hour(hours, judged)))
        rows.append({"name": "error", "estimator": name, "gap_days": "30 either side", **found})
    return rows


def either_side_to_the_hour(hours: np.ndarray, judged: np.ndarray, reach: float = 30) -> list[Gap]:
    """Gaps of 30 days either side by the hour of the scenes, in nine groups of neighbouring scenes."""
    days = hours.astype("datetime64[h]").astype(float) / 24
    return [
        Gap(np.array([scene]), np.abs(days - days[scene]) <= reach, k * 9 // len(judged))
        for k, scene in enumerate(judged)
    ]


def leie(catalog: Path = REAL) -> tuple[Series, np.ndarray, np.ndarray]:
    """The real place that the errors were first measured on; see `real_place`."""
    return real_place("leie", catalog)


def real_place(name: str, catalog: Path = REAL) -> tuple[Series, np.ndarray, np.ndarray]:
    """A real place at 20 m: its series, the scenes' times, and the indices of the scenes to judge by."""
    import pystac
    import rasterio
    from scipy.ndimage import uniform_filter

    def read(item: pystac.Item, band: str, halved: bool = False) -> np.ndarray:
        with rasterio.open(item.assets[band].get_absolute_href()) as file:
            values = file.read(1).astype(np.float64)
        return values.reshape(32, 2, 32, 2).mean(axis=(1, 3)) if halved else values

    def items(collection: str) -> list[pystac.Item]:
        child = pystac.Catalog.from_file(str(catalog)).get_child(collection)
        found = [item for item in child.get_items() if name in item.id] if child else []
        return sorted(found, key=lambda item: item.datetime or item.id)

    def when(found: list[pystac.Item]) -> np.ndarray:
        return np.array([np.datetime64(item.properties["datetime"].rstrip("Z"), "s") for item in found])

    optical, radar = items("sentinel-2-l2a"), items("sentinel-1-grd")
    ndvi = []
    for item in optical:
        red, infrared = (read(item, band, halved=True) * 1e-4 for band in ("B04", "B08"))
        clear = np.isin(read(item, "SCL"), (4, 5, 6)) & (red > 0)
        ndvi.append(np.where(clear, (infrared - red) / np.maximum(infrared + red, 1e-6), np.nan).ravel())
    vv, vh = (
        np.stack([(10 * np.log10(uniform_filter(10 ** (read(item, band) / 10), 3))).ravel() for item in radar])
        for band in ("vv", "vh")
    )
    times, passes = when(optical), when(radar)
    minutes = (passes - passes.astype("datetime64[D]")).astype("timedelta64[m]").astype(int)
    series = Series(
        times.astype("datetime64[D]"),
        np.array(ndvi, np.float32),
        passes.astype("datetime64[D]"),
        vv.astype(np.float32),
        vh.astype(np.float32),
        (minutes > 17 * 60 + 36).astype(int),  # two ascending orbits, eight minutes apart
    )
    near = np.array([np.abs(passes - time).min() <= np.timedelta64(3, "D") for time in times])
    return series, times, np.flatnonzero((np.isfinite(series.ndvi).mean(axis=1) > 0.8) & near)


def workshop(folder: Path = FIELD) -> Series:
    """One field at 10 m: clear NDVI of its pixels; radar, known as the field's means alone, is the same for all.

    Of radar only the ratio of VH to VV is known, RVI / (2 - RVI): it stands as VH over a VV of 0 dB.
    """
    import h5py
    import pandas as pd

    with h5py.File(folder / "raw_s2_ndvi_field.nc") as file:
        days, cube = file["t"][:], file["NDVI"][:]
    ndvi = cube.reshape(len(days), -1)[:, np.isfinite(cube).any(axis=0).ravel()]
    table = pd.read_csv(folder / "field_means.csv")
    passes = table.melt("date", ["RVI_DESC", "RVI_ASC"], "orbit", "rvi").dropna().sort_values(["date", "orbit"])
    rvi = passes["rvi"].to_numpy(float)
    vh = np.repeat(10 * np.log10(rvi / (2 - rvi))[:, None], ndvi.shape[1], axis=1).astype(np.float32)
    return Series(
        np.datetime64("1990-01-01") + days,
        ndvi.astype(np.float32),
        passes["date"].str[:10].to_numpy().astype("datetime64[D]"),
        np.zeros_like(vh),
        vh,
        (passes["orbit"] == "RVI_ASC").to_numpy(int),
    )


def synthetic(pixels: int, dates: int, seed: int = 0) -> Series:
    """Fields that green and are cut at their own times, radar that shows it, half of the values cloudy."""
    random = np.random.default_rng(seed)
    days = np.arange(dates) * 5
    passes = np.arange(0, dates * 5, 6)
    green, cut = random.uniform(60, 140, pixels), random.uniform(180, 280, pixels)

    def ndvi(when: np.ndarray) -> np.ndarray:
        day = when[:, None] % 365
        return 0.2 + 0.6 / (1 + np.exp(-(day - green) / 10)) - 0.55 / (1 + np.exp(-(day - cut) / 3))

    start = np.datetime64("2020-01-01")
    optical = ndvi(days) + random.normal(0, 0.02, (dates, pixels))
    vh = -22 + 8 * ndvi(passes) + random.normal(0, 1, (len(passes), pixels))
    return Series(
        start + days,
        np.where(random.random((dates, pixels)) < 0.5, optical, np.nan).astype(np.float32),
        start + passes,
        random.normal(-11, 1, vh.shape).astype(np.float32),
        vh.astype(np.float32),
        np.arange(len(passes)) % 2,
    )


def _seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The best of some tries."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)
