"""Other people's maps on the study's grid: the right share, or refused."""

import datetime as dt
import json

import numpy as np
import pytest
import shapely
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study import study_of
from fusion_assets.systems.built_up.rivals.known import RIVALS
from fusion_assets.systems.built_up.rivals.maps import class_name, share_name, share_of, side_by_side
from fusion_assets.systems.built_up.rivals.requests import rival_requests
from fusion_assets.systems.built_up.rivals.shares import share_of_classes, share_of_probability, share_of_surface
from fusion_assets.systems.built_up.rivals.side import compared
from fusion_assets_tests.imagery.archives import make_item, write_catalog, write_tif

CRS, STEP, EDGE = "EPSG:32631", 100, 12
WEST, NORTH = 600_000, 5_000_000
GRID = Grid(CRS, Affine(STEP, 0, WEST, 0, -STEP, NORTH), EDGE, EDGE)


def outline():
    west, south, east, north = GRID.bounds
    corners = [(west + 1, south + 1), (east - 1, south + 1), (east - 1, north - 1), (west + 1, north - 1)]
    return shapely.Polygon([to_lonlat(CRS).transform(*corner) for corner in corners])


def study(rivals, **changes):
    return study_of(
        {
            "name": "small",
            "regions": [{"name": "here", "geometry": json.loads(shapely.to_geojson(outline())), "crs": CRS}],
            "resolution": STEP,
            "label_year": 2018,
            "prediction_years": [2018, 2019, 2020],
            "features": "lights",
            "products": {"night_lights": "viirs_annual", "labels": "ghsl_smod_v2"},
            "rivals": rivals,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A catalog with three maps of one truth at 10 m: settlement, its first year, and classes."""
    root = tmp_path_factory.mktemp("rivals")
    fine = np.random.default_rng(0).random((EDGE * 10, EDGE * 10)) < 0.4
    moment, end = dt.datetime(2019, 1, 1, tzinfo=dt.UTC), dt.datetime(2019, 12, 31, tzinfo=dt.UTC)
    at = Affine(10, 0, WEST, 0, -10, NORTH)
    settled = write_tif(root / "wsf.tif", np.where(fine, 255, 0).astype(np.uint8), at, CRS)
    cover = write_tif(root / "cover.tif", np.where(fine, 50, 10).astype(np.uint8), at, CRS)
    of_2020 = (moment.replace(year=2020), end.replace(year=2020))
    items = {
        "wsf-2019": [make_item("wsf", {"wsf2019": settled}, moment, end)],
        "esa-worldcover": [make_item("cover", {"map": cover}, *of_2020)],
    }
    return str(write_catalog(root, items)), fine


def test_classes_become_the_share_of_area(archive, tmp_path):
    catalog, fine = archive
    made, expected = study(["wsf2019", "worldcover"]), fine.reshape(EDGE, 10, EDGE, 10).mean(axis=(1, 3))
    for name, year in (("wsf2019", 2019), ("worldcover", 2020)):
        ((found, request),) = rival_requests(made, Settings(archive=catalog), "here", year).items()
        assert found == name
        engine = ArchiveEngine(Storage(tmp_path / name))
        pixels = engine.collect(engine.submit(request))
        grid = made.grid("here")
        use = {use.product: use for use in made.rivals}[name]
        share = share_of(pixels, request, use, RIVALS[name], grid)
        np.testing.assert_allclose(share, expected, atol=1e-6)


def test_a_silent_year_is_missing():
    made = study(["wsf2019"])
    assert rival_requests(made, Settings(archive="catalog.json"), "here", 2018) == {}
    maps = side_by_side(GRID, {}, {"wsf2019": 0.5})
    assert np.isnan(maps[share_name("wsf2019")].values).all()
    assert np.isnan(maps[class_name("wsf2019")].values).all()


def test_years_of_first_settlement_are_counted_up_to_the_year():
    codes = np.array([[1990.0, 2001.0], [np.nan, 2010.0]])
    built = RIVALS["wsf_evolution"].built_codes
    assert share_of_classes(codes, built(2001), 2, 0.25, silent=True) == 0.5
    assert share_of_classes(codes, built(2010), 2, 0.25, silent=True) == 0.75
    assert share_of_classes(codes, built(2010), 2, 0.25) == 1.0  # of what is known
    assert np.isnan(share_of_classes(codes, built(2010), 2, 0.9))


def test_other_units_are_refused():
    assert share_of_surface(np.array([2500.0, np.nan]), 10_000.0)[0] == 0.25
    with pytest.raises(FusionError, match="built-up surface"):
        share_of_surface(np.array([65535.0]), 10_000.0)
    with pytest.raises(FusionError, match="probabilities from 0 to 1"):
        share_of_probability(np.array([0.0, 45.0]), "Dynamic World")


@pytest.mark.parametrize(
    ("rivals", "problem"),
    [
        (["ghsl_smod_v2"], "is ghsl_smod_v2"),
        (["wsf2019", "wsf2019"], "a second time"),
        ([{"product": "worldcover", "built_codes": [40]}], "fixes its own"),
        (["wsf2020"], "unknown product"),
    ],
)
def test_what_is_no_rival_is_refused(rivals, problem):
    with pytest.raises(FusionError, match=problem):
        study(rivals)


def test_pixels_do_not_depend_on_rivals():
    assert study([]).digest() == study(["wsf2019"]).digest()
    assert study([]).digest("rivals") != study(["wsf2019"]).digest("rivals")


def test_every_rival_is_a_product():
    assert set(RIVALS) == {n for n, p in PRODUCTS.items() if p.role == "rival" or p.label == "fraction"}


def test_maps_without_a_sample_are_compared_all_the_same():
    rng = np.random.default_rng(1)
    p = rng.random(GRID.shape).astype(np.float32)
    ours = {2019: GRID.dataset({"probability": p, "built_up": (p >= 0.5).astype(np.float32)})}
    theirs = {2019: side_by_side(GRID, {"wsf2019": 1 - p}, {"wsf2019": 0.5, "worldcover": 0.5})}
    table, document = compared(ours, theirs, {"wsf2019": "WSF", "worldcover": "WorldCover"}, outline())
    assert list(table["map"]) == ["ours", "wsf2019"]
    assert document["agreement"]["2019"]["ours/wsf2019"]["mcc"] == pytest.approx(-1, abs=0.02)
    assert "nothing says which map is right" in document["statement"]
