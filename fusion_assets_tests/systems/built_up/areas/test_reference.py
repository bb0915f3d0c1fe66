"""The reference sample: what is refused, in which words, and what is made of a good one."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.probability_sample import draw_points
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.study import study_of
from fusion_assets.systems.built_up.areas.reference import read_reference, reference_path, reference_source
from fusion_assets.systems.built_up.areas.reference_checks import checked_reference

GRID = Grid("EPSG:32645", Affine(1000, 0, 500_000, 0, -1000, 3_000_000), 20, 30)
YEARS = (2016, 2017)


def outline():
    west, south, east, north = GRID.bounds
    corners = [(west + 50, south + 50), (east - 50, south + 50), (east - 50, north - 50), (west + 50, north - 50)]
    return shapely.Polygon([to_lonlat(GRID.crs).transform(*corner) for corner in corners])


@pytest.fixture
def table():
    strata = np.where(np.arange(30)[None, :] < 10, 0, 2) * np.ones((20, 1), int)
    points = draw_points(GRID, strata, 120, 0, "built_up")
    return pd.concat([points.assign(year=year, label=(points["x"] < 505_000).astype(int)) for year in YEARS])


def checked(table, **changes):
    chosen = {"region": "here", **changes}
    return checked_reference(table.reset_index(drop=True), "points.csv", GRID, outline(), YEARS, **chosen)


def test_a_good_table_is_placed_on_the_grid(table):
    found = checked(table)
    assert len(found) == 240 and found["inside"].all() and set(found["label"]) == {0, 1}
    x, y = GRID.centres()
    assert (x[found["col"]] == table["x"]).all() and (y[found["row"]] == table["y"]).all()
    assert (found.groupby("place")["year"].nunique() == 2).all()
    assert found.loc[found["year"] == 2016, "weight"].sum() == pytest.approx(600, rel=0.01)


def test_degrees_the_grids_own_pixel_area_and_other_years_will_do(table):
    other = pd.concat([table, table.assign(year=2011)]).drop(columns=["x", "y", "area_km2"])
    one, same = checked(table), checked(other)
    assert (one[["row", "col", "label"]] == same[["row", "col", "label"]]).all().all()
    assert np.allclose(one["weight"], same["weight"])


def test_a_csv_and_a_parquet_are_the_same_table(table, tmp_path):
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "a.parquet")
    assert checked(read_reference(str(tmp_path / "a.csv"))).equals(checked(read_reference(str(tmp_path / "a.parquet"))))


def spoilt(table, column, value, rows=slice(3, 5)):
    table = table.reset_index(drop=True)
    table[column] = table[column].astype(object)
    table.loc[table.index[rows], column] = value
    return table


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.drop(columns=["stratum", "label"]), ["stratum", "label"]),
        (lambda t: t.drop(columns=["x", "lon"]), ["x, y"]),
        (lambda t: t[t["year"] == 2016], ["2017"]),
        (lambda t: spoilt(t, "label", None), ["no label", "2 of 240", "4, 5"]),
        (lambda t: spoilt(t, "label", 2), ["label", "(2)"]),
        (lambda t: spoilt(t, "label", "yes"), ["(yes)"]),
        (lambda t: spoilt(t, "inclusion_probability", 0), ["inclusion probability", "above 0"]),
        (lambda t: spoilt(t, "inclusion_probability", 1.5), ["(1.5)"]),
        (lambda t: spoilt(t, "x", "west"), ["coordinates"]),
        (lambda t: spoilt(t, "stratum", None), ["stratum"]),
        (lambda t: spoilt(t, "stratum", "alone", slice(3, 4)), ["alone (2016)", "two points"]),
        (lambda t: spoilt(t, "x", 700_000.0, slice(3, 4)), ["outside region here", "EPSG:32645"]),
        (lambda t: spoilt(t, "area_km2", 0), ["area_km2"]),
        (lambda t: spoilt(t, "area_km2", -1), ["area_km2", "4 (-1)"]),
        (lambda t: spoilt(t, "area_km2", np.inf), ["area_km2", "finite", "4 (inf)"]),
        (lambda t: spoilt(t, "area_km2", pd.NA).astype({"area_km2": "Float64"}), ["area_km2", "2 of 240", "4 (<NA>)"]),
        (lambda t: spoilt(t, "inclusion_probability", np.nan), ["inclusion probability", "4 (nan)"]),
        (
            lambda t: spoilt(t, "inclusion_probability", pd.NA).astype({"inclusion_probability": "Float64"}),
            ["inclusion probability", "2 of 240"],
        ),
        (lambda t: spoilt(t, "x", np.inf), ["no x", "2 of 240", "4 (inf)"]),
        (lambda t: spoilt(t.drop(columns="x"), "lat", 277.0), ["no lat", "up to 90", "4 (277.0)"]),
        (lambda t: spoilt(t, "year", np.inf), ["year", "4 (inf)"]),
        (lambda t: pd.concat([t, t.iloc[:2]]), ["earlier row", "241, 242"]),
        (lambda t: t.assign(inclusion_probability=0.9), ["stand for 133 km2", "inclusion_probability"]),
        (lambda t: t.assign(region="there"), ["240 of 240", "1 (there)", "expected: here"]),
        (lambda t: spoilt(t.assign(region="here"), "region", None), ["region", "2 of 240", "4 (None)"]),
        (lambda t: spoilt(t, "year", "20l7"), ["year", "2 of 240", "4 (20l7)"]),
        (lambda t: spoilt(t, "year", 2016.5), ["4 (2016.5)"]),
    ],
)  # fmt: skip
def test_what_would_make_the_estimate_wrong_is_refused(table, spoil, words):
    with pytest.raises(FusionError) as caught:
        checked(spoil(table))
    assert "points.csv" in caught.value.found and caught.value.remedy
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("wider", [False, True])
@pytest.mark.parametrize(
    ("column", "value", "stands_for"),
    [
        ("inclusion_probability", 1e-6, "1000000 km2"),
        ("inclusion_probability", "1e-6", "1000000 km2"),
        ("inclusion_probability", 5e-324, "inf km2"),
        ("area_km2", 1e300, "e+30"),
        ("area_km2", 1e6, "3333333 km2"),
    ],
)
def test_one_point_that_stands_for_more_than_the_region_is_refused_and_named(
    table, tmp_path, column, value, stands_for, wider, form
):
    path = str(tmp_path / f"points.{form}")
    table = spoilt(table, column, value, slice(3, 4))
    if column == "inclusion_probability":
        table["area_km2"] = 1.0
    if form == "csv":
        table.to_csv(path, index=False)
    else:
        table.astype({column: str if isinstance(value, str) else float}).to_parquet(path)
    with pytest.raises(FusionError) as caught:
        checked(read_reference(path), wider=wider)
    wanted = ("a point alone stands for more than the region", "row", f"4 (x {table['x'][3]}", "2016", "built_up")
    assert all(word in caught.value.found for word in (*wanted, stands_for)), caught.value.found
    assert "inclusion_probability" in caught.value.remedy


def test_several_regions_need_a_column_that_tells_them_apart(table):
    with pytest.raises(FusionError, match="region"):
        checked(table, regions=("here", "there"))
    both = pd.concat([table.assign(region="here"), table.assign(region="there", x=table["x"] + 90_000)])
    assert (
        checked(both, regions=("here", "there")).drop(columns="stratum").equals(checked(table).drop(columns="stratum"))
    )


def test_a_sample_of_a_wider_area_keeps_what_lies_outside(table):
    table = spoilt(table, "x", 700_000.0, slice(3, 4))
    table["x"] = table["x"].astype(float)
    # Of an archive's own sample nobody asks which region it was drawn for: points belong where they lie.
    for regions in (("here",), ("here", "there")):
        found = checked(table, wider=True, regions=regions)
        assert len(found) == 240 and (~found["inside"]).sum() == 1
    table.loc[table["year"] == 2017, "x"] += 500_000
    with pytest.raises(FusionError, match="no point within region here in 2017"):
        checked(table, wider=True)


def test_names_of_strata_are_text_as_it_is_written(table, tmp_path):
    path = str(tmp_path / "points.csv")
    names = {"built_up": "NA", "near": "01", "rest": "1"}
    table.assign(stratum=table["stratum"].map(names)).to_csv(path, index=False)
    found = checked(read_reference(path))
    assert sorted(found["stratum"].unique()) == sorted({names[name] for name in table["stratum"]})
    spoilt(table, "stratum", " ", slice(3, 4)).to_csv(path, index=False)
    with pytest.raises(FusionError, match="no stratum, in 1 of"):
        checked(read_reference(path))


@pytest.mark.parametrize("decimal", [".", ","])
def test_a_table_that_is_not_separated_by_commas_is_told_to_be(table, tmp_path, decimal):
    path = str(tmp_path / "points.csv")
    table.to_csv(path, index=False, sep=";", decimal=decimal)
    with pytest.raises(FusionError, match="separated by commas"):
        read_reference(path)


def test_where_the_archives_own_sample_lies(tmp_path):
    assert reference_path("archive", "/a/catalog.json") == "/a/reference_sample.csv"
    assert reference_path("/b/mine.csv", "/a/catalog.json") == "/b/mine.csv"
    with pytest.raises(FusionError, match="catalog"):
        reference_path("archive", "https://example.org/stac/v1")
    with pytest.raises(FusionError, match="fusion sample"):
        read_reference(str(tmp_path / "gone.csv"))


def test_a_sample_is_known_by_name_and_content_without_folders_and_credentials(tmp_path):
    (tmp_path / "mine.csv").write_text("x,y\n")
    first = reference_source(str(tmp_path / "mine.csv"), "/a/catalog.json")
    assert first["source"] == "mine.csv" and len(first["digest"]) == 12
    (tmp_path / "mine.csv").write_text("x,y\n1,2\n")
    assert reference_source(str(tmp_path / "mine.csv"), "/a/catalog.json")["digest"] != first["digest"]
    (tmp_path / "reference_sample.csv").write_text("x,y\n1,2\n")
    assert reference_source("archive", str(tmp_path / "catalog.json"))["source"] == "archive"
    far = reference_source("https://me:secret@example.org/a.csv?token=secret", "/a/catalog.json")
    assert far["source"] == "https://example.org/a.csv" and "secret" not in far["digest"]
    assert reference_source(None, "/a/catalog.json") == {}


def test_a_spreadsheet_under_the_name_of_a_table_is_told_what_it_should_be(tmp_path):
    for name in ("points.csv", "points.parquet"):
        (tmp_path / name).write_bytes(b"PK\x03\x04\x14\x00\x06\x00\xff\xfe,a\n\x9d")
        with pytest.raises(FusionError, match=r"CSV .* or Parquet"):
            read_reference(str(tmp_path / name))


def study(**changes):
    content = {
        "name": "small",
        "regions": [{"name": "here", "bbox": [84.4, 27.6, 84.5, 27.7]}],
        "resolution": 1000,
        "label_year": 2015,
        "prediction_years": [2016],
        "products": {"night_lights": "viirs_monthly", "labels": "ghsl_smod_p2016"},
        "features": "lights",
    }
    return {**content, **changes}


def test_a_study_names_its_sample_relative_to_its_file_and_pixels_do_not_depend_on_it(tmp_path):
    named = study_of(study(reference_sample="points.csv"), folder=tmp_path)
    assert named.reference_sample == str(tmp_path / "points.csv")
    assert study_of(study(reference_sample="archive")).reference_sample == "archive"
    assert named.digest() == study_of(study()).digest()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference_sample": 5}, "5"),
        ({"reference_sample": "points.shp"}, "points.shp"),
        (
            {"reference_sample": "points.csv", "label_year": None, "products": {"night_lights": "viirs_monthly"}},
            "labels",
        ),
    ],
)
def test_a_sample_that_cannot_be_one_is_refused_with_the_study(changes, words):
    with pytest.raises(FusionError, match="reference_sample") as caught:
        study_of(study(**changes))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text.replace("\n", ",1\n").replace(",1\n", "\n", 1), "more values than the header"),
        (lambda text: text.replace("label", "label,label", 1), "there twice"),
        (lambda text: "a," * 2000 + text, "columns"),
        (lambda text: "", "cannot be read"),
        (lambda text: text + "1," * 60_000, "a line of"),
    ],
)
def test_a_csv_whose_rows_do_not_fit_its_header_is_refused(table, tmp_path, spoil, words):
    path = tmp_path / "a.csv"
    path.write_text(spoil(table.to_csv(index=False)))
    with pytest.raises(FusionError, match=words):
        checked(read_reference(str(path)))


def test_true_is_a_label_and_no_probability(table):
    assert checked(table.assign(label=table["label"] == 1))["label"].equals(checked(table)["label"])
    with pytest.raises(FusionError, match="inclusion probability"):
        checked(table.assign(inclusion_probability=True))


@pytest.mark.parametrize("name", ["pipe.csv", "zero.csv", "pipe.parquet"])
def test_a_sample_is_a_file(tmp_path, name):
    (tmp_path / name).symlink_to("/dev/zero") if name.startswith("zero") else os.mkfifo(tmp_path / name)
    with pytest.raises(FusionError):
        read_reference(str(tmp_path / name))
    assert len(reference_source(str(tmp_path / name), "catalog.json")["digest"]) == 12


def test_a_parquet_file_that_holds_more_than_its_size_is_not_unpacked(tmp_path):
    names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(900_000, np.int8)), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"stratum": names}), tmp_path / "a.parquet")
    with pytest.raises(FusionError, match="200 bytes"):
        read_reference(str(tmp_path / "a.parquet"))
    pq.write_table(pa.table({"x": np.zeros(1_000_001)}), tmp_path / "b.parquet")
    with pytest.raises(FusionError, match="rows"):
        read_reference(str(tmp_path / "b.parquet"))
