"""The exam's files: as So2Sat's, marked synthetic, whole or not at all, with halves that do not overlap."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest

from fusion_assets.demo import cities
from fusion_assets.demo.cities import files
from fusion_assets.errors import FusionError
from fusion_assets.storage.simulation import is_marked, is_synthetic
from fusion_assets.systems.climate_zones.overlap import overlap
from fusion_assets.systems.climate_zones.so2sat.cache import Patches
from fusion_assets.systems.climate_zones.so2sat.conversion import convert
from fusion_assets.systems.climate_zones.so2sat.inspection import inspect, inspection_text
from fusion_assets_tests.systems.climate_zones.so2sat_files import write_version


@pytest.fixture(scope="module")
def tables(exam, tmp_path_factory):
    converted = convert(exam, tmp_path_factory.mktemp("converted"))
    return {part: Patches(folder).table() for part, folder in converted.items()}


def test_the_reader_of_so2sat_finds_nothing_wrong(exam):
    found = inspect(exam)
    assert found["version"] == "v4" and found["problems"] == []
    zones = pd.DataFrame([part["classes"] for part in found["parts"].values()]).sum()
    assert (zones > 0).all() and 1500 < zones.sum() < 2200
    assert all(part["arrays"]["sen2"]["whole"] for part in found["parts"].values())


def test_what_is_read_and_converted_says_that_it_is_synthetic(exam, tmp_path):
    found = inspect(exam)
    assert all(part["synthetic"] for part in found["parts"].values()) and "SYNTHETIC" in inspection_text(found)
    assert all(Patches(folder).card["synthetic"] for folder in convert(exam, tmp_path).values())
    real = tmp_path / "real"
    write_version(real, "v4")
    assert "SYNTHETIC" not in inspection_text(inspect(real))
    assert not any("synthetic" in Patches(folder).card for folder in convert(real, tmp_path / "cache").values())


def test_every_file_says_that_it_is_synthetic(exam):
    for path in exam.glob("*.h5"):
        with h5py.File(path) as file:
            assert is_marked(file.attrs) and "SYNTHETIC" in file.attrs["description"]
    assert is_synthetic(str(exam / "catalog.json"))


def test_halves_of_the_same_cities_are_held_out_and_nothing_overlaps(tables):
    train, west, east = (tables[part] for part in files.PARTS)
    assert set(west["city"]) == set(east["city"]) and not set(west["city"]) & set(train["city"])
    assert train["city"].nunique() == east["city"].nunique() == 2
    assert west["x"].max() < east["x"].min()
    for tested, others in ((west, east), (east, train), (west, train)):
        assert overlap(tested, others)["share"] == 0
    # Patches of one city do, as So2Sat's: on a lattice of 100 m.
    assert overlap(train[::2], train[1::2])["share"] > 0.99
    assert not (train[["x", "y"]] % 100).to_numpy().any()


def complete(work, parameters):
    for name in ("catalog.json", *(f"{part}{kind}.h5" for part in files.PARTS for kind in ("", "_geo"))):
        (work / name).touch()
    (work / "demo.json").write_text(json.dumps({"cities": parameters}))


def test_what_is_there_is_left_and_other_parameters_replace_it(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        files, "_write", lambda work, parameters: written.append(parameters) or complete(work, parameters)
    )

    for parameters in ({"seed": 1}, {"seed": 1}, {"seed": 2}, {"seed": 2, "shift": 0.0}):
        cities.build(tmp_path / "exam", **parameters)
    assert [(one["seed"], one["shift"]) for one in written] == [(1, 0.8), (2, 0.8), (2, 0.0)]
    (tmp_path / "exam" / "testing.h5").unlink()
    cities.build(tmp_path / "exam", seed=2, shift=0.0)
    assert len(written) == 4 and [path.name for path in tmp_path.iterdir()] == ["exam"]


def test_whoever_comes_second_leaves_what_the_first_has_made(tmp_path, monkeypatch):
    def slow(work, parameters):
        if not folder.exists():
            folder.mkdir()
            complete(folder, parameters)
            (folder / "first").touch()
        complete(work, parameters)

    folder = tmp_path / "exam"
    monkeypatch.setattr(files, "_write", slow)
    cities.build(folder)
    assert (folder / "first").exists() and [path.name for path in tmp_path.iterdir()] == ["exam"]


def test_a_build_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    def broken(work, parameters):
        (work / "training.h5").touch()
        raise OSError("no space left")

    monkeypatch.setattr(files, "_write", broken)
    with pytest.raises(FusionError, match="no space left"):
        cities.build(tmp_path / "exam")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(FusionError, match="no synthetic cities"):
        cities.build(tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").exists()


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"cities": 3}, {"cities": 61}, {"shift": np.nan}, {"shift": 2.1}])
def test_parameters_out_of_range_are_refused(wrong, tmp_path):
    with pytest.raises(FusionError):
        cities.build(tmp_path / "exam", **wrong)
    assert list(tmp_path.iterdir()) == []
