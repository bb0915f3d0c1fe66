"""Reading a study's YAML: what a person wrote is what is read."""

import codecs
import json

import pytest
import yaml

from fusion_assets.errors import FusionError
from fusion_assets.study import load_study
from fusion_assets.study.file import read_yaml
from fusion_assets_tests.study.samples import changed, region

SQUARE = {"type": "Polygon", "coordinates": [[[84, 27], [85, 27], [85, 28], [84, 28], [84, 27]]]}
NO_PLACE = {"type": "Feature", "properties": {}, "geometry": None}


@pytest.mark.parametrize(
    "text",
    ["NO", "no", "yes", "on", "Off", "y", "N", "0123", "00", "0o17", "0x1F", "0b1", "12:30", "190:20:30", "1_000",
     "2019-01-01", "2019-1-1 10:00:00", "1.2.3", "=", "e5", "nano", "True1", "-", "1e", "+.e3"],
)  # fmt: skip
def test_what_looks_like_text_is_text(text, tmp_path):
    (tmp_path / "x.yaml").write_text(f"name: {text}\n" if text != "-" else "name: '-'\n")
    assert read_yaml(tmp_path / "x.yaml") == {"name": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("2016", 2016), ("-5", -5), ("+5", 5), ("0", 0), ("0.25", 0.25), ("1e-4", 1e-4), ("1E3", 1e3), (".5", 0.5),
     ("5.", 5.0), ("-1.5e+2", -150.0), ("084.5", 84.5), (".inf", float("inf")), ("true", True), ("False", False),
     ("null", None), ("~", None), ("", None), ("'0123'", "0123"), ('"true"', "true")],
)  # fmt: skip
def test_numbers_truth_and_nothing(text, value, tmp_path):
    (tmp_path / "x.yaml").write_text(f"key: {text}\n")
    found = read_yaml(tmp_path / "x.yaml")["key"]
    assert found == value and type(found) is type(value)


def test_years_are_keys(tmp_path):
    (tmp_path / "x.yaml").write_text("a: {2016: [2016-04-01, 2016-9-30], '2017': x}\n")
    assert read_yaml(tmp_path / "x.yaml")["a"] == {2016: ["2016-04-01", "2016-9-30"], "2017": "x"}


def test_a_study_whose_names_are_words_and_numbers_of_yaml(tmp_path):
    names = changed(name="STUDY", regions=[*region(name="COUNTRY"), *region(name="CODE")])
    text = yaml.safe_dump(names).replace("COUNTRY", "NO").replace("CODE", "0123").replace("STUDY", "on")
    (tmp_path / "x.yaml").write_text(text)
    study = load_study(tmp_path / "x.yaml")
    assert (study.name, *(area.name for area in study.regions)) == ("on", "NO", "0123")


@pytest.mark.parametrize("day", ["2016-04-01", "2016-4-1", "2016-04-01T10:30:00Z", "'2016-04-01'"])
def test_days_of_windows_in_every_spelling(day, tmp_path):
    text = yaml.safe_dump(changed(products__sentinel2__windows={2016: ["DAY", "DAY"]})).replace("DAY", day)
    (tmp_path / "x.yaml").write_text(text)
    first, last = load_study(tmp_path / "x.yaml").window("sentinel2", 2016)
    assert str(first) == str(last) == "2016-04-01"


@pytest.mark.parametrize("spelling", ["yes", "on", "true", "True"])
def test_switches_may_still_be_words(spelling, tmp_path):
    optics = {"product": "sentinel2_l2a", "allow_deprecated": "SWITCH"}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(changed(products__sentinel2=optics)).replace("SWITCH", spelling))
    assert load_study(tmp_path / "x.yaml").use("sentinel2").allow_deprecated is True


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_windows_editors(encoding, tmp_path):
    (tmp_path / "r.geojson").write_bytes(json.dumps(SQUARE).encode(encoding))
    content = changed(regions=region(bbox=..., geometry="r.geojson"), title="Ourém")
    (tmp_path / "x.yaml").write_bytes(yaml.safe_dump(content, allow_unicode=True).encode(encoding))
    study = load_study(tmp_path / "x.yaml")
    assert study.title == "Ourém" and study.polygon("a").bounds == (84, 27, 85, 28)


def test_a_damaged_encoding_is_named(tmp_path):
    (tmp_path / "x.yaml").write_bytes(codecs.BOM_UTF16_LE + b"n\x00a")
    with pytest.raises(FusionError, match="UTF-8"):
        load_study(tmp_path / "x.yaml")


def outline(content, tmp_path):
    (tmp_path / "r.geojson").write_text(json.dumps(content))
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(changed(regions=region(bbox=..., geometry="r.geojson"))))
    return load_study(tmp_path / "x.yaml").polygon("a").bounds


def collection(*features, **more):
    return {"type": "FeatureCollection", "features": list(features), **more}


def test_features_without_a_place_are_left_out(tmp_path):
    assert outline(collection(NO_PLACE, {"type": "Feature", "geometry": SQUARE}, NO_PLACE), tmp_path)[0] == 84


def test_collections_are_opened(tmp_path):
    nested = {"type": "GeometryCollection", "geometries": [SQUARE, {"type": "GeometryCollection", "geometries": []}]}
    assert outline({"type": "Feature", "geometry": nested}, tmp_path) == (84, 27, 85, 28)


@pytest.mark.parametrize(
    "name",
    ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4326", "OGC:CRS84", "EPSG:4979", None],
)
def test_degrees_of_wgs84_are_longitude_then_latitude_by_any_name(name, tmp_path):
    crs = None if name is None else {"type": "name", "properties": {"name": name}}
    assert outline(collection({"type": "Feature", "geometry": SQUARE}, crs=crs), tmp_path) == (84, 27, 85, 28)


@pytest.mark.parametrize("name", ["EPSG:3857", "urn:ogc:def:crs:EPSG::32645", "EPSG:4258", "my grid", 7, {}])
def test_another_system_is_refused_with_the_command_that_reprojects(name, tmp_path):
    crs = {"type": "name", "properties": {"name": name}}
    with pytest.raises(FusionError) as caught:
        outline(collection({"type": "Feature", "geometry": SQUARE}, crs=crs), tmp_path)
    assert str(name) in caught.value.found
    assert "ogr2ogr -t_srs EPSG:4326 degrees.geojson r.geojson" in caught.value.remedy
