"""Areas from a file: mistakes name the option and the row."""

import geopandas as gpd
import pytest
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.study.areas import areas_from_file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


BOXES = (shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1))


def write(path, names=("São Paulo", "b"), shapes=BOXES, **options):
    gpd.GeoDataFrame({"N": names}, geometry=list(shapes), crs=4326).to_file(path, **options)


def test_names_outlines_and_layers(folder):
    write("a.gpkg")
    areas = areas_from_file("a.gpkg", "N")
    assert [(area.name, area.called) for area in areas] == [("São_Paulo", "São Paulo"), ("b", "b")]
    assert areas[1].polygon.equals(BOXES[1])
    write("a.gpkg", names=("c", "d"), layer="other")
    assert [area.name for area in areas_from_file("a.gpkg", "N", "other")] == ["c", "d"]
    with pytest.raises(FusionError, match="other"):
        areas_from_file("a.gpkg", "N")


BOW = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"names": ("same", "same")}, "rows 1, 2 .* called"),
        ({"names": ("a", None)}, "row 2 .* no letter or digit"),
        ({"shapes": (BOXES[0], None)}, "row 2 .* no outline"),
        ({"shapes": (BOW, BOXES[1])}, "row 1 .* not a valid polygon"),
        ({"shapes": (shapely.Point(0, 0), BOXES[1])}, "row 1"),
    ],
)
def test_mistakes_name_the_row(folder, changes, found):
    write("a.gpkg", **changes)
    with pytest.raises(FusionError, match=f"--areas.*{found}"):
        areas_from_file("a.gpkg", "N")


@pytest.mark.parametrize(
    ("file", "found", "remedy"),
    [
        ("b.gpkg", "no file b.gpkg", "did you mean a.gpkg"),
        ("nowhere/b.gpkg", "no file nowhere/b.gpkg", "relative to where you are"),
        ("https://example.com/a.gpkg", "https://example.com/a.gpkg", "download the file"),
        ("a.kml", "a.kml", "ogr2ogr"),
    ],
)
def test_files_that_are_none(folder, file, found, remedy):
    write("a.gpkg")
    (folder / "a.kml").write_text("<kml/>")
    with pytest.raises(FusionError) as caught:
        areas_from_file(file, "N")
    assert found in caught.value.found and remedy in caught.value.remedy
