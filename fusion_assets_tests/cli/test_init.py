"""`fusion init`: a study of one's own that can run, from what archives hold."""

import datetime as dt
import json

import numpy as np
import pytest

from fusion_assets.cli import doctor
from fusion_assets.cli.diagnosis import Finding
from fusion_assets.cli.main import main
from fusion_assets.imagery.file_catalogs.addition import add_files
from fusion_assets_tests.imagery.archives import GRID, SHAPE, lattice, make_item, noise, write_catalog, write_tif
from fusion_assets_tests.whole_studies import load_study

_NAME = "GHS_BUILT_S_E2019_GLOBE_R2023A_54009_100_V1_0.tif"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a catalog of Sentinel-2, and one of labels that `fusion catalog add` has made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("FUSION_STORAGE", str(tmp_path / "data"))
    items = []
    for year in (2018, 2019):
        bands = {name: write_tif(tmp_path / f"optics/{year}_{name}.tif", noise(SHAPE, year), lattice(step=100))
                 for name in ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08")}  # fmt: skip
        bands["scl"] = write_tif(tmp_path / f"optics/{year}_scl.tif", np.full(SHAPE, 4, "uint8"), lattice(step=100))
        moment = dt.datetime(year, 7, 1, 10, 40, tzinfo=dt.UTC)
        items.append(make_item(f"s{year}", bands, moment, properties={"earthsearch:boa_offset_applied": True}))
        for asset in items[-1].assets.values():
            asset.extra_fields["proj:transform"] = [*lattice(step=100)[:6]]
    write_catalog(tmp_path / "optics", {"sentinel-2-l2a": items})
    path = tmp_path / "optics/sentinel-2-l2a/collection.json"
    document = json.loads(path.read_text())
    document["extent"] = {
        "spatial": {"bbox": [items[0].bbox]},
        "temporal": {"interval": [["2018-07-01T00:00:00Z", "2019-07-02T00:00:00Z"]]},
    }
    path.write_text(json.dumps(document))
    labels = write_tif(tmp_path / "ghsl" / _NAME, noise((200, 200), 1, 0, 10_001),
                       lattice(220_000, 5_940_000, 100), "ESRI:54009", nodata=65535)  # fmt: skip
    add_files("ghsl_built_surface", [type(tmp_path)(labels)], tmp_path / "ghsl/catalog.json")
    return tmp_path


def _init(*more):
    return main(["init", "mine", "--optics", "optics/catalog.json", "--labels", "ghsl/catalog.json", *more])


def test_a_study_follows_from_what_archives_hold(place, capsys):
    assert GRID.crs == "EPSG:32631"
    code = _init("--bbox", "3.01", "50.525", "3.06", "50.545")
    said = capsys.readouterr().out
    study = load_study(place / "mine.yaml")
    assert (study.label_year, study.prediction_years) == (2019, (2018, 2019))
    assert (study.resolution, study.features) == (100, "optics")
    assert study.use("labels").built_up_threshold == 0.1
    assert "next: export FUSION_STUDY=mine.yaml" in said and "FAIL" not in said
    assert code == 0


def test_what_doctor_finds_steers_no_terminal_and_tells_no_login(place, capsys, monkeypatch):
    odd = Finding("storage", "FAIL", "no \x1b[2J at https://user:secret@host")
    monkeypatch.setattr(doctor, "diagnose", lambda settings: [odd])
    assert _init("--bbox", "3.01", "50.525", "3.06", "50.545") == 1
    assert "FAIL storage: no  at https://host\n" in capsys.readouterr().out


def test_catalogs_in_odd_folders_steer_no_terminal(place, capsys):
    into = place / "\x1b[2Jodd\nfolder" / "catalog.json"
    into.parent.mkdir()
    labels = into.with_name(_NAME)
    labels.write_bytes((place / "ghsl" / _NAME).read_bytes())
    assert main(["catalog", "add", "ghsl_built_surface", str(labels), "--into", str(into)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(line.isprintable() and "odd folder/catalog.json" in line for line in lines)


def test_latitude_first_gets_a_hint(place, capsys):
    assert _init("--bbox", "50.525", "3.01", "50.545", "3.06") == 1
    assert "try --bbox 3.01 50.525 3.06 50.545" in capsys.readouterr().err
    assert not (place / "mine.yaml").exists()


def test_nothing_is_overwritten(place, capsys):
    (place / "mine.yaml").write_text("mine")
    assert _init("--bbox", "3.01", "50.525", "3.06", "50.545") == 1
    assert (place / "mine.yaml").read_text() == "mine"
    assert "mine.yaml exists" in capsys.readouterr().err


def test_labels_of_other_years_are_said(place, capsys):
    assert _init("--bbox", "3.01", "50.525", "3.06", "50.545", "--label-year", "2010") == 1
    assert "do not hold label year 2010" in capsys.readouterr().err and not (place / "mine.yaml").exists()


def test_names_sizes_and_catalogs_that_cannot_be_are_refused(place, capsys):
    where = ("--bbox", "3.01", "50.525", "3.06", "50.545")
    assert main(["init", "my city", "--optics", "optics/catalog.json", "--labels", "ghsl/catalog.json", *where]) == 1
    assert capsys.readouterr().err.count("rename it") == 1
    assert _init(*where, "--lights", "lights/catalog.json") == 1
    assert "`fusion catalog add`" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        _init(*where, "--resolution", "0")
    assert main(["init", "its.yaml", "--optics", "optics/catalog.json", "--labels", "ghsl/catalog.json", *where]) == 0
    assert (place / "its.yaml").exists()


def _districts(path, names=("Łódź", "São Paulo"), east=0.0):
    import geopandas
    import shapely

    boxes = [shapely.box(3.01, 50.525, 3.035, 50.545), shapely.box(3.035 + east, 50.525, 3.06 + east, 50.545)]
    geopandas.GeoDataFrame({"区名": list(names)}, geometry=boxes, crs="EPSG:4326").to_file(path)


def test_a_file_of_districts_becomes_a_study_of_all_of_them(place, capsys):
    _districts(place / "districts.gpkg")
    _init("--outline", "districts.gpkg", "--name", "区名")
    text = (place / "mine.yaml").read_text(encoding="utf-8")
    assert "regions: {file: districts.gpkg, name: 区名}" in text and "each district's UTM zone" in text
    study = load_study(place / "mine.yaml")
    assert [(region.name, region.title) for region in study.regions] == [
        ("Łódź", "Łódź"),
        ("São_Paulo", "São Paulo"),
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--outline", "districts.gpkg"], "add --name"),
        (["--name", "区名"], "add --outline"),
        (["--outline", "districts.gpkg", "--name", "区"], "did you mean 区名?"),
        (["--outline", "far.gpkg", "--name", "区名"], "(São Paulo)"),
    ],
)
def test_districts_that_cannot_be_had_are_explained(place, capsys, more, words):
    _districts(place / "districts.gpkg")
    _districts(place / "far.gpkg", east=20)
    assert _init(*more) == 1
    assert words in capsys.readouterr().err and not (place / "mine.yaml").exists()
