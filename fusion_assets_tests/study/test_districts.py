"""Regions from a file of districts: the same from every format; every mistake names the district."""

import json
import os
import subprocess
import sys
import time

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
import yaml

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.partitions import partitions_for
from fusion_assets.study import load_study, outline_limits, study_of
from fusion_assets.study.names import is_name, name_like
from fusion_assets_tests.study.samples import TODAY, changed
from fusion_assets_tests.study.test_mistakes import ORTHO

NAMES = ["Łódź", "São Paulo", "北京"]
SAFE = ["Łódź", "São_Paulo", "北京"]
SHAPES = [
    shapely.Polygon([(19, 51), (19.2, 51), (19.2, 51.2), (19, 51.2)], [[(19.1, 51.1), (19.1, 51.15), (19.15, 51.15)]]),
    shapely.box(19.2, 51, 19.4, 51.2),
    shapely.MultiPolygon([shapely.box(19.4, 51, 19.5, 51.1), shapely.box(19.45, 51.15, 19.6, 51.2)]),
]
FILES = ("d.gpkg", "d.shp", "d.geojson", "d.parquet")


def districts(names=NAMES, shapes=SHAPES, crs="EPSG:4326", **columns):
    return gpd.GeoDataFrame({"区名": names, **columns}, geometry=list(shapes), crs=crs)


def write(frame, path, **options):
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_file(path, **options)


def study_at(folder, file="d.gpkg", **more):
    return study_of(changed(regions={"file": file, "name": "区名", **more}), "s.yaml", folder, TODAY)


def refusal(folder, file="d.gpkg", **more):
    with pytest.raises(FusionError) as caught:
        study_at(folder, file, **more)
    return str(caught.value)


def test_every_format_gives_the_regions_that_stand_in_a_study(tmp_path):
    inline = [
        {"name": name, "geometry": shapely.geometry.mapping(shape)} for name, shape in zip(SAFE, SHAPES, strict=True)
    ]
    expected = study_of(changed(regions=inline), today=TODAY)
    for file in FILES:
        write(districts(), tmp_path / file)
        (tmp_path / "s.yaml").write_text(
            yaml.safe_dump(changed(regions={"file": file, "name": "区名"}), allow_unicode=True), encoding="utf-8"
        )
        study = load_study(tmp_path / "s.yaml", TODAY)
        assert [region.name for region in study.regions] == SAFE, file
        assert [region.title for region in study.regions] == NAMES
        assert study.digest() == expected.digest() and study.digest("regions.北京") == expected.digest("regions.北京")
        keys = partitions_for(study).every_year.get_partition_keys()
        assert {f"{name}|2016" for name in SAFE} <= set(keys)


def test_no_digest_depends_on_a_title(tmp_path):
    with_title, without = ({"name": "a", "bbox": [84, 27, 85, 28]} | more for more in ({"title": "Á b/c"}, {}))
    one, other = (study_of(changed(regions=[each]), today=TODAY) for each in (with_title, without))
    assert one.digest() == other.digest() and one.regions[0].called == "Á b/c" and other.regions[0].called == "a"


@pytest.mark.parametrize("file", ["d.gpkg", "d.shp", "d.parquet"])
@pytest.mark.parametrize("crs", ["EPSG:2180", "EPSG:3857", "EPSG:4258"])
def test_outlines_are_brought_to_degrees(tmp_path, file, crs):
    write(districts().to_crs(crs), tmp_path / file)
    for region, shape in zip(study_at(tmp_path, file).regions, SHAPES, strict=True):
        # Edges that were straight in degrees, and are straight on the map now, bend by some 50 m here.
        assert region.polygon.symmetric_difference(shape).area < 0.01 * shape.area
        corners = shapely.MultiPoint(shapely.get_coordinates(shape))
        assert shapely.hausdorff_distance(corners, shapely.MultiPoint(
            [point for point in shapely.get_parts(shapely.MultiPoint(shapely.get_coordinates(region.polygon)))
             if point.distance(corners) < 1e-4])) < 1e-7  # fmt: skip


def test_an_edge_straight_on_the_map_stays_where_it_is(tmp_path):
    square = shapely.box(300_000, 6_000_000, 450_000, 6_100_000)
    write(districts(["a"], [square], "EPSG:32634"), tmp_path / "d.gpkg")
    outline = study_at(tmp_path).regions[0].polygon
    back = gpd.GeoSeries([outline.segmentize(0.01)], crs=4326).to_crs("EPSG:32634").iloc[0]
    assert shapely.hausdorff_distance(back, square.segmentize(1000)) < 600
    assert back.symmetric_difference(square).area < square.length * 3


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("São Paulo", "São_Paulo"), ("Sa\u0303o Paulo", "São_Paulo"), ("A/B (north)", "A_B_north"),
        ("  Val-d'Oise ", "Val-d_Oise"), ("..x..", "x"), ("काठमाडौं", "काठमाडौं"), ("नेपाल\u200dगंज", "नेपालगंज"),
        ("_1|2_", "1_2"), ("---", ""), ("", ""), ("x" * 90, "x" * 64), ("北" * 90, "北" * 64), ("𠮷" * 60, "𠮷" * 50),
    ],
)  # fmt: skip
def test_names_of_people_become_names_of_folders(text, name):
    assert name_like(text) == name and (is_name(name) or not name)


def test_names_that_are_no_text_and_the_crs_of_all(tmp_path):
    write(districts([7, 8, 9], crs="EPSG:4326"), tmp_path / "d.gpkg")
    study = study_at(tmp_path, crs="EPSG:2180")
    assert [(region.name, region.crs) for region in study.regions] == [(n, "EPSG:2180") for n in ("7", "8", "9")]
    write(districts([7, 8, None]), tmp_path / "e.geojson")
    assert "row 3 of e.geojson (without a name)" in refusal(tmp_path, "e.geojson")
    write(districts([7.5, 8, 9]), tmp_path / "f.gpkg")
    assert "holds 7.5 in row 1" in refusal(tmp_path, "f.gpkg")


def test_some_districts_are_chosen(tmp_path):
    for file in FILES:
        write(districts(state=["a", "a", "b"], code=[1, 2, 3]), tmp_path / file)
        assert [region.name for region in study_at(tmp_path, file, where={"state": "a"}).regions] == SAFE[:2]
        both = study_at(tmp_path, file, where={"state": ["a", "b"], "code": [2, 3]})
        assert [region.name for region in both.regions] == SAFE[1:]
        assert "did you mean São Paulo?" in refusal(tmp_path, file, where={"区名": ["Łódź", "Sao Paulo"]})
        assert 'choose "3"' in refusal(tmp_path, file, where={"code": ["3"]})
        assert "no row that has all" in refusal(tmp_path, file, where={"state": "b", "code": 1})
    assert "text, a number" in refusal(tmp_path, where={"state": []})


def test_the_layer_of_a_geopackage(tmp_path):
    for layer in ("adm1", "adm2"):
        write(districts(), tmp_path / "d.gpkg", layer=layer)
    assert "2 layers with outlines: adm1, adm2" in refusal(tmp_path)
    assert "did you mean adm2?" in refusal(tmp_path, layer="adm3")
    assert [region.name for region in study_at(tmp_path, layer="adm2").regions] == SAFE
    write(districts(), tmp_path / "d.shp")
    assert "remove `layer`" in refusal(tmp_path, "d.shp", layer="d")


def test_one_mistake_in_one_district_names_it(tmp_path):
    bow_tie = shapely.Polygon([(19.2, 51), (19.4, 51.2), (19.4, 51), (19.2, 51.2)])
    for wrong, words in (
        (bow_tie, "not a valid polygon"),
        (None, "has no outline"),
        (shapely.Point(19, 51), "Point"),
        (shapely.box(19.2, 91, 19.4, 92), "degrees"),
    ):
        for file in FILES[:1] + FILES[2:]:
            write(districts(shapes=[SHAPES[0], wrong, SHAPES[2]]), tmp_path / file)
            text = refusal(tmp_path, file)
            assert f"row 2 of {file} (São Paulo)" in text and words in text, text
            assert "row 1" not in text and "row 3" not in text
            (tmp_path / file).unlink()


def test_a_district_without_a_grid_is_named(tmp_path):
    write(districts(), tmp_path / "d.gpkg")
    assert "(São Paulo) has no grid" in refusal(tmp_path, where={"区名": "São Paulo"}, crs=ORTHO)


def test_districts_of_the_same_name_are_refused_with_their_rows(tmp_path):
    write(districts(["A b", "ł", "a/b"]), tmp_path / "d.gpkg")
    text = refusal(tmp_path)
    assert "rows 1, 3 of d.gpkg" in text and '"A b", "a/b"' in text


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("file", ["d.gpkg", "d.shp", "d.parquet"])
def test_a_missing_crs_is_refused(tmp_path, file):
    write(districts(crs=None), tmp_path / file)
    assert "-a_srs" in refusal(tmp_path, file)


def test_geojson_in_another_crs_is_refused(tmp_path):
    write(districts().to_crs(2180), tmp_path / "d.geojson")
    assert "says that its crs" in refusal(tmp_path, "d.geojson")


def test_a_shapefile_whose_encoding_is_unknown_is_refused_where_it_matters(tmp_path):
    write(districts(), tmp_path / "d.shp", encoding="UTF-8")
    (tmp_path / "d.cpg").unlink()
    dbf = tmp_path / "d.dbf"
    content = bytearray(dbf.read_bytes())
    content[29] = 0
    dbf.write_bytes(content)
    with pytest.raises(FusionError, match=r"\.cpg|no column|has not"):
        study_at(tmp_path, "d.shp")
    frame = districts(["a", "b", "ż"]).rename(columns={"区名": "name"})
    write(frame, tmp_path / "e.shp")
    (tmp_path / "e.cpg").unlink()
    for path in (tmp_path / "e.dbf",):
        content = bytearray(path.read_bytes())
        content[29] = 0
        path.write_bytes(content)
    assert "e.cpg" in refusal(tmp_path, "e.shp", name="name")
    (tmp_path / "e.cpg").write_text("UTF-8")
    assert [region.name for region in study_at(tmp_path, "e.shp", name="name").regions] == ["a", "b", "ż"]


def test_nothing_but_files_of_these_formats_is_opened(tmp_path):
    write(districts(), tmp_path / "d.gpkg")
    (tmp_path / "v.gpkg").write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="d"><SrcDataSource>{tmp_path}/d.gpkg</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>"
    )
    assert "no GeoPackage" in refusal(tmp_path, "v.gpkg")
    for file in ("v.vrt", "https://example.org/d.gpkg", "/vsicurl/https://example.org/d.gpkg", "d.zip", "missing.shp"):
        assert "GeoPackage (.gpkg)" in refusal(tmp_path, file)
    os.mkfifo(tmp_path / "p.parquet")
    (tmp_path / "f.geojson").mkdir()
    for file in ("p.parquet", "f.geojson"):
        assert "no file" in refusal(tmp_path, file)
    for file, begin in (
        ("b.gpkg", b"SQLite format 3\0"),
        ("b.shp", b"\0\0\x27\x0a"),
        ("b.parquet", b"PAR1"),
        ("b.json", b"{"),
    ):
        (tmp_path / file).write_bytes(begin + b"nonsense" * 40)
        assert file in refusal(tmp_path, file)


def test_what_expands_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    frame = districts(["x"] * 3)
    table = pa.table({"区名": ["a" * 10_000_000] * 3, "geometry": [shapely.to_wkb(shape) for shape in SHAPES]})
    frame.to_parquet(tmp_path / "ok.parquet")
    geo = pq.ParquetFile(tmp_path / "ok.parquet").metadata.metadata[b"geo"]
    pq.write_table(table.replace_schema_metadata({"geo": geo}), tmp_path / "d.parquet", compression="zstd")
    assert (tmp_path / "d.parquet").stat().st_size < 100_000
    limits = {**outline_limits.LIMITS, "bytes of the rows of a file of districts": (1e7, "less")}
    monkeypatch.setattr(outline_limits, "LIMITS", limits)
    assert "bytes of the rows" in refusal(tmp_path, "d.parquet")
    for what, file in (("bytes of a file of districts", "d.parquet"), ("rows of a file of districts", "ok.parquet")):
        monkeypatch.setattr(outline_limits, "LIMITS", limits | {what: (2, "less")})
        assert what in refusal(tmp_path, file)


def test_an_unknown_column_or_key_gets_a_hint(tmp_path):
    write(districts(), tmp_path / "d.gpkg")
    with pytest.raises(FusionError, match="one of: 区名"):
        study_at(tmp_path, name="name")
    assert "did you mean `where`" in refusal(tmp_path, whre={"a": 1})


def test_too_many_districts_are_refused(tmp_path, monkeypatch):
    write(districts(), tmp_path / "d.gpkg")
    monkeypatch.setattr("fusion_assets.study.MOST_REGIONS", 2)
    assert "at most 2 regions" in refusal(tmp_path)


def test_loading_a_study_imports_readers_only_where_it_has_such_a_file(tmp_path):
    (tmp_path / "s.yaml").write_text(json.dumps(changed()))
    code = (
        "import sys; from fusion_assets.study import load_study; load_study(sys.argv[1]);"
        "sys.exit(bool({'pyogrio', 'geopandas', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_five_hundred_districts_load_in_seconds(tmp_path):
    cells = [
        shapely.box(15 + 0.2 * i, 45 + 0.2 * j, 15.2 + 0.2 * i, 45.2 + 0.2 * j) for i in range(25) for j in range(20)
    ]
    names = [f"Powiat łódzki {n}" for n in range(len(cells))]
    write(districts(names, shapely.segmentize(np.array(cells), 0.002), "EPSG:4326").to_crs(3035), tmp_path / "d.gpkg")
    begun = time.process_time()
    assert len(study_at(tmp_path).regions) == 500
    assert time.process_time() - begun < 15
