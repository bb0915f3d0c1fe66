"""What stands in the squares and what of it shines: unlike each other, and as bright as real places."""

import numpy as np
import pytest
from scipy import ndimage

from fusion_assets.demo.squares.ground import build_ground
from fusion_assets.demo.squares.lamps import emitted
from fusion_assets.demo.squares.night import SIGMA
from fusion_assets.demo.squares.place import STEP, squares_beside
from fusion_assets_tests.demo.squares.square_archive import FRAME

PER_KM = 17


@pytest.fixture(scope="module")
def nights():
    """Ground and truth of every square by name."""
    grounds = {square.name: build_ground(0, square) for square in squares_beside(FRAME)}
    return {name: (ground, emitted(0, ground)) for name, ground in grounds.items()}


def kilometres(field):
    rows, cols = (side // PER_KM for side in field.shape)
    cut = field[: rows * PER_KM, : cols * PER_KM].astype(float)
    return cut.reshape(rows, PER_KM, cols, PER_KM).mean(axis=(1, 3))


def unexplained(ground, radiance):
    """Of the logarithm of light at 1 km: what the built share there and around it leaves open, and what explains."""
    built = kilometres(ground.built)
    light = kilometres(ndimage.gaussian_filter(radiance.astype(float), SIGMA / STEP))
    known = built > 0.1
    around = [np.log(ndimage.gaussian_filter(built, sigma)[known] + 1e-3) for sigma in (0, 0.6, 3)]
    return np.log(light[known]), np.stack([np.ones(known.sum()), *(x**n for x in around for n in (1, 2, 3))], axis=1)


def deviation(light, explaining):
    fitted = explaining @ np.linalg.lstsq(explaining, light, rcond=None)[0]
    return float((light - fitted).std())


def test_built_land_leaves_as_much_of_the_light_open_as_in_belgium(nights):
    # Belgium by the same measure (VIIRS and GHSL on 1 km): 0.51.
    found = [unexplained(*night) for night in nights.values()]
    assert 0.43 <= deviation(*map(np.concatenate, zip(*found, strict=True))) <= 0.56
    apart = {name: deviation(*each) for name, each in zip(nights, found, strict=True)}
    assert max(apart, key=apart.get) == "radiance_reserved", "its dark quarters"


def test_squares_differ_in_what_stands_and_shines(nights):
    inner = {name: tuple(field[ground.square.inner()] for field in (ground.built, radiance, ground.water))
             for name, (ground, radiance) in nights.items()}  # fmt: skip
    built = {name: float(fields[0].mean()) for name, fields in inner.items()}
    assert 3 * built["radiance_river"] < built["radiance_city"]
    assert inner["radiance_river"][2].mean() > 2 * inner["radiance_towns"][2].mean() > 0
    for name, (houses, light, _) in inner.items():
        assert light.min() >= 0 and np.isfinite(light).all()
        assert ((houses > 0.4) & (light < 4)).any(), f"{name} has built-up land without light"
        assert ((houses < 0.2) & (light > 30)).sum() > 50, f"{name} has light where nobody lives"
    # A few emit far more than all others.
    assert 1000 < max(kilometres(light).max() for _, light, _ in inner.values()) * PER_KM**2 / 17.4 < 39_902


def test_shares_of_a_pixel_add_up_to_at_most_one(nights):
    for ground, _ in nights.values():
        parts = [ground.built, ground.water, ground.bed, ground.forest, ground.crop, *ground.materials.values()]
        assert min(float(part.min()) for part in parts) >= 0
        assert sum(parts).max() < 1.001
