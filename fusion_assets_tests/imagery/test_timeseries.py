"""Series of dates: the same from both engines, granules of a pass as one date, orbits apart, masks and offsets."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import timeseries
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.protocol import NoScenes
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.scenes import Scene
from fusion_assets.imagery.timeseries import PIECE_SIZES, PieceSizes
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.storage.root import Storage
from fusion_assets.systems.ndvi.observations import treatment
from fusion_assets_tests.imagery.engines.earth_engine.cases import demo_request

CLEAR = Mask("classes", ("scl", "SCL"), "SCL", (4, 5, 6))
WINDOW = (dt.date(2016, 7, 1), dt.date(2016, 9, 30))


def asked(catalog, product="sentinel2_l2a", bands=("B04", "B08"), mask=CLEAR, **changes):
    request = demo_request(catalog, product, edge=250, window=WINDOW)
    recipe = CompositeRecipe(bands, mask, reducer="none")
    return dataclasses.replace(request, recipe=recipe, max_cloud_cover=None, **changes)


RADAR = {"product": "sentinel1_grd", "bands": ("VV", "VH"), "mask": Mask("none")}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return ArchiveEngine(Storage(tmp_path_factory.mktemp("storage")))


@pytest.mark.parametrize("use", [{}, {"mask": Mask("none"), "bands": ("B04", "B03", "B02")}, RADAR])
@pytest.mark.parametrize("sizes", [PIECE_SIZES, pytest.param(PieceSizes(edge=17), marks=pytest.mark.slow)])
def test_both_engines_give_the_same_series(use, sizes, catalog, tmp_path):
    from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions

    request = asked(catalog, **use)
    expected = ArchiveEngine(Storage(tmp_path), sizes).series(request).compute()
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        service.control({"action": "options", "refuse_pyramid": True})
        connection, options = Connection("demo", service.url), ExportOptions(sizes=sizes)
        found = EarthEngine(Storage(tmp_path), connection, options).series(request).compute()
    assert list(found.data_vars) == list(expected.data_vars) == list(request.recipe.bands)
    for name in ("time", "acquired", "orbit", "scenes"):
        np.testing.assert_array_equal(found[name].values, expected[name].values, err_msg=name)
    for name in expected.data_vars:
        one, other = expected[name].values, found[name].values
        assert other.dtype == one.dtype == np.float32
        np.testing.assert_array_equal(np.isnan(other), np.isnan(one), err_msg=f"mask of {name}")
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-4, err_msg=name)
    assert 0.05 < np.isfinite(one).mean() < (1 if not use else 1.01)


def test_tiles_make_no_difference(catalog, engine, tmp_path):
    request = asked(catalog)
    whole = engine.series(request).compute()
    cut = ArchiveEngine(Storage(tmp_path), PieceSizes(edge=13))
    np.testing.assert_array_equal(cut.series(request)["B08"].values, whole["B08"].values)


@pytest.mark.parametrize(("tile", "treated"), [pytest.param(9, 9, marks=pytest.mark.slow), (20, 20), (20, 5)])
def test_treated_pieces_leave_no_seams(tile, treated, catalog, engine, tmp_path):
    speckle, request = treatment("dB", "multitemporal", 5), asked(catalog, **RADAR)
    whole, plain = engine.series(request, speckle).compute(), engine.series(request).compute()
    cut = ArchiveEngine(Storage(tmp_path), PieceSizes(edge=tile, least_edge=treated, treated_bytes=1))
    np.testing.assert_allclose(cut.series(request, speckle)["VV"].values, whole["VV"].values, rtol=1e-4)
    assert float(whole["VH"].std("time").mean()) < 0.9 * float(plain["VH"].std("time").mean())


def test_shadow_and_cloud_are_masked_and_masking_is_the_only_difference(catalog, engine):
    clear, all_there = (engine.series(asked(catalog, mask=mask)).compute() for mask in (CLEAR, Mask("none")))
    with_shadow = engine.series(asked(catalog, mask=dataclasses.replace(CLEAR, values=(3, 4, 5, 6)))).compute()
    counts = [int(np.isfinite(each["B04"].values).sum()) for each in (clear, with_shadow, all_there)]
    assert counts == sorted(counts) and len(set(counts)) == 3, "shadow (3) is there, and not clear"
    known = np.isfinite(clear["B04"].values)
    np.testing.assert_array_equal(clear["B04"].values[known], all_there["B04"].values[known])


def test_granules_of_a_pass_are_one_date(catalog, engine):
    series = engine.series(asked(catalog))
    days = series["time"].values
    assert len(np.unique(days)) == len(days) and (np.diff(days) > np.timedelta64(0)).all()
    assert max(len(scenes.split(",")) for scenes in series["scenes"].values) == 2


def test_orbits_stay_apart(catalog, engine):
    series = engine.series(asked(catalog, **RADAR))
    assert set(series["orbit"].values) == {19, 85}
    assert series.sizes["time"] == 16


def scene(name, moment, orbit=None, direction="ascending"):
    start = dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)
    return Scene(name, start, start, "sentinel-1a", {}, None, orbit=orbit, direction=direction)


def test_tracks_without_a_number_are_told_apart_by_the_time_of_day():
    product = PRODUCTS["sentinel1_grd"]
    scenes = [
        scene("a", "2018-01-01T17:32:58"), scene("a2", "2018-01-01T17:33:23"),  # slices of one pass
        scene("b", "2018-01-02T17:40:05"), scene("c", "2018-01-07T17:34:01"),
        scene("d", "2018-01-07T05:50:00", direction="descending"),
    ]  # fmt: skip
    dates = timeseries.dates_of(scenes, product)
    assert [[s.id for s in date.scenes] for date in dates] == [["a", "a2"], ["b"], ["d"], ["c"]]
    first, second, third, again = (date.orbit for date in dates)
    assert first == again and len({first, second, third}) == 3
    night = [scene("a", "2018-01-01T23:59:00"), scene("b", "2018-01-14T00:00:30")]
    assert len({date.orbit for date in timeseries.dates_of(night, product)}) == 1


def test_two_passes_of_a_day_are_one_date_of_optics_and_two_of_radar():
    scenes = [scene("a", "2018-01-01T10:30:00", 51), scene("b", "2018-01-01T10:40:00", 8)]
    assert len(timeseries.dates_of(scenes, PRODUCTS["sentinel2_l2a"])) == 1
    assert [date.orbit for date in timeseries.dates_of(scenes, PRODUCTS["sentinel1_grd"])] == [51, 8]


def test_a_window_without_scenes_says_so(catalog, engine):
    early = (dt.date(2016, 2, 1), dt.date(2016, 2, 2))
    with pytest.raises(NoScenes, match="2016-02-01"):
        engine.series(asked(catalog, window=early))


def test_what_earth_engine_has_not_is_an_error():
    from fusion_assets.imagery.engines.earth_engine import scene_lists as earth

    class Asked:
        product, collections, allow_deprecated = "sentinel1_rtc", PRODUCTS["sentinel1_rtc"].collections, False
        window = (dt.date(2020, 1, 1), dt.date(2020, 12, 31))

    with pytest.raises(FusionError, match="not on Earth Engine"):
        earth.collections_of(Asked())
