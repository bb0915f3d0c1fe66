"""The median kernel against numpy's, over types, shapes, masks and memory layouts."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery.compositing.median import masked_median
from fusion_assets.imagery.compositing.median_kernel import middle_network

DTYPES = ("uint16", "int16", "float32")


def stack(dtype, shape, clear_share, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 65536, shape).astype(np.uint16)
    values = values.view(np.int16) if dtype == "int16" else values.astype(dtype)
    if dtype == "float32":
        values = (values - 30000) * np.float32(0.1)
        values[rng.random(shape) < 0.05] = np.nan
    return values, rng.random(shape) < clear_share


def expected(values, clear):
    clear = clear & ~np.isnan(values.astype(np.float64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels that are never clear; middle values -inf and inf
        found = np.nanmedian(np.where(clear, values, np.nan).astype(np.float64), axis=0)
    return found.astype(np.float32), clear.sum(axis=0)


def assert_right(values, clear, threads=None, **sizes):
    middle, count = masked_median(values, clear, threads, **sizes)
    assert (middle.dtype, count.dtype) == (np.float32, np.uint16)
    assert middle.shape == count.shape == values.shape[1:]
    right_middle, right_count = expected(values, clear)
    np.testing.assert_array_equal(middle, right_middle)
    np.testing.assert_array_equal(count, right_count)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("times", [*range(1, 18), 24, 25, 31, 64, 99, 200])
def test_agrees_with_numpy(dtype, times):
    for seed, (shape, share) in enumerate([((7, 9), 0.65), ((1, 130), 0.1), ((33, 1), 1.0), ((3, 5), 0.0)]):
        assert_right(*stack(dtype, (times, *shape), share, seed))


@pytest.mark.parametrize("dtype", DTYPES)
def test_several_strips_threads_and_scenes_that_miss_the_strip(dtype):
    values, clear = stack(dtype, (21, 60, 2100), 0.6)
    clear[:, :20] = False
    clear[3:15, 20:40] = False
    clear[0, 40:, 700:] = False
    for threads in (1, 2, 3, None):
        assert_right(values, clear, threads)


@pytest.mark.parametrize("length", range(1, 15))
def test_network_is_right_for_every_input(length):
    """A network that selects every sequence of zeros and ones rightly selects any sequence rightly."""
    rows = (np.arange(2**length) >> np.arange(length)[:, None]) & 1
    right = np.sort(rows, axis=0)
    for i, j, wanted in middle_network(length):
        low, high = np.minimum(rows[i], rows[j]), np.maximum(rows[i], rows[j])
        rows[i] = low if wanted & 1 else -1  # a value nobody may use later
        rows[j] = high if wanted & 2 else -1
    for rank in {max(length // 2 - 1, 0), length // 2}:
        np.testing.assert_array_equal(rows[rank], right[rank])


@pytest.mark.parametrize(
    ("dtype", "column", "middle"),
    [
        ("uint16", [65535, 65535], 65535),
        ("uint16", [65535, 65534], 65534.5),
        ("uint16", [0, 0, 65535], 0),
        ("int16", [32767, 32767], 32767),
        ("int16", [-32768, -32768, 5, -32768], -32768),
        ("int16", [-32768, 32767], -0.5),
        ("float32", [np.inf, np.inf, 1], np.inf),
        ("float32", [-np.inf, -np.inf], -np.inf),
        ("float32", [-np.inf, np.inf], np.nan),
        ("float32", [np.nan, 4, np.nan, 2], 3),
        ("float32", [3e38, 3e38], 3e38),
    ],
)
def test_extreme_values_are_values(dtype, column, middle):
    values = np.array(column, dtype).reshape(-1, 1, 1)
    assert masked_median(values, np.ones(values.shape, bool))[0] == pytest.approx(middle, rel=1e-6, nan_ok=True)
    # Masked observations before, between and after change nothing.
    values = np.repeat(values, 3, axis=0)
    clear = np.zeros(values.shape, bool)
    clear[1::3] = True
    found, count = masked_median(values, clear)
    assert found == pytest.approx(middle, rel=1e-6, nan_ok=True)
    assert count == np.sum(~np.isnan(np.array(column, float)))


def layouts(array):
    yield "window", np.pad(array, 2)[2:-2, 2:-2, 2:-2]
    yield "north up", np.ascontiguousarray(array[:, ::-1])[:, ::-1]
    yield "newest first", np.ascontiguousarray(array[::-1])[::-1]
    yield "mirrored", np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    yield "every second pixel", np.repeat(array, 2, axis=2)[..., ::2]
    yield "time last", np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)
    yield "fortran", np.asfortranarray(array)
    packed = np.zeros(array.shape, [("flag", "u1"), ("band", array.dtype)])
    packed["band"] = array
    yield "unaligned field", packed["band"]
    fixed = array.copy()
    fixed.flags.writeable = False
    yield "read-only", fixed


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_memory_layout(dtype):
    values, clear = stack(dtype, (6, 23, 71), 0.6)
    for name, laid_out in layouts(values):
        assert_right(laid_out, clear, band_bytes=4096)
        for other, mask in layouts(clear):
            np.testing.assert_array_equal(
                masked_median(laid_out, mask, band_bytes=4096)[0], expected(values, clear)[0], f"{name} {other}"
            )


def test_mask_shared_by_all_times_needs_no_memory():
    values, clear = stack("uint16", (5, 4, 6), 0.5)
    assert_right(values, np.broadcast_to(clear[0], values.shape))


def test_mask_of_255_counts_each_observation_once():
    values, clear = stack("int16", (5, 4, 6), 0.5)
    count = masked_median(values, (clear * np.uint8(255)).view(bool))[1]
    np.testing.assert_array_equal(count, clear.sum(axis=0))


def test_inputs_stay_as_they_are():
    values, clear = stack("uint16", (9, 8, 8), 0.5)
    before = values.copy(), clear.copy()
    masked_median(values, clear)
    np.testing.assert_array_equal(values, before[0])
    np.testing.assert_array_equal(clear, before[1])


@pytest.mark.parametrize("shape", [(0, 3, 4), (5, 0, 4), (5, 3, 0)])
def test_nothing_in_nothing_out(shape):
    middle, count = masked_median(np.zeros(shape, np.uint16), np.zeros(shape, bool))
    assert middle.shape == count.shape == shape[1:]
    assert np.isnan(middle).all() and not count.any()


@pytest.mark.parametrize("threads", [1, 2])
def test_several_callers_at_once(threads):
    """As under dask's threads, each caller with its own stack."""
    stacks = [stack(DTYPES[seed % 3], (12, 300, 400), 0.6, seed) for seed in range(6)]
    rights = [expected(*each)[0] for each in stacks]
    with ThreadPoolExecutor(6) as pool:
        founds = list(pool.map(lambda n: masked_median(*stacks[n % 6], threads=threads)[0], range(48)))
    for n, found in enumerate(founds):
        np.testing.assert_array_equal(found, rights[n % 6])


@pytest.mark.parametrize(
    ("values", "clear", "threads", "words"),
    [
        (np.zeros((2, 3, 3)), np.ones((2, 3, 3), bool), None, "float64"),
        (np.zeros((2, 3, 3), ">u2"), np.ones((2, 3, 3), bool), None, ">u2"),
        (np.zeros((2, 3, 3), np.uint16), np.ones((2, 3, 3), np.uint8), None, "uint8"),
        (np.zeros((2, 3, 3), np.uint16), np.ones((2, 3, 4), bool), None, r"\(2, 3, 4\)"),
        (np.zeros((3, 3), np.uint16), np.ones((3, 3), bool), None, "three axes"),
        (np.zeros((65536, 1, 1), np.int16), np.ones((65536, 1, 1), bool), None, "65535"),
        (np.zeros((2, 3, 3), np.uint16), np.ones((2, 3, 3), bool), 0, "threads is 0"),
    ],
)
def test_wrong_inputs_are_named(values, clear, threads, words):
    with pytest.raises(FusionError, match=words):
        masked_median(values, clear, threads)
