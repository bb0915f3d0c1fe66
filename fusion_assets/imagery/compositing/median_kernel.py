"""The arithmetic of the median over time: sorting networks, and the numba code that runs them over strips of pixels.

How it works. A strip of neighbouring pixels is copied, observation by observation, into a buffer that stays in
cache; there a sorting network (Batcher's odd-even merge sort: K. E. Batcher, "Sorting networks and their
applications", AFIPS 1968; for any length: D. E. Knuth, The Art of Computer Programming vol. 3, algorithm 5.2.2M)
orders all pixels of the strip at once, each comparator being one minimum and one maximum over whole rows of the
buffer, which the compiler turns into vector instructions. An observation that is not clear is replaced in turn by
the highest and the lowest value of the type, so the median of what is clear always stands on the same two ranks in
the middle, however many are clear: the network needs only the comparators those two ranks depend on.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic, overload, register_jitable

NETWORK_SIZES = 8  # networks kept per stack: one for each eighth of its length
CACHE_LINE = 64  # bytes


def _compiled(function: Callable) -> Callable:
    """Compile on first use for the types it is called with, kept on disk where there is a place to keep it."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return numba.njit(nogil=True)(function)


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


def middle_network(length: int) -> list[tuple[int, int, int]]:
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
def networks(times: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The networks for a stack: their lengths, ascending to `times`; where each starts and ends; all comparators.

    A strip outside many scenes is sorted by the shortest network that holds the scenes it has.
    """
    step = math.ceil(times / NETWORK_SIZES)
    lengths = [*range(step, times, step), times]
    comparisons = [middle_network(length) for length in lengths]
    starts = np.cumsum([0, *(len(network) for network in comparisons)])
    comparators = np.array([comparator for network in comparisons for comparator in network], np.int64).reshape(-1, 3)
    return np.array(lengths, np.int64), starts.astype(np.int64), comparators


@intrinsic
def _prefetch(typing: Any, line: Any, index: Any) -> tuple[Any, Callable]:
    """Ask for the cache line of one element ahead of its use. A hint only: harmless outside the array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", [address.type], ir.FunctionType(ir.VoidType(), [address.type, flag, flag, flag])
        )
        to_read, keep_near, as_data = (ir.Constant(flag, value) for value in (0, 3, 1))
        builder.call(hint, [address, to_read, keep_near, as_data])
        return context.get_dummy_value()

    return numba.types.void(line, numba.types.intp), generate


@register_jitable
def _ask_for(line: np.ndarray, start: int, size: int) -> None:
    """Ask for a run of memory: the processor itself looks no further than the page it is reading."""
    for x in range(0, size, CACHE_LINE // line.itemsize):
        _prefetch(line, start + x)  # type: ignore[call-arg]


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
    kind = np.int16 if values.dtype == numba.types.int16 else np.uint16
    highest = kind(np.iinfo(kind).max)

    def load_integers(values: Any, mask: Any, slot: Any, counted: Any, out: Any) -> None:
        for x in range(out.size):
            clear = np.uint16(mask[x] != 0)
            keep = np.uint16(-clear)
            filler = np.uint16(highest) ^ np.uint16(-((slot ^ counted[x]) & 1))
            out[x] = kind((np.uint16(values[x]) & keep) | (filler & ~keep))
            counted[x] = np.uint16(counted[x] + clear)

    return load_integers


@_compiled
def median_strips(
    stack: np.ndarray,  # one line of memory, as from median._flatten
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
    lengths: np.ndarray,  # the networks, as from networks
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
            _ask_for(mask, at + mask_time, size)
            any_clear = np.uint8(0)
            for flag in mask[at : at + size]:
                any_clear |= flag
            if any_clear:
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
            if slot + 1 < used:
                _ask_for(stack, stack_start + seen[slot + 1] * stack_time + row * stack_row + left, size)
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
