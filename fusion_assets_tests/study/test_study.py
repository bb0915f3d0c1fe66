"""What a study file means: years, windows, features, outlines, digests."""

import datetime as dt
import json
from pathlib import Path

import pytest
import shapely

from fusion_assets.errors import FusionError
from fusion_assets_tests.study.samples import BASE, REGION, SELECTION, TODAY, changed, region
from fusion_assets_tests.whole_studies import load_study, study_of

STUDIES = Path(__file__).parent.parent / "studies"


def test_latest_grows_with_time():
    content = changed(prediction_years={"from": 2016, "to": "latest"})
    assert study_of(content, today=dt.date(2019, 12, 31)).years == (2015, 2016, 2017, 2018)
    assert study_of(content, today=dt.date(2020, 1, 1)).years == (2015, 2016, 2017, 2018, 2019)


def test_windows():
    study = study_of(
        changed(
            products__sentinel2__windows={2016: ["2019-04-11", dt.date(2019, 4, 12)]},
            products__night_lights={"product": "viirs_monthly", "season": "any"},
        ),
        today=TODAY,
    )
    assert study.window("sentinel2", 2015) == (dt.date(2015, 7, 1), dt.date(2015, 12, 31))
    assert study.window("sentinel2", 2016) == (dt.date(2019, 4, 11), dt.date(2019, 4, 12))
    assert study.window("night_lights", 2016) == (dt.date(2016, 1, 1), dt.date(2016, 12, 31))
    assert study.window("labels", 2015) == (dt.date(2015, 1, 1), dt.date(2015, 12, 31))
    with pytest.raises(FusionError, match="does not cover 2031"):
        study.window("sentinel2", 2031)


def test_season_to_the_end_of_february():
    study = study_of(changed(season={"start": "01-01", "end": "02-29"}), today=TODAY)
    assert study.window("sentinel2", 2015)[1] == dt.date(2015, 2, 28)
    assert study.window("sentinel2", 2016)[1] == dt.date(2016, 2, 29)


@pytest.mark.parametrize(
    ("features", "names"), [("optics", ("B02", "B08")), ("lights", ("avg_rad",)), ("both", ("B02", "B08", "avg_rad"))]
)
def test_features(features, names):
    assert study_of(changed(features=features), today=TODAY).feature_names == names


def test_default_crs_is_the_utm_zone_of_the_centroid():
    boxes = {"EPSG:32645": [84, 27, 85, 28], "EPSG:32718": [-73, -39, -72, -38], "EPSG:32660": [179, 1, 180, 2]}
    for crs, bbox in boxes.items():
        assert study_of(changed(regions=region(bbox=bbox)), today=TODAY).regions[0].crs == crs


def test_geometry_from_a_file_beside_the_study(tmp_path):
    parts = [shapely.box(84, 27, 84.5, 28), shapely.box(84.5, 27, 85, 28)]
    features = [{"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(part)} for part in parts]
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (tmp_path / "s.yaml").write_text(json.dumps(changed(regions=region(bbox=..., geometry="a.geojson"))))
    study = load_study(tmp_path / "s.yaml", today=TODAY)
    assert study.polygon("a").equals(shapely.box(84, 27, 85, 28))
    assert study.grid("a") == study_of(BASE, today=TODAY).grid("a")


def test_an_earth_engine_selection_needs_a_box_or_someone_to_ask():
    study = study_of(changed(regions=region(bbox=..., ee_features=SELECTION)), today=TODAY)
    with pytest.raises(FusionError, match="add `bbox") as caught:
        study.grid("a")
    assert "bbox" in caught.value.remedy
    asked = study_of(
        changed(regions=region(bbox=..., ee_features=SELECTION)),
        today=TODAY,
        outlines=lambda _: shapely.box(84, 27, 85, 28),
    )
    assert asked.grid("a") == study_of(BASE, today=TODAY).grid("a")
    boxed = study_of(changed(regions=region(bbox=..., ee_features={**SELECTION, "bbox": REGION["bbox"]})), today=TODAY)
    assert boxed.grid("a") == study_of(BASE, today=TODAY).grid("a")


def test_archive_paths_are_relative_to_the_study(tmp_path):
    content = changed(
        products__sentinel2__archive="scenes/catalog.json",
        products__night_lights={
            "product": "viirs_monthly",
            "archive": {"url": "https://example.org/stac", "sign": "planetary_computer"},
        },
    )
    study = study_of(content, folder=tmp_path, today=TODAY)
    assert study.use("sentinel2").archive.location == str(tmp_path / "scenes" / "catalog.json")
    assert study.use("night_lights").archive.location == "https://example.org/stac"
    # The digest says what is asked for, not on which machine.
    assert study.digest() == study_of(content, folder=Path("/elsewhere"), today=TODAY).digest()


def test_digest_depends_on_content_alone():
    study = study_of(BASE, today=TODAY)
    reordered = study_of({**dict(reversed(BASE.items())), "title": "Another title"}, today=TODAY)
    assert study.digest() == reordered.digest()
    assert study.digest("season", "regions.a") == study.digest("regions.a", "season")
    assert study.digest("season") != study.digest("products.sentinel2")
    other = study_of(changed(products__sentinel2__bands=["B02"]), today=TODAY)
    assert other.digest("products.sentinel2") != study.digest("products.sentinel2")
    assert other.digest("season", "products.labels") == study.digest("season", "products.labels")
    with pytest.raises(FusionError, match=r"'products\.radar'"):
        study.digest("products.radar")


def test_a_study_does_not_change_after_loading():
    with pytest.raises(ValueError, match="frozen"):
        study_of(BASE, today=TODAY).resolution = 10


def test_unknown_region_and_role():
    study = study_of(changed(features="optics", products__night_lights=...), today=TODAY)
    with pytest.raises(FusionError, match="no region 'b'"):
        study.grid("b")
    with pytest.raises(FusionError, match=r"no products\.night_lights"):
        study.window("night_lights", 2016)


def test_owners_are_people_or_teams_and_change_no_digest():
    owned = study_of({**BASE, "owners": ["team:maps", "anna@maps.example"]}, today=TODAY)
    assert owned.owners == ("team:maps", "anna@maps.example")
    assert owned.digest() == study_of(BASE, today=TODAY).digest()


@pytest.mark.parametrize("owners", [["maps"], ["team:"], ["anna@"], [3], {"a": 1}, ["a b@c.example"]])
def test_owners_that_dagster_would_refuse_are_refused(owners):
    with pytest.raises(FusionError, match="owners"):
        study_of({**BASE, "owners": owners}, today=TODAY)


def test_people_may_call_a_region_by_its_title():
    places = [("São_Paulo", ""), ("sp", "São Paulo (state)"), ("x1", "Twin"), ("x2", "Twin"), ("twin", "Third")]
    regions = [{"name": name, "title": title, "bbox": [3, 50, 3.2, 50.2]} for name, title in places]
    study = study_of(changed(regions=regions), today=TODAY)
    for text, name in (("são paulo", "São_Paulo"), ("São Paulo (State)", "sp"), ("SP", "sp"), ("twin", "twin")):
        assert study.region_called(text).name == name
    with pytest.raises(FusionError, match="several regions") as caught:
        study.region_called("Twin")
    assert caught.value.expected == "x1, x2, twin"
    for text in ("Rio", "", "..."):
        with pytest.raises(FusionError, match="has no region"):
            study.region_called(text)


def test_demo_study():
    study = load_study("demo")
    assert study.years == (2015, 2016, 2017, 2018, 2019)
    assert study.feature_names == ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "avg_rad")
    assert study.grid("demo").resolution == 1000


@pytest.mark.parametrize(
    ("name", "bounds", "resolution"),
    [
        ("mol", (655300, 5676000, 660500, 5686300), 100),
        ("belgium", (187000, 5816000, 490000, 6035000), 1000),
        ("tile", (717730, 5697850, 719970, 5700090), 10),
        ("leie", (501360, 5629040, 502000, 5629680), 10),
    ],
)
def test_studies_of_real_places_lie_on_their_pixels(name, bounds, resolution):
    study = load_study(STUDIES / f"{name}.yaml")
    (only,) = study.regions
    grid = study.grid(only.name)
    assert grid.bounds == bounds
    assert grid.resolution == resolution
    assert grid.inside(only.polygon).all()
