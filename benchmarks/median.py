"""The median kernel beside the usual ways to compute the same, in one run on the same data and cores.

Run with `python -m benchmarks.median`. What belongs here: timings of `masked_median` and of its alternatives; what
each must return is the tests' matter, though every result here is compared too.
"""

import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fusion_assets.imagery.compositing.median import masked_median

SHAPE = (24, 1500, 1500)  # a year of Sentinel-2 over one chunk
MASKED_SHARE = 0.35
CHUNK = 375  # pixels, as dask's users would cut it


def run(shape: tuple[int, int, int] = SHAPE, repeats: int = 5) -> list[dict]:
    """Time the kernel, numpy, bottleneck, numbagg, xarray with dask, and reading the memory alone.

    Args:
        shape: time, y, x of the stack of random uint16 values.
        repeats: runs of each of which the best counts (numpy, the slowest, runs once).

    Returns:
        One row per way: `name`, `seconds` (best), `mobs_per_s` (million observations per second), `ratio` (its
        seconds over those of the kernel on all cores: how many times faster the kernel is), and `float_copy`, whether
        it is given a float32 copy of the stack with NaN for what is masked, whose making is not timed.
    """
    import bottleneck
    import dask
    import numbagg
    import xarray as xr

    rng = np.random.default_rng(0)
    values = rng.integers(0, 10000, shape, dtype=np.uint16)
    clear = rng.random(shape, dtype=np.float32) >= MASKED_SHARE
    floats = np.where(clear, values, np.float32(np.nan))
    dims = ("time", "y", "x")
    chunks = {"time": -1, "y": CHUNK, "x": CHUNK}
    lazy_values, lazy_clear = (xr.DataArray(array, dims=dims).chunk(chunks) for array in (values, clear))
    cores = dask.system.CPU_COUNT

    started = time.perf_counter()
    right, _ = masked_median(values[:, :8, :8], clear[:, :8, :8])
    rows = [_row("masked_median, first call (compiles, or reads the compiled code)", time.perf_counter() - started)]

    ways: dict[str, tuple[Callable, int, bool]] = {
        f"masked_median, {cores} threads": (lambda: masked_median(values, clear, cores)[0], 3 * repeats, False),
        "masked_median, 1 thread": (lambda: masked_median(values, clear, 1)[0], repeats, False),
        f"masked_median of float32, {cores} threads": (lambda: masked_median(floats, clear, cores)[0], repeats, False),
        "numpy.nanmedian": (lambda: np.nanmedian(floats, axis=0), 1, True),
        "bottleneck.nanmedian": (lambda: bottleneck.nanmedian(floats, axis=0), repeats, True),
        "numbagg.nanmedian": (lambda: numbagg.nanmedian(floats, axis=0), repeats, True),
        "xarray + dask: where().median('time')": (
            lambda: lazy_values.where(lazy_clear).median("time").compute().values,
            repeats,
            False,
        ),
    }
    right, _ = masked_median(values, clear)
    for name, (way, times, float_copy) in ways.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            if times > 1:
                way()  # compiles, warms
            seconds, result = _best(way, times)
        np.testing.assert_array_equal(result, right, err_msg=name)
        rows.append(_row(name, seconds, values.size, float_copy))

    reads: dict[str, Callable] = {
        "memory read: values.sum()": lambda: values.sum(dtype=np.uint64),
        "memory read: values and mask, 1 thread": lambda: _read((values, clear), 1),
        f"memory read: values and mask, {cores} threads": lambda: _read((values, clear), cores),
    }
    rows += [_row(name, _best(read, 3 * repeats)[0], values.size) for name, read in reads.items()]
    kernel = rows[1]["seconds"]
    return [row | {"ratio": row["seconds"] / kernel} for row in rows]


def _row(name: str, seconds: float, observations: int | None = None, float_copy: bool = False) -> dict:
    speed = observations / seconds / 1e6 if observations else None
    return {"name": name, "seconds": seconds, "mobs_per_s": speed, "float_copy": float_copy}


def _best(way: Callable, times: int) -> tuple[float, np.ndarray]:
    best = np.inf
    for _ in range(times):
        started = time.perf_counter()
        result = way()
        best = min(best, time.perf_counter() - started)
    return best, result


def _read(arrays: tuple[np.ndarray, ...], threads: int) -> None:
    """Read arrays whole, eight bytes at a time: what no kernel can be faster than."""
    parts = [
        part
        for array in arrays
        for part in np.array_split(array.reshape(-1)[: array.size // 8 * 8].view(np.uint64), 4 * threads)
    ]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(np.bitwise_or.reduce, parts))


if __name__ == "__main__":
    print(f"{SHAPE} uint16, {MASKED_SHARE:.0%} masked\n{'':66s}{'ms':>9s}{'Mobs/s':>9s}{'ratio':>8s}")
    for row in run():
        speed = f"{row['mobs_per_s']:9.0f}" if row["mobs_per_s"] else " " * 9
        print(f"{row['name']:66s}{row['seconds'] * 1e3:9.1f}{speed}{row['ratio']:8.2f}")
