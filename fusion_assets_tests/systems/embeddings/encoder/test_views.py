"""Views: crops are pieces of the patch, both sensors are cut alike, and a place stands once in a batch."""

import numpy as np
import pytest

from fusion_assets.systems.embeddings.encoder.pretexts import PRETEXTS
from fusion_assets.systems.embeddings.encoder.views import CELLS, Places, cell_means, crop_edge, cropped


@pytest.mark.parametrize(("size", "edge"), [(16, 12), (24, 16), (36, 24), (252, 96), (6, 4)])
def test_crops_are_whole_cells_no_larger_than_the_patch(size, edge):
    assert crop_edge(size) == edge <= size and edge % CELLS == 0


def test_crops_are_pieces_of_their_patch_turned_and_mirrored():
    """Numbers of pixels tell where a crop lies; all eight positions of a square occur."""
    patches = np.tile(np.arange(36.0).reshape(1, 6, 6, 1), (200, 1, 1, 1))
    crops = cropped(patches, 4, np.random.default_rng(0))[..., 0]
    steps = np.stack([crops[:, 0, 1] - crops[:, 0, 0], crops[:, 1, 0] - crops[:, 0, 0]], axis=1)
    assert {tuple(each) for each in steps.astype(int).tolist()} == {
        *((a, b) for a in (1, -1) for b in (6, -6)), *((b, a) for a in (1, -1) for b in (6, -6))
    }  # fmt: skip
    assert len(np.unique(crops.min(axis=(1, 2)))) == 9  # of 3 x 3 corners
    assert all(np.ptp(crop) == 21 for crop in crops)


@pytest.mark.parametrize("name", PRETEXTS)
def test_both_sensors_are_cut_alike(name):
    """What radar and optics hold of a pixel is the same number here, and stays so, hidden or shown."""
    pixels = np.random.default_rng(0).random((10, 16, 16, 1)).astype("f4") + 1
    optics, radar, present, *_ = PRETEXTS[name].views(pixels, pixels, 12, np.random.default_rng(1))
    assert np.array_equal(optics, radar)
    assert len(optics) == len(present) and present.dtype == np.float32 and present.max(axis=1).min() == 1


def test_only_the_other_sensor_is_asked_of_a_prediction():
    pixels = np.random.default_rng(0).random((10, 16, 16, 1)).astype("f4")
    _, _, present, target, asked = PRETEXTS["prediction"].views(pixels, pixels, 12, np.random.default_rng(1))
    of_sensor = asked.reshape(10, -1, 2)
    assert target.shape == asked.shape == (10, 2 * CELLS**2)
    assert np.array_equal(of_sensor, np.broadcast_to(1 - present[:, None], of_sensor.shape))


def test_means_of_cells():
    patch = np.arange(64.0).reshape(1, 8, 8, 1)
    assert cell_means(patch)[0, [0, 1, 4]].tolist() == [4.5, 6.5, 20.5]


def test_a_place_is_drawn_once_with_one_of_its_rows():
    place = np.array([7, 7, 9, 7, 4, 9])
    places = Places.of(place, np.array([0, 1, 2, 3, 5]))
    assert len(places) == 2
    drawn = [places.drawn(np.array([0, 1]), np.random.default_rng(seed)) for seed in range(20)]
    assert all(place[rows].tolist() == [7, 9] for rows in drawn)
    assert {int(rows[0]) for rows in drawn} == {0, 1, 3}
