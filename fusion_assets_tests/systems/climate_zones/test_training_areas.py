import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.climate_zones.training_areas import labelled_cells, training_areas
from fusion_assets_tests.systems.climate_zones.test_kml import document, placemark, polygon

STEP = 0.01
BOW = shapely.Polygon([(0, 0), (STEP, STEP), (STEP, 0), (0, STEP)])


def box(column, width=1.0, row=0):
    """Squares of about a kilometre on the equator, side by side."""
    return shapely.box(column * STEP, row * STEP, (column + width) * STEP, (row + 1) * STEP)


def write(path, zones, shapes=None, name="lcz", crs=4326, **columns):
    shapes = [box(2 * number) for number in range(len(zones))] if shapes is None else shapes
    frame = gpd.GeoDataFrame({name: zones} | columns, geometry=list(shapes), crs=4326).to_crs(crs)
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_file(path)
    return path


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson", ".parquet"])
def test_every_format_with_its_licences_and_authors(tmp_path, ending):
    path = write(
        tmp_path / f"a{ending}",
        ["LCZ 3", "A", "107", "4"],
        license=["CC BY", None, "CC BY", " "],
        author=["Ada", "Ben", None, "Ada"],
    )
    areas, document_ = training_areas(path)
    assert list(areas["label"]) == [2, 10, 16, 3]
    assert list(areas["author"]) == ["Ada", "Ben", "not stated", "Ada"]
    assert document_["licences"] == {"CC BY": 2, "not stated": 2}
    assert document_["zones"] == {"3": 1, "4": 1, "A": 1, "G": 1}
    assert areas.crs == "EPSG:4326" and areas["block"].nunique() == 4


def test_polygons_of_wudapt(tmp_path):
    columns = {"license": ["CC BY-SA"] * 5, "submission_id": list("aabbc"), "area": [1.0] * 5}
    areas, document_ = training_areas(write(tmp_path / "a.parquet", [2, 18, 19, 18, 11], name="class", **columns))
    assert list(areas["label"]) == [1, 10]
    assert document_["dropped"] == {"18": 2, "19": 1}
    assert document_["authors"] == {"a": 1, "c": 1} and document_["column"] == "class"


def test_other_crs_and_columns(tmp_path):
    areas, _ = training_areas(write(tmp_path / "a.gpkg", [5], name="gridcode", crs=32631), column="GridCode")
    assert areas.geometry[0].symmetric_difference(box(0)).area < 1e-3 * box(0).area
    with pytest.raises(FusionError, match="columns gridcode"):
        training_areas(tmp_path / "a.gpkg")
    with pytest.raises(FusionError, match="did you mean gridcode"):
        training_areas(tmp_path / "a.gpkg", column="gridcod")


def test_zones_of_kml_by_name_folder_and_data(tmp_path):
    data = '<ExtendedData><Data name="LCZ"><value>E</value></Data></ExtendedData>'
    shapes = [polygon(f"{west},1 {west + 0.01},1 {west + 0.01},1.01 {west},1") for west in (1, 2, 3, 4)]
    body = (
        f"<name>A city</name><Folder><name>LCZ 3 - Compact low-rise</name>{placemark('Untitled', shapes[0])}"
        f"{placemark('3', shapes[1])}</Folder>{placemark('Open midrise', shapes[2])}{placemark('x', shapes[3], data)}"
        f"{placemark('a pin', '<Point><coordinates>1,1</coordinates></Point>')}"
    )
    path = tmp_path / "a.kml"
    path.write_text(document(body))
    areas, document_ = training_areas(path)
    assert list(areas["label"]) == [2, 2, 4, 14]
    assert document_["no_polygon"] == 1
    with pytest.raises(FusionError, match="placemark 1 "):
        training_areas(path, column="lcz")


def test_a_placemark_of_two_zones_is_refused(tmp_path):
    path = tmp_path / "a.kml"
    path.write_text(document(f"<Folder><name>LCZ 3</name>{placemark('1')}</Folder>"))
    with pytest.raises(FusionError, match=r"placemark 1 .*'1' and 'LCZ 3'"):
        training_areas(path)
    assert [training_areas(path, column=where)[0]["label"][0] for where in ("name", "folder")] == [0, 2]


@pytest.mark.parametrize("zones", [[0, 1], ["3", "forest"], ["3", None], [3, 2.5]])
def test_unknown_zones_are_refused_by_name(tmp_path, zones):
    with pytest.raises(FusionError, match=r"1 area of unknown zones: row [12]:") as caught:
        training_areas(write(tmp_path / "a.gpkg", zones))
    assert "never from 0" in caught.value.expected


def test_overlaps_of_different_zones_are_taken_from_both(tmp_path):
    shapes = [box(0), box(0.5), box(4), box(4.25), box(8), box(8.2, 0.1)]
    areas, document_ = training_areas(write(tmp_path / "a.gpkg", [1, 2, 3, 3, 5, 6], shapes))
    whole = box(0).area
    assert list(areas["label"]) == [0, 1, 2, 2, 4]
    assert np.allclose(shapely.area(areas.geometry.to_numpy()) / whole, [0.5, 0.5, 1, 1, 0.9])
    overlaps = document_["overlaps"]
    assert overlaps["pairs"] == 2 and overlaps["vanished"] == ["row 6"]
    assert overlaps["km2"] == pytest.approx(0.6 * 1.2308, rel=1e-3)
    block = list(areas["block"])
    assert block[0] == block[1] != block[2] == block[3] != block[4]


def test_three_zones_on_the_same_ground_leave_nothing(tmp_path):
    with pytest.raises(FusionError, match="nothing is left"):
        training_areas(write(tmp_path / "a.gpkg", [1, 2, 3], [box(0)] * 3))


def test_neighbours_that_only_touch_are_blocks_of_their_own(tmp_path):
    areas, document_ = training_areas(write(tmp_path / "a.gpkg", [1, 2, 2], [box(0), box(1), box(2)]))
    assert document_["overlaps"] == {"pairs": 0, "km2": 0.0, "vanished": []}
    assert areas["block"].nunique() == 3


def test_invalid_polygons_are_repaired_and_named(tmp_path):
    areas, document_ = training_areas(write(tmp_path / "a.gpkg", [1, 2], [BOW, box(4)]))
    assert document_["repaired"] == ["row 1"]
    assert areas.geometry.is_valid.all() and areas.geometry[0].area == pytest.approx(STEP**2 / 2)


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        (shapely.Point(0, 0), "row 2 is a Point"),
        (shapely.Polygon([(0, 0), (1, 1), (0, 0)]), "row 2 encloses nothing"),
        (shapely.box(0, 89, 1, 91), "row 2 does not lie on the globe"),
        (shapely.box(-179, 0, 179, 1), "row 2 crosses the antimeridian"),
        (None, "row 2 has no polygon"),
    ],
)
def test_what_is_no_area_is_refused_by_name(tmp_path, shape, found):
    with pytest.raises(FusionError, match=found):
        training_areas(write(tmp_path / "a.gpkg", [1, 2], [box(0), shape]))


def test_files_that_are_none(tmp_path):
    for name, found in (("a.gpkg", "No such file"), ("a.csv", "a.csv")):
        with pytest.raises(FusionError, match=found):
            training_areas(tmp_path / name)
    with pytest.raises(FusionError, match="1 of 1 are of classes 18 and 19"):
        training_areas(write(tmp_path / "b.gpkg", [18]))


GRID = Grid("EPSG:32631", Affine(100, 0, 166_000, 0, -100, 5000), 60, 100)


def areas_of(*rows):
    frame = pd.DataFrame(rows, columns=["label", "block", "geometry"])
    return gpd.GeoDataFrame(frame, crs=4326)


def test_cells_whose_centre_lies_in_an_area():
    areas = areas_of((4, 0, box(0)), (6, 1, box(2)), (4, 0, box(0.5)), (9, 2, box(3, 0.01)))
    cells = labelled_cells(areas, GRID)
    assert not cells.duplicated(["row", "col"]).any()
    lon, lat = (band[cells["row"], cells["col"]] for band in GRID.lonlat())
    for number, shape in enumerate(areas.geometry):
        covered = shapely.contains_xy(shape, lon, lat)
        assert covered[cells["area"] == number].all()
    assert (cells["area"] == 0).sum() == GRID.inside(box(0)).sum() > 100
    assert (cells["area"] == 2).sum() == GRID.inside(box(0.5)).sum() - GRID.inside(box(0.5, 0.5)).sum()
    assert not (cells["area"] == 3).any()
    assert (cells["label"] == areas["label"].to_numpy()[cells["area"]]).all()
    x, y = GRID.centres()
    assert (cells["x"] == x[cells["col"]]).all() and (cells["y"] == y[cells["row"]]).all()


def test_areas_elsewhere_label_nothing():
    with pytest.raises(FusionError, match="none of the 1 training areas"):
        labelled_cells(areas_of((4, 0, box(50))), GRID)


@pytest.mark.parametrize("elsewhere", [(150, 0), (93, -1), (-177.2, 0), (0, 89.9)])
def test_areas_on_the_other_side_of_the_globe_do_not_disturb(elsewhere):
    far = shapely.box(*elsewhere, elsewhere[0] + 0.1, elsewhere[1] + 0.1)
    alone = labelled_cells(areas_of((4, 0, box(0))), GRID)
    both = labelled_cells(areas_of((9, 1, far), (4, 0, box(0))), GRID)
    assert (both["label"] == 4).all() and len(both) == len(alone)
