"""The per-pixel median over time of the clear observations of a stack: checks, memory layout and threads."""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import as_strided

from fusion_assets.errors import FusionError

LOWEST_HIGHEST: dict[np.dtype, tuple[float, float]] = {
    np.dtype(np.uint16): (0, 65535),
    np.dtype(np.int16): (-32768, 32767),
    np.dtype(np.float32): (-np.inf, np.inf),
}
MOST_OBSERVATIONS = 65535  # the count is uint16
BUFFER_BYTES = 256 * 1024  # within a core's second-level cache, with room for what streams past
STRIP_PIXELS = (64, 2048)  # narrower strips pay for loop overhead, wider ones gain nothing
BAND_BYTES = 4 * 1024 * 1024
OBSERVATIONS_PER_THREAD = 500_000  # about 0.3 ms of work: less is not worth a thread
TASKS_PER_THREAD = 4  # so that a thread that is held up does not hold up the rest


def masked_median(
    values: np.ndarray, clear: np.ndarray, threads: int | None = None, band_bytes: int = BAND_BYTES
) -> tuple[np.ndarray, np.ndarray]:
    """Median over time of the clear observations of each pixel.

    Memory is read once and no converted copy of the stack is made; safe to call from several threads at once.

    Args:
        values: uint16, int16 or float32 (time, y, x), in any unit; every value counts, 65535, 32767 and the
            infinities included, but a NaN is never clear.
        clear: bool (time, y, x), True where the observation counts.
        threads: threads to use; all available cores when None. Pass 1 under a scheduler that has its own.
        band_bytes: copied at a time when the pixels of a row are not adjacent in memory.

    Returns:
        The median, float32 (y, x), in the unit of `values`: the mean of the two middle values where the count is
        even (exact before its one rounding to float32), NaN where the count is 0 (or where the two in the middle
        are -inf and +inf). And the count of clear observations, uint16 (y, x).

    Raises:
        FusionError: an array is of another type, shape or length than the above, or `threads` is below 1.
    """
    values, clear = np.asarray(values), np.asarray(clear)
    _check(values, clear, threads)
    median, count = np.full(values.shape[1:], np.nan, np.float32), np.zeros(values.shape[1:], np.uint16)
    if values.size == 0:
        return median, count

    workers = min(threads or _cores(), 1 + values.size // OBSERVATIONS_PER_THREAD)
    tasks: list[Callable[[], None]]
    if _rows_are_runs(values) and _rows_are_runs(clear):
        strips, compute = _prepare(values, clear, median, count)
        cuts = _cuts(strips, workers * TASKS_PER_THREAD if workers > 1 else 1)
        tasks = [partial(compute, *cut) for cut in cuts]
    else:
        bands = math.ceil(values.nbytes / band_bytes)
        tasks = [partial(_compute_copy, values, clear, median, count, *cut) for cut in _cuts(values.shape[1], bands)]

    if workers == 1 or len(tasks) == 1:
        for task in tasks:
            task()
    else:
        # Own threads over code that lets go of the interpreter lock: numba's own parallel loops do not survive
        # being entered from several threads at once, which is what dask does.
        with ThreadPoolExecutor(workers) as pool:
            for outcome in [pool.submit(task) for task in tasks]:
                outcome.result()
    return median, count


def _check(values: np.ndarray, clear: np.ndarray, threads: int | None) -> None:
    if values.dtype not in LOWEST_HIGHEST:
        raise FusionError(
            f"values to composite are {values.dtype.str} ({values.dtype})",
            "uint16, int16 or float32 in the machine's byte order",
            "convert the band to one of them when it is read",
        )
    if clear.dtype != np.bool_:
        raise FusionError(
            f"the mask of clear observations is {clear.dtype}", "bool, True where clear", "compare it: mask == 1"
        )
    if values.ndim != 3 or values.shape != clear.shape:
        raise FusionError(
            f"values have shape {values.shape}, the mask of clear observations {clear.shape}",
            "the same three axes for both: time, y, x",
            "read both on the same grid and scenes; broadcast a mask that is shared (numpy.broadcast_to)",
        )
    if len(values) > MOST_OBSERVATIONS:
        raise FusionError(
            f"{len(values)} observations in time",
            f"at most {MOST_OBSERVATIONS}, the most the uint16 count can hold",
            "composite shorter windows",
        )
    if threads is not None and threads < 1:
        raise FusionError(f"threads is {threads}", "1 or more, or None for all cores", "leave it out")


def _cores() -> int:
    """Cores this process may use (containers and batch systems often grant fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cuts(length: int, parts: int) -> list[tuple[int, int]]:
    """Cut 0..length into about equal non-empty parts, at most `parts` of them."""
    edges = [length * part // parts for part in range(parts + 1)]
    return [(start, stop) for start, stop in pairwise(edges) if start < stop]


def _rows_are_runs(array: np.ndarray) -> bool:
    """Whether pixels beside each other in x are beside each other in memory, so that strips can be read in place."""
    whole = all(stride % array.itemsize == 0 for stride in array.strides)
    return whole and array.flags.aligned and (array.strides[2] == array.itemsize or array.shape[2] == 1)


def _flatten(array: np.ndarray) -> tuple[np.ndarray, int, int, int]:
    """All memory an array spans as one read-only line: the line, its first pixel, the steps in time and in y.

    One form for contiguous, windowed, flipped, broadcast and read-only arrays: one compiled kernel.
    """
    steps = [
        0 if length == 1 else stride // array.itemsize
        for length, stride in zip(array.shape, array.strides, strict=True)
    ]
    lowest = array[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
    behind = [(length - 1) * step for length, step in zip(array.shape, steps, strict=True)]
    span = 1 + sum(abs(length) for length in behind)
    line = as_strided(lowest, (span,), (array.itemsize,), writeable=False)
    return line, -sum(length for length in behind if length < 0), steps[0], steps[1]


def _prepare(
    values: np.ndarray, clear: np.ndarray, median: np.ndarray, count: np.ndarray
) -> tuple[int, Callable[[int, int], None]]:
    """The number of strips in a stack read in place, and the function that computes strips `start` to `stop`."""
    # Imported late: numba takes its time, and most of what reads this module never computes a median.
    from fusion_assets.imagery.compositing.median_kernel import median_strips, networks

    times, rows, columns = values.shape
    stack, mask = _flatten(values), _flatten(clear.view(np.uint8))
    if stack[3] == mask[3] == columns:
        # Rows that follow each other without a gap are one long row: no short strip at the end of each.
        rows, columns = 1, rows * columns
    least, most = STRIP_PIXELS
    width = min(max(BUFFER_BYTES // (times * values.itemsize) // least * least, least), most)
    low, high = (values.dtype.type(bound) for bound in LOWEST_HIGHEST[values.dtype])
    fixed = (*stack, *mask, columns, times, width, low, high, *networks(times))
    flat = median.reshape(-1), count.reshape(-1)

    def compute(start: int, stop: int) -> None:
        median_strips(*fixed, start, stop, *flat)

    return rows * math.ceil(columns / width), compute


def _compute_copy(
    values: np.ndarray, clear: np.ndarray, median: np.ndarray, count: np.ndarray, start: int, stop: int
) -> None:
    """Compute rows `start` to `stop` of a stack that cannot be read in place, from a small copy."""
    rows = (slice(None), slice(start, stop))
    copies = np.ascontiguousarray(values[rows]), np.ascontiguousarray(clear[rows])
    strips, compute = _prepare(*copies, median[start:stop], count[start:stop])
    compute(0, strips)
