"""What is long, deep, endless or odd in a study: refused soon, in words, before it is looked at."""

import os
import time

import numpy as np
import pytest
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.study import load_study, study_of
from fusion_assets.study.file import find_study, read_yaml
from fusion_assets.study.outline_limits import LIMITS, OutlineEffort
from fusion_assets.study.plain_yaml import MOST_NODES
from fusion_assets_tests.study.samples import TODAY, changed, region
from fusion_assets_tests.whole_studies import study_of as whole_study_of


def refused(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(FusionError) as caught:
        read_yaml(tmp_path / "x.yaml")
    return str(caught.value)


def test_aliases_repeat_what_they_name_and_no_more(tmp_path):
    (tmp_path / "x.yaml").write_text("a: &a [1, 2]\nb: [*a, *a]\n")
    assert read_yaml(tmp_path / "x.yaml") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert str(MOST_NODES) in refused(tmp_path, "\n".join(lines))
    assert "`*a` stands within" in refused(tmp_path, "a: &a {b: *a}")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('!!int ""', "no int"), ("!!int 0x" + "f" * 4300, "no int"),
        ('!!float ""', "no float"),
        ("!!bool x", "no bool"), ("!!int [a]", "scalar"), ("!!set {a, b}", "tag"), ("!!binary x", "tag"),
        ("!!python/name:os.system", "tag"),
        ("9" * 4300, "4300 digits"), ("[" * 500, "nested too deeply"), ("[" * 100_000, "nested too deeply"),
        ('"\\ud800"', "Unicode"), ('"\\x1b[2J"', "control character"), ("{.nan: 1}", "no text"),
        ("{? [a] : b}", "no text"), ('{!!merge "<<": {a: b}}', "tag"),
    ],
)  # fmt: skip
def test_odd_values_are_named_with_their_place(tmp_path, value, words):
    text = refused(tmp_path, f"x: {value}\n")
    assert words in text and "line 1" in text


def test_tags_say_what_is_written(tmp_path):
    (tmp_path / "x.yaml").write_text("a: !!str 1\nb: !!int '5'\nc: !!float 5\nd: !!timestamp 2016-01-01\n")
    assert read_yaml(tmp_path / "x.yaml") == {"a": "1", "b": 5, "c": 5.0, "d": "2016-01-01"}


def test_a_long_file_is_not_read(tmp_path):
    with open(tmp_path / "x.yaml", "wb") as file:
        file.truncate(10**11)
    with pytest.raises(FusionError, match="MB"):
        load_study(tmp_path / "x.yaml")


def test_a_study_is_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in (tmp_path / "pipe.yaml", "/dev/zero", "~nosuchuser/x.yaml", "a" * 5000, "a\0b", "a" * 5000 + ".yaml"):
        with pytest.raises(FusionError):
            find_study(name)


def outline(tmp_path, geometry):
    (tmp_path / "r.geojson").write_text(shapely.to_geojson(geometry))
    return study_of(changed(regions=region(bbox=..., geometry="r.geojson")), folder=tmp_path)


def ring(radius):
    turn = 2 * np.pi * np.arange(len(radius)) / len(radius)
    return shapely.Polygon(np.c_[84.5 + radius * np.cos(turn), 27.5 + radius * np.sin(turn)])


def test_a_long_coast_is_read_in_a_moment(tmp_path):
    coast = ring(0.4 + 0.002 * np.random.default_rng(0).random(100_000))
    start = time.process_time()
    assert outline(tmp_path, coast).grid("a").height > 80
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (ring(np.full(60_000, 0.4)), "vertices"),
        (ring(0.01 + 0.05 * (np.arange(40_000) % 2)), "pairs of edges"),
        (ring(0.01 + 0.45 * (np.arange(50_000) % 2)), "degrees of edges"),
        (shapely.MultiPolygon([shapely.box(x, 27, x + 1e-4, 27.1) for x in np.linspace(84, 85, 101)]), "rings"),
    ],
    ids=["vertices", "pairs", "degrees", "rings"],
)
def test_an_outline_that_takes_long_is_refused_before(tmp_path, monkeypatch, geometry, words):
    for what, most in (("vertices", 50_001), ("rings", 100)):
        monkeypatch.setitem(LIMITS, what, (most, "simplify it"))
    start = time.process_time()
    with pytest.raises(FusionError, match=words):
        outline(tmp_path, geometry)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", ["/dev/zero", "pipe.geojson", "~nosuchuser/r.geojson", "circle.geojson", "a\0b"])
def test_an_outline_is_a_file(tmp_path, name):
    os.mkfifo(tmp_path / "pipe.geojson")
    (tmp_path / "circle.geojson").symlink_to("circle.geojson")
    with pytest.raises(FusionError, match="geometry"):
        study_of(changed(regions=region(bbox=..., geometry=name)), folder=tmp_path)


@pytest.mark.parametrize("corner", ["true", '"84"', "null", "NaN"])
def test_corners_are_numbers(tmp_path, corner):
    (tmp_path / "r.geojson").write_text(
        f'{{"type": "Polygon", "coordinates": [[[84, 27], [85, 27], [85, 28], [{corner}, 28], [84, 27]]]}}'
    )
    with pytest.raises(FusionError, match="geometry"):
        study_of(changed(regions=region(bbox=..., geometry="r.geojson")), folder=tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resolution": 5e-324}, "no grid"),
        ({"resolution": 1e308}, "resolution"),
        ({"ndvi": {"resolution": 5e-324}}, "ndvi.resolution"),
        ({"label_year": "２０１５"}, "label_year"),
        ({"label_year": "2_015"}, "label_year"),
        ({"season": {"start": "٠٧-٠١", "end": "12-31"}}, "season"),
        ({"name": "\U00010330" * 64}, "name"),
        ({"products__sentinel2__windows": {2016: ["0001-01-01", "0001-02-01"]}}, "windows"),
        ({"products__sentinel2__windows": {2016: ["9999-01-01", "9999-12-31"]}}, "windows"),
        ({"products__sentinel2__allow_deprecated": 1}, "allow_deprecated"),
        ({"products__sentinel2__mask": {"classes": [10**17]}}, "mask"),
        ({"products__sentinel2__archive": {"path": "~nosuchuser/catalog.json"}}, "archive"),
        ({"reference_sample": "~nosuchuser/points.csv"}, "reference_sample"),
        ({"reference_sample": "a\0b.csv"}, "reference_sample"),
        ({"min_valid_share": True}, "min_valid_share"),
        ({"regions": region() * 5001}, "5000 regions"),
        ({"regions": region(crs="IAU_2015:30110")}, "of the Earth"),
        ({"regions": region(crs="+proj=utm +zone=45 +nadgrids=/dev/zero")}, "crs"),
        (
            {"regions": [region(name=f"r{n}")[0] for n in range(1000)], "prediction_years": {"from": 1975, "to": 2025}},
            "partitions",
        ),
    ],
)
def test_values_that_nobody_meant(changes, words):
    with pytest.raises(FusionError) as caught:
        whole_study_of(changed(**changes), today=TODAY)
    assert words in str(caught.value) and len(str(caught.value)) < 5000


def test_what_nobody_foresaw_is_named_and_reported(monkeypatch):
    monkeypatch.setattr("fusion_assets.study.problems_in", lambda *_: 1 / 0)
    with pytest.raises(FusionError, match="ZeroDivisionError") as caught:
        study_of(changed(), "my.yaml", today=TODAY)
    assert "my.yaml" in caught.value.found and "report" in caught.value.remedy


def test_systems_are_asked_for_once_and_not_without_end():
    asked = []
    effort = OutlineEffort()
    for _ in range(3):
        assert effort.of_crs(asked.append, "EPSG:32645") is None
    assert asked == ["EPSG:32645"]
    with pytest.raises(ValueError, match="no codes"):
        for number in range(100):
            effort.of_crs(asked.append, f"my system {number}")
    assert len(asked) < 10


def test_another_file_is_told_from_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "districts.gpkg").write_bytes(b"")
    with pytest.raises(FusionError, match=r"'districts\.gpkg' is a file, but no study"):
        find_study("districts.gpkg")
