"""Maps of zones from imagery: where patches lie, what they hold, and which cells have no zone."""

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.held_out_calibration import Calibration
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.climate_zones import mapping
from fusion_assets.systems.climate_zones.channels import MAPPABLE, band_of

GRID = Grid("EPSG:32633", Affine(100, 0, 500_000, 0, -100, 5_800_000), 5, 7)
INSIDE = np.ones(GRID.shape, bool)
CALIBRATION = Calibration(temperature=2.0, cut=0.2, coverage=0.9, groups=5)
OPTICS, RADAR = [band_of(name) for name in MAPPABLE[2:]], [band_of(name) for name in MAPPABLE[:2]]


class Network:
    """Keeps the patches that it is asked for; says LCZ 3 where B2 is dark, LCZ G where it is bright."""

    def __init__(self):
        self.patches = []

    def __call__(self, patches):
        assert patches.dtype == np.float32 and patches.shape[1:] == (32, 32, 12) and np.isfinite(patches).all()
        self.patches.append(patches)
        bright = patches[..., MAPPABLE.index("B2")].mean(axis=(1, 2)) > 0.5
        answer = np.full((len(patches), 17), 0.4 / 16)
        answer[np.arange(len(patches)), np.where(bright, 16, 2)] = 0.6
        return answer


def imagery(grid=GRID, **bands):
    """Optics and radar of one value a band; some replaced."""
    pixels = mapping.imagery_grid(grid)
    levels = {name: 0.01 * number for number, name in enumerate(OPTICS, 1)} | {"VH": -18.0, "VV": -10.0}
    held = {name: bands.get(name, np.full(pixels.shape, level)).astype("f4") for name, level in levels.items()}
    return tuple(pixels.dataset({name: held[name] for name in names}) for names in (OPTICS, RADAR))


def mapped(optics, radar, network=None, grid=GRID, inside=None, decibels=True):
    inside = np.ones(grid.shape, bool) if inside is None else inside
    return mapping.zone_map(optics, radar, grid, inside, network or Network(), MAPPABLE, decibels, CALIBRATION)


@pytest.mark.parametrize("resolution", [20, 60, 100, 320])
def test_a_patch_is_the_320_m_around_the_middle_of_its_cell(resolution):
    grid = Grid(GRID.crs, Affine(resolution, 0, 500_000, 0, -resolution, 5_800_000), 4, 3)
    x, y = np.meshgrid(*mapping.imagery_grid(grid).centres())
    network = Network()
    mapped(*imagery(grid, B02=x - 500_000, B03=y - 5_800_000), network, grid)
    patches = np.concatenate(network.patches)
    middle = [axis.ravel() for axis in np.meshgrid(*grid.centres())]
    for number, (name, origin) in enumerate((("B2", 500_000), ("B3", 5_800_000))):
        values = patches[..., MAPPABLE.index(name)]
        assert values.mean(axis=(1, 2)) == pytest.approx(middle[number] - origin, abs=0.01)
        assert (values.max(axis=(1, 2)) - values.min(axis=(1, 2)) == 310).all()


def test_channels_come_in_the_order_that_networks_have_learnt_them():
    network = Network()
    mapped(*imagery(), network)
    first = network.patches[0][0, 0, 0]
    assert first == pytest.approx([-18, -10, *(0.01 * np.arange(1, 11))])
    assert (RADAR, OPTICS[:4], OPTICS[-3:]) == (["VH", "VV"], ["B02", "B03", "B04", "B05"], ["B8A", "B11", "B12"])


def test_radar_is_linear_for_a_network_that_has_learnt_it_so():
    network, pixels = Network(), mapping.imagery_grid(GRID)
    mapped(*imagery(VV=np.full(pixels.shape, -80.0)), network, decibels=False)
    assert network.patches[0][0, 0, 0, :2] == pytest.approx([10**-1.8, 1e-5])


def test_zones_stand_where_the_imagery_says_whatever_is_read_at_once(monkeypatch):
    bright = np.zeros(mapping.imagery_grid(GRID).shape)
    bright[:, 11 + 40 :] = 1  # from the fifth column of cells on
    whole = mapped(*imagery(B02=bright))
    assert (whole["lcz"][:, :4] == 3).all() and (whole["lcz"][:, 4:] == 17).all()
    monkeypatch.setattr(mapping, "_STRIP", 2)
    monkeypatch.setattr(mapping, "BATCH_ASKED", 3)
    for name, values in mapped(*imagery(B02=bright)).items():
        assert np.array_equal(values, whole[name])


def test_probabilities_are_calibrated():
    bands = mapped(*imagery())
    logits = np.sqrt([0.6, *[0.4 / 16] * 16])  # a temperature of 2
    expected = logits / logits.sum()
    assert bands["probability"] == pytest.approx(np.full(GRID.shape, expected[0]))
    assert (bands["set_size"] == 1).all()
    assert bands["entropy"] == pytest.approx(np.full(GRID.shape, -(expected * np.log(expected)).sum() / np.log(17)))


def test_a_cell_with_few_gaps_is_told_from_the_rest_and_one_with_many_is_not_told():
    values = np.full(mapping.imagery_grid(GRID).shape, 0.9)
    values[:10, :10] = np.nan  # 100 of the 1,024 pixels around the first cell
    network = Network()
    bands = mapped(*imagery(B02=values), network)
    assert (bands["lcz"] == 17).all()
    assert network.patches[0][0, :, :, MAPPABLE.index("B2")] == pytest.approx(0.9)
    values[:11, :10] = np.nan
    bands = mapped(*imagery(B02=values))
    assert bands["lcz"][0, 0] == 255 and (bands["lcz"].ravel()[1:] == 17).all()
    assert all(np.isnan(bands[name][0, 0]) for name in ("probability", "set_size", "entropy"))


def test_a_gap_in_one_sensor_alone_counts():
    values = np.full(mapping.imagery_grid(GRID).shape, -18.0)
    values[-32:, -32:] = np.nan
    bands = mapped(*imagery(VH=values))
    assert bands["lcz"][-1, -1] == 255 and bands["lcz"][0, 0] == 3


def test_cells_outside_the_region_are_not_asked_for():
    inside, network = INSIDE.copy(), Network()
    inside[:, :3] = False
    bands = mapped(*imagery(), network, inside=inside)
    assert (bands["lcz"][:, :3] == 255).all() and sum(map(len, network.patches)) == inside.sum()
    told = mapping.about(bands, inside)
    assert told["mapped"] == 1 and told["share_3"] == 1 and "share_G" not in told and told["mean_set_size"] == 1


def test_imagery_of_another_grid_and_a_map_of_nothing_are_refused():
    optics, radar = imagery()
    with pytest.raises(FusionError, match="which patches around all cells of the map are on"):
        mapped(optics, radar.isel(x=slice(1, None)))
    nothing = np.full(mapping.imagery_grid(GRID).shape, np.nan)
    with pytest.raises(FusionError, match="no cell of the region has imagery"):
        mapped(*imagery(B11=nothing))
