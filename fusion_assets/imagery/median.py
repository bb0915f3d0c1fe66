"""The compositing kernel: the per-pixel median over time of the clear observations of a stack.

What belongs here: `masked_median` and the numba code under it. What does not: which observations are clear (masks),
which scenes enter (search) and how chunks are scheduled (composites).

How it works. A strip of neighbouring pixels is copied, observation by observation, into a buffer that stays in
cache; there a sorting network (Batcher's odd-even merge sort, K. E. Batcher, "Sorting networks and their
applications", AFIPS 1968; for any length: Knuth, The Art of Computer Programming vol. 3, algorithm 5.2.2M) orders
all pixels of the strip at once, each comparator being one minimum and one maximum over whole rows of the buffer,
which the compiler turns into vector instructions. An observation that is not clear is replaced in turn by the
highest and the lowest value of the type, so the median of what is clear always stands on the same two ranks in the
middle, however many are clear: the network needs only the comparators those two ranks depend on.
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import numba
import numpy as np
from numba.extending import overload
from numpy.lib.stride_tricks import as_strided

from fusion_assets.errors import FusionError

LOWEST_HIGHEST: dict[np.dtype, tuple[float, float]] = {
    np.dtype(np.uint16): (0, 65535),
    np.dtype(np.int16): (-32768, 32767),
    np.dtype(np.float32): (-np.inf, np.inf),
}
MOST_OBSERVATIONS = 65535  # the count is uint16
BUFFER_BYTES = 96 * 1024  # well within a core's second-level cache
STRIP_PIXELS = (64, 2048)  # narrower strips pay for loop overhead, wider ones gain nothing
BAND_BYTES = 4 * 1024 * 1024  # copied at a time when the pixels of a row are not adjacent in memory
NETWORK_SIZES = 8  # networks kept per stack: one for each eighth of its length
OBSERVATIONS_PER_THREAD = 500_000  # about 0.2 ms of work: less is not worth a thread
TASKS_PER_THREAD = 4  # so that a thread that is held up does not hold up the rest




def masked_median(
    values: np.ndarray, clear: np.ndarray, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Median over time of the clear observations of each pixel.

    Memory is read once and no converted copy of the stack is made; safe to call from several threads at once.

    Args:
        values: uint16, int16 or float32 (time, y, x), in any unit; every value counts, 65535, 32767 and the
            infinities included, but a NaN is never clear.
        clear: bool (time, y, x), True where the observation counts.
        threads: threads to use; all available cores when None. Pass 1 under a scheduler that has its own.

    Returns:
        The median, float32 (y, x), in the unit of `values`: the mean of the two middle values where the count is
        even (exact before its one rounding to float32), NaN where the count is 0 (or where the two in the middle
        are -inf and +inf). And the count of clear observations, uint16 (y, x).

    Raises:
        FusionError: an array is of another type, shape or length than the above, or `threads` is below 1.
    """
    values, clear = np.asarray(values), np.asarray(clear)
    _check(values, clear, threads)
    times, rows, columns = values.shape
    median, count = np.full((rows, columns), np.nan, np.float32), np.zeros((rows, columns), np.uint16)
    if values.size == 0:
        return median, count

    workers = min(threads or _cores(), 1 + values.size // OBSERVATIONS_PER_THREAD)
    tasks: list[Callable[[], None]]
    if _rows_are_runs(values) and _rows_are_runs(clear):
        strips, compute = _prepare(values, clear, median, count)
        cuts = _cuts(strips, workers * TASKS_PER_THREAD if workers > 1 else 1)
        tasks = [partial(compute, *cut) for cut in cuts]
    else:
        bands = math.ceil(values.nbytes / BAND_BYTES)
        tasks = [partial(_compute_copy, values, clear, median, count, *cut) for cut in _cuts(rows, bands)]

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
    steps = [0 if length == 1 else stride // array.itemsize for length, stride in zip(array.shape, array.strides)]
    lowest = array[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
    behind = [(length - 1) * step for length, step in zip(array.shape, steps)]
    span = 1 + sum(abs(length) for length in behind)
    line = as_strided(lowest, (span,), (array.itemsize,), writeable=False)
    return line, -sum(length for length in behind if length < 0), steps[0], steps[1]


def _prepare(
    values: np.ndarray, clear: np.ndarray, median: np.ndarray, count: np.ndarray
) -> tuple[int, Callable[[int, int], None]]:
    """The number of strips in a stack read in place, and the function that computes strips `start` to `stop`."""
    times, rows, columns = values.shape
    stack, mask = _flatten(values), _flatten(clear.view(np.uint8))
    if stack[3] == mask[3] == columns:
        # Rows that follow each other without a gap are one long row: no short strip at the end of each.
        rows, columns = 1, rows * columns
    least, most = STRIP_PIXELS
    width = min(max(BUFFER_BYTES // (times * values.itemsize) // least * least, least), most)
    low, high = (values.dtype.type(bound) for bound in LOWEST_HIGHEST[values.dtype])
    fixed = (*stack, *mask, columns, times, width, low, high, *_networks(times))
    flat = median.reshape(-1), count.reshape(-1)

    def compute(start: int, stop: int) -> None:
        _median_strips(*fixed, start, stop, *flat)

    return rows * math.ceil(columns / width), compute


def _compute_copy(
    values: np.ndarray, clear: np.ndarray, median: np.ndarray, count: np.ndarray, start: int, stop: int
) -> None:
    """Compute rows `start` to `stop` of a stack that cannot be read in place, from a small copy."""
    rows = (slice(None), slice(start, stop))
    copies = np.ascontiguousarray(values[rows]), np.ascontiguousarray(clear[rows])
    strips, compute = _prepare(*copies, median[start:stop], count[start:stop])
    compute(0, strips)


def _sorting_network(length: int) -> list[tuple[int, int]]:
    """Batcher's odd-even merge sort of `length` rows: pairs (i, j), i < j, the lower value to go to i."""
    comparators = []
    top = 1 << max(0, (length - 1).bit_length() - 1)
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            comparators += [(i, i + d) for i in range(length - d) if i & p == r]
            if q == p:
                break
            q, r, d = q >> 1, p, q - p
        p >>= 1
    return comparators


def _middle_network(length: int) -> list[tuple[int, int, int]]:
    """The part of the sorting network that the two middle ranks, length // 2 - 1 and length // 2, depend on.

    Returns:
        (i, j, wanted): wanted is 1 where only the lower value is used later, 2 where only the higher is, 3 for both.
    """
    needed = {length // 2 - 1, length // 2}
    kept = []
    for i, j in reversed(_sorting_network(length)):
        if wanted := (i in needed) + 2 * (j in needed):
            kept.append((i, j, wanted))
            needed |= {i, j}
    return kept[::-1]


@lru_cache(maxsize=64)
def _networks(times: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The networks for a stack: their lengths, ascending to `times`; where each starts and ends; all comparators.

    A strip outside many scenes is sorted by the shortest network that holds the scenes it has.
    """
    step = math.ceil(times / NETWORK_SIZES)
    lengths = [*range(step, times, step), times]
    networks = [_middle_network(length) for length in lengths]
    starts = np.cumsum([0, *(len(network) for network in networks)])
    comparators = np.array([row for network in networks for row in network], np.int64).reshape(-1, 3)
    return np.array(lengths, np.int64), starts.astype(np.int64), comparators


def _load(values: np.ndarray, mask: np.ndarray, slot: int, counted: np.ndarray, out: np.ndarray) -> None:
    """Put one observation of a strip in its buffer row, what is not clear as the highest and lowest value in turn."""
    raise NotImplementedError  # numba takes one of the two below, by type


@overload(_load)
def _load_for(values: Any, mask: Any, slot: Any, counted: Any, out: Any) -> Callable:
    def load_floats(values: Any, mask: Any, slot: Any, counted: Any, out: Any) -> None:
        low, high = np.float32(-np.inf), np.float32(np.inf)
        for x in range(out.size):
            value = values[x]
            keep = (mask[x] != 0) & (value == value)
            filler = low if (slot ^ counted[x]) & 1 else high
            out[x] = value if keep else filler
            counted[x] += keep

    if not isinstance(values.dtype, numba.types.Integer):
        return load_floats

    # The same in bits, which compiles to fewer and unconditional instructions. All ones is -1 or 65535; without the
    # sign bit (int16) or with none (uint16) it is the highest value, and its complement is the lowest.
    kind = np.int16 if values.dtype.signed else np.uint16
    highest = kind(np.iinfo(kind).max)

    def load_integers(values: Any, mask: Any, slot: Any, counted: Any, out: Any) -> None:
        for x in range(out.size):
            clear = np.uint16(mask[x] != 0)
            keep = np.uint16(-clear)
            filler = np.uint16(highest) ^ np.uint16(-((slot ^ counted[x]) & 1))
            out[x] = kind((np.uint16(values[x]) & keep) | (filler & ~keep))
            counted[x] = np.uint16(counted[x] + clear)

    return load_integers


@numba.njit(nogil=True, cache=True)
def _median_strips(
    stack: np.ndarray,  # one line of memory, as from _flatten
    stack_start: int,
    stack_time: int,
    stack_row: int,
    mask: np.ndarray,  # the same of the mask, as uint8
    mask_start: int,
    mask_time: int,
    mask_row: int,
    columns: int,
    times: int,
    width: int,
    low: float,
    high: float,
    lengths: np.ndarray,  # the networks, as from _networks
    starts: np.ndarray,
    comparators: np.ndarray,
    first: int,
    last: int,
    median: np.ndarray,  # flat outputs of the whole stack, already NaN and 0
    count: np.ndarray,
) -> None:
    """Compute strips `first` to `last`, strips being numbered along each row in turn."""
    strips_in_row = (columns + width - 1) // width
    buffer = np.empty((times, width), stack.dtype)
    counted = np.empty(width, np.uint16)
    seen = np.empty(times, np.int64)
    for strip in range(first, last):
        row, left = strip // strips_in_row, strip % strips_in_row * width
        size = min(width, columns - left)

        used = 0
        for time in range(times):
            at = mask_start + time * mask_time + row * mask_row + left
            found = np.uint8(0)
            for flag in mask[at : at + size]:
                found |= flag
            if found:
                seen[used] = time
                used += 1
        if used == 0:
            continue

        network = 0
        while lengths[network] < used:
            network += 1
        length = lengths[network]
        counted[:size] = 0
        for slot in range(used):
            at = mask_start + seen[slot] * mask_time + row * mask_row + left
            flags = mask[at : at + size]
            at = stack_start + seen[slot] * stack_time + row * stack_row + left
            _load(stack[at : at + size], flags, slot, counted, buffer[slot, :size])
        for slot in range(used, length):
            out = buffer[slot]
            for x in range(size):
                out[x] = low if (slot ^ counted[x]) & 1 else high

        for step in range(starts[network], starts[network + 1]):
            lower, higher, wanted = buffer[comparators[step, 0]], buffer[comparators[step, 1]], comparators[step, 2]
            if wanted == 3:
                for x in range(size):
                    one, other = lower[x], higher[x]
                    lower[x] = min(one, other)
                    higher[x] = max(one, other)
            elif wanted == 1:
                for x in range(size):
                    lower[x] = min(lower[x], higher[x])
            else:
                for x in range(size):
                    higher[x] = max(lower[x], higher[x])

        # After m fillers of `length`, m // 2 are lowest: an even count has its middle values on both ranks, an odd
        # one on the lower rank when the length is even and on the upper when it is odd.
        lower, upper = buffer[max(length // 2 - 1, 0)], buffer[length // 2]
        single = upper if length & 1 else lower
        at = row * columns + left
        medians, counts = median[at : at + size], count[at : at + size]
        for x in range(size):
            clear = counted[x]
            middle = single[x] if clear & 1 else (np.float64(lower[x]) + np.float64(upper[x])) * 0.5
            medians[x] = middle if clear else np.nan
            counts[x] = clear
