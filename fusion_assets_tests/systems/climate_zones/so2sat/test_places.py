"""Places of patches: orders of the six parameters, names, and codes that do not belong."""

from pathlib import Path

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.so2sat.files import Part
from fusion_assets.systems.climate_zones.so2sat.layout import CITIES
from fusion_assets.systems.climate_zones.so2sat.places import kilometres, read
from fusion_assets_tests.systems.climate_zones.so2sat_files import places, write

COUNT = 6


def read_back(tmp_path, arrays, count=COUNT):
    part = Part("training", Path("training.h5"), write(tmp_path / "training_geo.h5", arrays))
    return read(part, count)


@pytest.mark.parametrize("order", ["world file", "GDAL"])
def test_centres_are_the_same_by_either_order_and_without_coord(order, tmp_path):
    arrays = places(COUNT, order=order)
    found = read_back(tmp_path, arrays)
    assert found.order == order and found.named and found.problem("geo") is None
    alone = read_back(tmp_path, {name: held for name, held in arrays.items() if name != "coord"})
    for column, index in (("x", 0), ("y", 1)):
        np.testing.assert_array_equal(found.table[column], arrays["coord"][:, index])
        np.testing.assert_array_equal(alone.table[column], arrays["coord"][:, index])


def test_cities_that_are_not_named_are_the_nearest(tmp_path):
    arrays = {name: held for name, held in places(COUNT, ("munich", "cairo")).items() if name != "city"}
    found = read_back(tmp_path, arrays)
    assert not found.named and found.table["city"].tolist() == ["munich", "cairo"] * 3


@pytest.mark.parametrize("form", [lambda held: held[:, None], lambda held: np.char.decode(held).astype(object)])
def test_names_are_read_in_any_form(form, tmp_path):
    arrays = places(COUNT)
    found = read_back(tmp_path, arrays | {"city": form(arrays["city"])})
    assert found.table["city"].tolist() == ["berlin", "jakarta"] * 3


def test_cities_that_we_know_are_spelt_as_we_do_and_others_as_they_are(tmp_path):
    named = places(COUNT) | {"city": np.array([b"Berlin ", b"JAKARTA\0", b"demo-1"] * 2)}
    assert read_back(tmp_path, named).table["city"].tolist() == ["berlin", "jakarta", "demo-1"] * 2


def test_a_city_that_we_do_not_know_must_lie_together_and_in_its_zone(tmp_path):
    arrays = places(COUNT, ("munich",)) | {"city": np.array([b"atlantis"] * COUNT)}
    assert read_back(tmp_path, arrays).problem("geo") is None
    arrays["epsg"][:2] = 32631
    arrays["coord"][:2, 0] += 130_000
    arrays["tfw"][:2, 4] += 130_000
    arrays["coord"][0, 0] = arrays["coord"][0, 0] - 500_000
    arrays["tfw"][0, 4] = arrays["tfw"][0, 4] - 500_000
    assert "from each other" in str(read_back(tmp_path, arrays).problem("geo"))


REFUSED = {
    "another length": (lambda held: held | {"epsg": held["epsg"][:-1]}, "5 of epsg", "6 of each"),
    "no UTM": (lambda held: held | {"epsg": held["epsg"] * 0 + 4326}, "4326", "32601 to 32660"),
    "no code": (lambda held: {"coord": held["coord"]}, "holds coord", "epsg, tfw"),
    "pixels of 20 m": (lambda held: held | {"tfw": held["tfw"] * 2}, "[20.0", "pixels of 10 m"),
    "turned": (lambda held: held | {"tfw": held["tfw"] + [0, 1, 1, 0, 0, 0]}, "[10.0, 1.0", "north up"),
    "elsewhere": (lambda held: held | {"coord": held["coord"] + 500}, "m from where tfw has it", "320 m"),
    "NaN": (lambda held: held | {"coord": held["coord"] * np.nan}, "m from where tfw has it", "320 m"),
    "degrees": (lambda held: {"coord": held["coord"] * 0 + 13, "epsg": held["epsg"]}, "[13.0, 13.0]", "metres of UTM"),
    "nameless": (lambda held: held | {"city": np.arange(COUNT)}, "city holds 0", "a name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_geo_files_that_say_nothing_certain_are_refused(name, tmp_path):
    change, found, expected = REFUSED[name]
    with pytest.raises(FusionError) as refusal:
        read_back(tmp_path, change(places(COUNT)))
    assert found in refusal.value.found and expected in refusal.value.expected


def test_kilometres_are_those_of_the_geoid_within_half_a_percent():
    import pyproj

    berlin, cairo = CITIES["berlin"], CITIES["cairo"]
    wanted = pyproj.Geod(ellps="WGS84").inv(*berlin, *cairo)[2] / 1000
    found = kilometres(berlin, np.array([cairo.longitude]), np.array([cairo.latitude]))[0]
    assert found == pytest.approx(wanted, rel=0.005)


def test_the_cities_are_the_52_of_the_data_set():
    assert len(CITIES) == 52 and all(name == name.lower() and name.isalpha() for name in CITIES)
