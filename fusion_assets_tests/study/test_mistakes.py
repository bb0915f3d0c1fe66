"""Every mistake in a study file is named with file, key and remedy."""

import datetime as dt

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.study.mistakes import as_date
from fusion_assets_tests.study.samples import REGION, SELECTION, TODAY, changed, region
from fusion_assets_tests.whole_studies import load_study, study_of


def square(*corners):
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


BOW_TIE = square([0, 0], [1, 1], [1, 0], [0, 1])
SQUARE = square([84, 27], [85, 27], [85, 28])
UTM = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32645"}}
NO_PLACE = {"type": "Feature", "properties": {}, "geometry": None}
ORTHO = "+proj=ortho +lat_0=-20 +lon_0=-90 +datum=WGS84 +units=m"  # shows the other side of the Earth
MISTAKES = {
    "unknown key": ({"regoins": []}, "regoins", "`regions`"),
    "unknown key in a product": ({"products__sentinel2__masks": "none"}, "products.sentinel2.masks", "`mask`"),
    "unknown key in a region": ({"regions": region(box=[1])}, "regions[0].box", "`bbox`"),
    "unknown role": ({"products__label": "ghsl_smod_v2"}, "products.label", "`labels`"),
    "missing name": ({"name": ...}, "name is missing", "name:"),
    "missing regions": ({"regions": ...}, "regions is missing", "bbox"),
    "regions as a mapping": ({"regions": {"a": 1}}, "regions is", "for example"),
    "region as text": ({"regions": ["a"]}, "regions[0]", "for example"),
    "no region": ({"regions": []}, "regions is empty", "add"),
    "year as text": ({"label_year": "20x5"}, 'label_year is "20x5"', "2015"),
    "year out of range": ({"label_year": 215}, "label_year is 215", "2015"),
    "yes for a share": ({"max_unreadable_share": True}, "max_unreadable_share is true", "0.1"),
    "no for a share": ({"min_valid_share": False}, "min_valid_share is false", "0.25"),
    "yes for a resolution": ({"resolution": True}, "resolution is true", "1000"),
    "yes for a percentage": ({"products__sentinel2__max_cloud_cover": True}, "max_cloud_cover is true", "80"),
    "one place for two bands": (
        {"products__sentinel2__assets": {"B02": "x#1", "B03": "x#1"}},
        "assets.B03 is x#1, as that of another",
        "key#2",
    ),
    "a day with more behind it": (
        {"products__sentinel2__windows": {2016: ["2016-04-01T junk", "2016-05-01"]}},
        "2016-04-01T junk",
        "example",
    ),
    "yes for a year": ({"label_year": True}, "label_year is true", "2015"),
    "year in the list": ({"prediction_years": [2016, 20177]}, "prediction_years is 20177", "2016"),
    "year twice": ({"prediction_years": [2016, 2016]}, "prediction_years", "once"),
    "no prediction year": ({"prediction_years": []}, "prediction_years is []", "2016"),
    "years reversed": ({"prediction_years": {"from": 2019, "to": 2016}}, "prediction_years", "2016 or earlier"),
    "latest before from": ({"prediction_years": {"from": 2026, "to": "latest"}}, "is 2025", "2025 or earlier"),
    "years without to": ({"prediction_years": {"from": 2019}}, "prediction_years", "latest"),
    "future year": ({"prediction_years": [2016, 2031]}, "prediction_years holds 2031", "latest"),
    "label year missing": ({"label_year": ...}, "label_year is missing", "label_year: 2015"),
    "west not below east": ({"regions": region(bbox=[85, 27, 84, 28])}, "regions[0].bbox", "swap them: [84"),
    "south not below north": ({"regions": region(bbox=[84, 28, 85, 27])}, "regions[0].bbox", "swap them: [84"),
    "latitude first": ({"regions": region(bbox=[27, 98, 28, 99])}, "regions[0].bbox", "try [98.0, 27.0"),
    "metres": ({"regions": region(bbox=[5e5, 3e6, 6e5, 4e6])}, "regions[0].bbox", "degrees, not metres"),
    "antimeridian by sign": ({"regions": region(bbox=[175, -20, -175, -15])}, "antimeridian", "two regions"),
    "antimeridian by size": ({"regions": region(bbox=[175, -20, 185, -15])}, "antimeridian", "two regions"),
    "zero width": ({"regions": region(bbox=[84, 27, 84, 28])}, "no area", "move one edge"),
    "zero height": ({"regions": region(bbox=[84, 27, 85, 27])}, "no area", "move one edge"),
    "three numbers": ({"regions": region(bbox=[84, 27, 85])}, "regions[0].bbox", "for example"),
    "not a number": ({"regions": region(bbox=[84, 27, float("nan"), 28])}, "regions[0].bbox", "for example"),
    "unknown CRS": ({"regions": region(crs="EPSG:99")}, 'regions[0].crs is "EPSG:99"', "UTM"),
    "geographic CRS": ({"regions": region(crs="EPSG:4326")}, "in degrees", "UTM"),
    "CRS in feet": ({"regions": region(crs="EPSG:2263")}, "not a map in metres", "UTM"),
    "polar without CRS": ({"regions": region(bbox=[10, 85, 20, 88])}, "regions[0] lies at latitude", "crs"),
    "world in UTM": ({"regions": region(bbox=[-170, -60, 170, 70])}, "regions[0] spans 340", "crs"),
    "CRS of another place": ({"regions": region(crs="EPSG:32718")}, "regions[0] lies far outside", "leave crs out"),
    "CRS that cannot hold it": ({"regions": region(crs=ORTHO)}, "regions[0] has no grid", "CRS"),
    "CRS that PROJ strings cannot say": ({"regions": region(crs='LOCAL_CS["x"]')}, "not a map in metres", "UTM"),
    "CRS as a list": ({"regions": region(crs=[32645])}, "regions[0].crs is [32645], unknown", "UTM"),
    "endless number": ({"regions": region(bbox=[84, 27, 85, 10**400])}, "regions[0].bbox is", "for example"),
    "endless coordinate": (
        {"regions": region(bbox=..., geometry=square([84, 27], [10**400, 27], [85, 28]))},
        "regions[0].geometry is",
        "draw",
    ),
    "nested without end": (
        {"regions": region(bbox=..., geometry={"type": "Polygon", "coordinates": nested(5000)})},
        "regions[0].geometry is nested too deeply",
        "draw",
    ),
    "two bands of radar in one place": (
        {"ndvi": {"sentinel1": {"product": "sentinel1_grd", "assets": {"VV": "x#1", "VH": "x#1"}}}},
        "ndvi.sentinel1.assets.VH is x#1",
        "key#2",
    ),
    "no outline": ({"regions": region(bbox=...)}, "regions[0] has no outline", "bbox"),
    "two outlines": ({"regions": region(ee_features=SELECTION)}, "bbox and ee_features", "remove"),
    "self-crossing": ({"regions": region(bbox=..., geometry=BOW_TIE)}, "regions[0].geometry", "make_valid"),
    "point": (
        {"regions": region(bbox=..., geometry={"type": "Point", "coordinates": [0, 0]})},
        'regions[0].geometry is ["Point"]',
        "draw",
    ),
    "broken GeoJSON": ({"regions": region(bbox=..., geometry={"type": "Polygon"})}, "regions[0].geometry", "draw"),
    "projected GeoJSON": (
        {"regions": region(bbox=..., geometry=square([5e5, 3e6], [6e5, 3e6], [6e5, 4e6]))},
        "regions[0].geometry",
        "EPSG:4326",
    ),
    "GeoJSON across the antimeridian": (
        {"regions": region(bbox=..., geometry=square([179, 0], [181, 0], [181, 1]))},
        "antimeridian",
        "two regions",
    ),
    "GeoJSON in UTM that could be degrees": (
        {"regions": region(bbox=..., geometry={**SQUARE, "crs": UTM})},
        "EPSG::32645",
        "write the coordinates in degrees",
    ),
    "feature in an unknown system": (
        {"regions": region(bbox=..., geometry={"type": "Feature", "geometry": {**SQUARE, "crs": {"type": "link"}}})},
        'regions[0].geometry says that its crs is {"type": "link"}',
        "degrees",
    ),
    "feature without a place": ({"regions": region(bbox=..., geometry=NO_PLACE)}, "every geometry is null", "draw"),
    "features without a place": (
        {"regions": region(bbox=..., geometry={"type": "FeatureCollection", "features": [NO_PLACE, NO_PLACE]})},
        "every geometry is null",
        "draw",
    ),
    "line in a collection": (
        {
            "regions": region(
                bbox=...,
                geometry={
                    "type": "GeometryCollection",
                    "geometries": [SQUARE, {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}],
                },
            )
        },
        'is ["LineString"], not an outline',
        "draw",
    ),
    "missing GeoJSON": ({"regions": region(bbox=..., geometry="no.geojson")}, "no.geojson", "relative to the study"),
    "region twice": ({"regions": [REGION, REGION]}, "regions[1].name is a", "rename"),
    "region twice but for case": ({"regions": [REGION, {**REGION, "name": "A"}]}, "regions[1].name is A", "rename"),
    "bar in a region": ({"regions": region(name="a|b")}, 'regions[0].name is "a|b"', "rename it, for example to a_b"),
    "slash": ({"name": "a/b"}, 'name is "a/b"', "to a_b"),
    "backslash": ({"name": "a\\b"}, "name is", "to a_b"),
    "dots": ({"name": ".."}, 'name is ".."', "rename"),
    "dots inside": ({"name": "a..b"}, 'name is "a..b"', "to a_b"),
    "empty name": ({"name": ""}, 'name is ""', "rename"),
    "blank name": ({"regions": region(name="  ")}, 'regions[0].name is "  "', "rename"),
    "line break in a name": ({"name": "a\n"}, "name is", "to a"),
    "number as a name": ({"name": 5}, "name is 5", "quotes"),
    "zero resolution": ({"resolution": 0}, "resolution is 0", "1000"),
    "negative resolution": ({"resolution": -10}, "resolution is -10", "1000"),
    "resolution as text": ({"resolution": "1 km"}, 'resolution is "1 km"', "1000"),
    "working resolution does not divide": ({"working_resolution": 300}, "working_resolution is 300", "write 333.3"),
    "working resolution is coarser": ({"working_resolution": 2000}, "working_resolution is 2000", "write 1000"),
    "working resolution too fine": ({"working_resolution": 1}, "1000 sub-pixels", "working_resolution: 10"),
    "season without form": ({"season": "winter"}, 'season is "winter"', "07-01"),
    "season day": ({"season": {"start": "02-30", "end": "12-31"}}, "no day 02-30", "07-01"),
    "season digits": ({"season": {"start": "7-1", "end": "12-31"}}, '"7-1" is not MM-DD', "07-01"),
    "season wraps": ({"season": {"start": "10-01", "end": "03-31"}}, "season is", "windows"),
    "window reversed": (
        {"products__sentinel2__windows": {2016: ["2016-02-01", "2016-01-01"]}},
        "products.sentinel2.windows has 2016",
        "swap",
    ),
    "window without days": ({"products__sentinel2__windows": {2016: "2016"}}, "windows has 2016", "2019-04-01"),
    "window of another year": (
        {"products__sentinel2__windows": {2014: ["2014-02-01", "2014-03-01"]}},
        "products.sentinel2.windows.2014",
        "prediction_years",
    ),
    "label window of a prediction year": (
        {"products__labels": {"product": "ghsl_smod_v2", "windows": {2016: ["2016-01-01", "2016-12-31"]}}},
        "products.labels.windows.2016",
        "label year",
    ),
    "window twice": (
        {"products__sentinel2__windows": {2016: ["2016-01-01"] * 2, "2016": ["2016-02-01"] * 2}},
        "products.sentinel2.windows names 2016 twice",
        "once",
    ),
    "yes for a feature": ({"regions": region(bbox=..., ee_features={**SELECTION, "value": True})}, "is true", "value:"),
    "unknown product": ({"products__sentinel2": "sentinel2_l3a"}, "sentinel2_l3a", "did you mean sentinel2_l2a?"),
    "product of another role": ({"products__sentinel2": "viirs_annual"}, "products.sentinel2.product", "night_lights"),
    "product missing for features": ({"products__night_lights": ...}, "features is both", "features: optics"),
    "unknown features": ({"features": "radar"}, 'features is "radar"', "both"),
    "unknown band": (
        {"products__sentinel2__bands": ["B02", "B8"]},
        "products.sentinel2.bands[1] is B8",
        "did you mean B08",
    ),
    "band twice": ({"products__sentinel2__bands": ["B02", "B02"]}, "bands[1] is B02, named twice", "remove"),
    "no band": ({"products__sentinel2__bands": []}, "products.sentinel2.bands is empty", "default"),
    "threshold missing": ({"products__labels": "ghsl_built_surface"}, "built_up_threshold is missing", "0.1"),
    "threshold in percent": (
        {"products__labels": {"product": "ghsl_built_surface", "built_up_threshold": 10}},
        "built_up_threshold is 10",
        "0.1",
    ),
    "threshold on codes": (
        {"products__labels": {"product": "ghsl_smod_v2", "built_up_threshold": 0.1}},
        "built_up_threshold is 0.1",
        "remove",
    ),
    "codes missing": ({"products__labels": "land_cover"}, "products.labels.built_codes is missing", "[5]"),
    "codes not wanted": (
        {"products__labels": {"product": "ghsl_smod_v2", "built_codes": [2]}},
        "products.labels.built_codes",
        "remove",
    ),
    "mask of text": ({"products__sentinel2__mask": "scl"}, 'mask is "scl"', "classes"),
    "classes for bits": (
        {"products__sentinel2": {"product": "sentinel2_l1c", "mask": {"classes": [4]}}},
        "products.sentinel2.mask lists classes",
        "mask: none",
    ),
    "cloud score in percent": ({"products__sentinel2__mask": {"cloud_score": 60}}, "cloud_score", "0.6"),
    "unknown cloud score": ({"products__sentinel2__mask": {"cloud_score": 0.6, "band": "QA"}}, "mask is", "0.6"),
    "cloud score of lights": (
        {"products__night_lights": {"product": "viirs_monthly", "mask": {"cloud_score": 0.6}}},
        "products.night_lights.mask is a cloud score",
        "Sentinel-2",
    ),
    "cloud score of Landsat": (
        {"products__sentinel2": {"product": "landsat_c2_l2", "mask": {"cloud_score": 0.6}}},
        "products.sentinel2.mask is a cloud score",
        "Sentinel-2",
    ),
    "coverage of optics": (
        {"products__sentinel2__mask": {"min_coverage": 3}},
        "products.sentinel2.mask is a least coverage",
        "night lights",
    ),
    "no coverage": (
        {"products__night_lights": {"product": "viirs_monthly", "mask": {"min_coverage": 0}}},
        "products.night_lights.mask is",
        "{min_coverage: 3}",
    ),
    "unknown step": ({"lights": {"backgrund": "auto"}}, "lights.backgrund", "`background`"),
    "unknown reference": ({"lights": {"reference": "mean"}}, 'lights.reference is "mean"', "offset"),
    "background below zero": ({"lights": {"background": -1}}, "lights.background is -1", "0.3"),
    "background yes": ({"lights": {"background": True}}, "lights.background is true", "auto"),
    "outliers as text": ({"lights": {"outliers": "remove"}}, 'lights.outliers is "remove"', "false"),
    "negative as a number": ({"lights": {"negative": 0}}, "lights.negative is 0", "keep"),
    "reference without a year": (
        {"lights": {"reference": "linear"}, "label_year": ..., "products__labels": ...},
        "lights.reference is linear",
        "label_year: 2015",
    ),
    "unknown way": ({"earth_engine": {"way": "tasks"}}, 'earth_engine.way is "tasks"', "batch"),
    "no task at all": ({"earth_engine": {"most_tasks": 0}}, "earth_engine.most_tasks is 0", "20"),
    "priority": ({"earth_engine": {"priority": 10000}}, "earth_engine.priority is 10000", "100"),
    "workload tag": ({"earth_engine": {"workload_tag": "My Tag"}}, 'workload_tag is "My Tag"', "my-tag"),
    "archive without place": ({"products__sentinel2__archive": {"sign": "planetary_computer"}}, "archive", "path"),
    "unknown signing": (
        {"products__sentinel2__archive": {"url": "https://x", "sign": "s3"}},
        "products.sentinel2.archive.sign",
        "planetary_computer",
    ),
    "cloud cover": ({"products__sentinel2__max_cloud_cover": 180}, "max_cloud_cover is 180", "80"),
    "share": ({"min_valid_share": 25}, "min_valid_share is 25", "0.25"),
    "too many pixels": ({"resolution": 0.5}, "regions[0] (a) at resolution 0.5 is a grid of", "raise resolution"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_names_file_key_and_remedy(mistake):
    changes, found, remedy = MISTAKES[mistake]
    with pytest.raises(FusionError) as caught:
        study_of(changed(**changes), "my.yaml", today=TODAY)
    error = caught.value
    text = str(error)
    assert error.found.startswith("my.yaml")
    assert found in error.found
    assert remedy in error.remedy
    assert error.expected
    assert error.remedy
    assert "pydantic" not in text.lower()
    assert "https://errors" not in text
    assert len(text.splitlines()) <= 25


def test_several_mistakes_are_listed_together_on_one_screen():
    content = changed(resolution="abc", features="optic", name="a|b", season=3, products=[], title=5, nme=1, nmo=2)
    with pytest.raises(FusionError) as caught:
        study_of(content, "my.yaml", today=TODAY)
    text = str(caught.value)
    assert text.startswith("my.yaml has 8 problems")
    for key in ("resolution", "features", "name", "season", "products", "title", "nme", "nmo"):
        assert key in text
    assert len(text.splitlines()) <= 24


def test_mistakes_between_parts_are_listed_together():
    content = changed(label_year=..., working_resolution=300, products__sentinel2__bands=["B8"])
    with pytest.raises(FusionError, match="3 problems"):
        study_of(content, today=TODAY)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name: [x\nregions: 3\n", "line 2"),
        ("name: x\nname: y\n", "line 2"),
        ("\tname: x\n", "line 1"),
        ("- x\n", "holds"),
        ("", "holds"),
        ("resolution: !!int 1x\n", "`1x` is no int"),
        ("name: " + "[" * 1000, "nested too deeply"),
        ("true: b\n", "has the key true, which is no text"),
    ],
)
def test_bad_yaml_names_file_and_place(tmp_path, text, found):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(FusionError) as caught:
        load_study(path)
    assert str(path) in caught.value.found
    assert found in caught.value.found
    assert caught.value.remedy


def test_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(FusionError, match="does not exist") as caught:
        load_study(tmp_path / "none.yaml")
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(FusionError, match="did you mean demo"):
        load_study("dmo")
    with pytest.raises(FusionError, match="is a folder"):
        load_study(f"{tmp_path}/")
    (tmp_path / "latin.yaml").write_bytes(b"name: S\xe3o\n")
    with pytest.raises(FusionError, match="UTF-8"):
        load_study(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2016: a", "the study has the key 2016, which is no text"),
        ("true: a", ", which is no text"),
        ("lights: {1: x}", "lights has the key 1, which is no text"),
    ],
)
def test_keys_that_are_no_text_are_named(tmp_path, line, says):
    path = tmp_path / "my.yaml"
    path.write_text(f"name: my\nregions: [{{name: a, bbox: [84, 27, 85, 28]}}]\nresolution: 1000\n{line}\n")
    with pytest.raises(FusionError) as caught:
        load_study(path)
    assert says in str(caught.value)


def test_a_day_is_read_in_either_spelling_of_the_calendar():
    assert as_date("20160401") == as_date("2016-4-1") == as_date("2016-04-01T10:00:00Z") == dt.date(2016, 4, 1)
    assert as_date("2016W141") is None and as_date("20160401 junk") is None
