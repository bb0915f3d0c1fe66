"""What an inspection says of whole files of every version, and what it refuses."""

import json
import shutil

import h5py
import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.so2sat.inspection import inspect, inspection_text, refuse
from fusion_assets.systems.climate_zones.so2sat.layout import PARTS
from fusion_assets_tests.systems.climate_zones.so2sat_files import patches, places, write, write_version

VH_AND_VV = [2, 3, 0, 1, 5, 4, 6, 7]
SIGNALS_ONLY = [2, 3, 0, 1, 4, 5, 6, 7]
INTENSITIES_ONLY = [0, 1, 2, 3, 5, 4, 6, 7]


def one_part(folder, arrays, **layout):
    """A folder of version 1 whose training is given."""
    write(folder / "training.h5", arrays, **layout)
    write(folder / "validation.h5", patches(8, seed=5))
    return folder


@pytest.fixture(scope="module")
def version_4(tmp_path_factory):
    folder = tmp_path_factory.mktemp("v4")
    write_version(folder, "v4", count=10)
    return folder


@pytest.fixture
def copy_of_4(version_4, tmp_path):
    return shutil.copytree(version_4, tmp_path / "v4")


@pytest.mark.parametrize("version", PARTS)
def test_every_version_is_told_by_its_files(version, tmp_path):
    write_version(tmp_path, version, count=8)
    document = inspect(tmp_path)
    assert document["version"] == version and document["problems"] == []
    assert list(document["parts"]) == list(PARTS[version])
    refuse(document)


def test_a_folder_with_one_split_of_version_3_is_enough(tmp_path):
    write_version(tmp_path, "v3", count=8)
    shutil.rmtree(tmp_path / "random")
    shutil.rmtree(tmp_path / "block")
    assert list(inspect(tmp_path)["parts"]) == ["culture_10/training", "culture_10/testing"]


def test_the_text_says_what_is_there(version_4):
    text = inspection_text(inspect(version_4))
    for words in (
        "version 4",
        "training: 10 patches of the 352,366 published",
        "10 x 32 x 32 x 8 float64, in one piece",
        "VH first, as published",
        "2 cities, tfw as in world file",
        "EPSG:32748",
        "Nothing speaks against",
    ):
        assert words in text
    assert any(line.split()[:1] == ["B12"] for line in text.splitlines())


def test_an_inspection_can_be_stored_and_shown_again(version_4):
    document = inspect(version_4)
    again = json.loads(json.dumps(document))
    assert again == document and inspection_text(again) == inspection_text(document)


def test_counts_cities_and_codes_are_those_of_the_files(version_4):
    part = inspect(version_4)["parts"]["training"]
    assert part["classes"] == dict.fromkeys([str(sign) for sign in range(1, 11)], 1) | dict.fromkeys("ABCDEFG", 0)
    assert part["cities"] == {"berlin": 5, "jakarta": 5}
    assert [(zone["city"], zone["epsg"]) for zone in part["places"]["zones"]] == [("berlin", 32633), ("jakarta", 32748)]
    assert all(zone["km"] < 20 for zone in part["places"]["zones"])


ENCODINGS = {
    "float32": (lambda values, name: values.astype("f4"), {}),
    "float16": (lambda values, name: values.astype("f2"), {}),
    "digital numbers": (lambda values, name: np.rint(values * 1e4).astype("u2") if name == "sen2" else values, {}),
    "bytes": (
        lambda values, name: np.rint((values + 2) / 0.016 if name == "sen1" else values / 0.004).astype("u1"),
        {"sen1": {"scale_factor": 0.016, "add_offset": -2.0}, "sen2": {"scale_factor": np.full(10, 0.004)}},
    ),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_any_type_is_read_as_the_same_values(name, tmp_path):
    encode, attributes = ENCODINGS[name]
    right = patches(16)
    if name == "bytes":  # intensities near zero would be rounded below it
        right["sen1"][..., 4:6] += 0.02
    stored = {held: encode(right[held], held) for held in ("sen1", "sen2")}
    one_part(tmp_path, {**stored, "label": right["label"].astype("u1")}, chunks=(5, 8, 8, 2), compression="gzip")
    with h5py.File(tmp_path / "training.h5", "a") as file:
        for held, scale in attributes.items():
            file[held].attrs.update(scale)
    document = inspect(tmp_path)
    assert document["problems"] == []
    found = document["parts"]["training"]["ranges"]
    for held, row in (("sen1", 5), ("sen2", 9)):
        wanted = np.median(right[held][..., row])
        assert found[held][row]["median"] == pytest.approx(wanted, rel=0.1)


def test_what_is_scaled_otherwise_than_published_is_said(tmp_path):
    arrays = patches(8)
    arrays["sen2"] *= 0.77
    text = inspection_text(inspect(one_part(tmp_path, arrays)))
    assert "times 10,000 it is not whole" in text


def changed(**functions):
    """Arrays of a part, with some of them replaced by a function of themselves."""
    arrays = patches(16)
    return arrays | {name: function(arrays[name]) for name, function in functions.items()}


def with_value(value, place):
    def put(values):
        values[place] = value
        return values

    return put


def swapped():
    arrays = patches(8)
    return {"sen1": arrays["sen2"], "sen2": arrays["sen1"], "label": arrays["label"]}


REFUSED = {
    "swapped": (swapped, "sen1 has 10 channels and sen2 8", "swapped: rename"),
    "16 classes": (lambda: changed(label=lambda held: held[:, :16]), "(16, 16)", "(patches, 17), one-hot"),
    "indices": (lambda: changed(label=lambda held: held.argmax(1)), "label has the shape (16,)", "one-hot"),
    "soft labels": (lambda: changed(label=lambda held: held * 0.9), "label of 16 patches is not one-hot", "own labels"),
    "two ones": (lambda: changed(label=with_value(1, (3, 0))), "of patch 3", "one 1 and 16 zeros"),
    "NaN": (lambda: changed(sen1=with_value(np.nan, (9, 4, 4, 6))), "nan in covariance_real of patch 9", "numbers"),
    "inf": (lambda: changed(sen2=with_value(np.inf, (2, 0, 0, 3))), "inf in B5 of patch 2", "numbers"),
    "divided twice": (lambda: changed(sen2=lambda held: held / 1e4), "brightest pixel of 16 patches", "divided twice"),
    "not divided": (lambda: changed(sen2=lambda held: held * 1e4), "B12 reaches", "divide it by 10,000, once"),
    "divided by 1,000": (lambda: changed(sen2=lambda held: held * 10), "the median of 16", "scaled otherwise"),
    "standardised": (lambda: changed(sen2=lambda held: held - held.mean()), "B2 falls to -", "not standardised"),
    "decibels": (
        lambda: changed(sen1=lambda held: 10 * np.log10(abs(held) + 1e-9)),
        "VH_lee falls to -",
        "neither decibels",
    ),
    "amplitudes": (lambda: changed(sen1=abs), "0% of VH_real is negative", "complex signal"),
    "digital radar": (lambda: changed(sen1=lambda held: held * 1000), "the median of VH_lee is", "sigma nought"),
    "fewer labels": (lambda: changed(label=lambda held: held[:-1]), "16 of sen1, 16 of sen2, 15 of label", "as many"),
    "channels first": (
        lambda: changed(sen2=lambda held: held.transpose(0, 3, 1, 2)),
        "(16, 10, 32, 32)",
        "channel last",
    ),
    "an empty channel": (lambda: changed(sen2=with_value(0.2, (..., 4))), "B6 is 0.2 in every patch", "never filled"),
    "an empty patch": (lambda: changed(sen2=with_value(0, 7)), "patch 7 is 0 throughout", "broken off"),
    "bytes without scale": (lambda: changed(sen2=lambda held: (held * 255).astype("u1")), "uint8", "scale_factor"),
    "no labels": (lambda: {name: held for name, held in patches(4).items() if name != "label"}, "label is no", "label"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_learnt_from_is_refused_with_a_remedy(name, tmp_path):
    make, found, advice = REFUSED[name]
    with pytest.raises(FusionError) as refusal:
        inspect(one_part(tmp_path, make()))
    assert found in refusal.value.found
    assert advice in refusal.value.expected + refusal.value.remedy
    assert "training.h5" in refusal.value.found and refusal.value.remedy


def test_a_truncated_file_is_refused(copy_of_4):
    path = copy_of_4 / "training.h5"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FusionError, match=r"cannot be opened.*truncated"):
        inspect(copy_of_4)


@pytest.mark.parametrize("chunks", [(4, 32, 32, 10), None])
def test_an_array_that_was_never_written_to_its_end_is_refused(chunks, tmp_path):
    arrays = patches(16)
    one_part(tmp_path, {name: arrays[name] for name in ("sen1", "label")})
    with h5py.File(tmp_path / "training.h5", "a") as file:
        sen2 = file.create_dataset("sen2", (16, 32, 32, 10), "f8", chunks=chunks)
        if chunks:
            sen2[:12] = arrays["sen2"][:12]
    with pytest.raises(FusionError, match="sen2 has"):
        inspect(tmp_path)


ORDERS = {
    "both": (VH_AND_VV, "VV first in the complex signals, VV in the filtered intensities ("),
    "signals": (SIGNALS_ONLY, "VV first in the complex signals, VH in the filtered intensities, and the powers"),
    "intensities": (
        INTENSITIES_ONLY,
        "VH first in the complex signals, VV in the filtered intensities, and the powers",
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_swapped_polarisations_are_said_and_refused(name, tmp_path):
    order, words = ORDERS[name]
    document = inspect(one_part(tmp_path, changed(sen1=lambda held: held[..., order])))
    assert document["parts"]["training"]["order"]["swapped"] and not document["parts"]["validation"]["order"]["swapped"]
    assert "SWAPPED" in inspection_text(document)
    with pytest.raises(FusionError) as refusal:
        refuse(document)
    assert words in refusal.value.found and "VH_real, VH_imag, VV_real" in refusal.value.expected


def test_signals_and_intensities_need_not_be_scaled_alike(tmp_path):
    arrays = changed(sen1=lambda held: held * [10, 10, 10, 10, 1, 1, 1, 1])
    assert inspect(one_part(tmp_path, arrays))["problems"] == []


def test_zones_in_another_order_are_told_by_water(tmp_path):
    arrays = patches(17 * 6)
    assert inspect(one_part(tmp_path / "right", arrays))["problems"] == []
    arrays["label"] = np.roll(arrays["label"], 7, axis=1)  # A to G first
    document = inspect(one_part(tmp_path / "wrong", arrays))
    with pytest.raises(FusionError, match="patches of the last zone"):
        refuse(document)


def test_a_copy_in_place_of_another_part_is_refused(copy_of_4):
    shutil.copy(copy_of_4 / "validation.h5", copy_of_4 / "testing.h5")
    with pytest.raises(FusionError, match=r"testing\.h5 holds the patches of .*validation\.h5"):
        refuse(inspect(copy_of_4))


FOLDERS = {
    "nothing": ((), "no .h5 files"),
    "packed": (("training.h5.gz",), "gunzip"),
    "one part": (("testing.h5",), "training.h5 and validation.h5 (version 1)"),
    "half a split": (("block/training.h5",), "missing: block/testing.h5"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_no_version_are_refused(name, tmp_path):
    files, words = FOLDERS[name]
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(FusionError) as refusal:
        inspect(tmp_path)
    assert words in str(refusal.value)


def test_places_of_some_parts_alone_are_refused(copy_of_4):
    (copy_of_4 / "testing_geo.h5").unlink()
    with pytest.raises(FusionError, match=r"testing_geo\.h5 is missing"):
        inspect(copy_of_4)


def test_a_sample_is_bounded_and_reaches_both_ends(tmp_path):
    from fusion_assets.systems.climate_zones.so2sat import checks

    class Rows:
        nbytes = 10**6 * 147_456
        dtype = np.dtype("f8")

    class Many:
        dataset, chunk_rows, where = Rows, 1, "file: sen1"

        def __len__(self):
            return 10**6

        def read(self, start, stop):
            return np.arange(start, stop)

    runs = list(checks.sampled(Many()))
    taken = np.concatenate([rows for _, rows in runs])
    assert len(taken) == len(set(taken)) == 512 and taken[0] == 0 and taken[-1] == 10**6 - 1
    Many.chunk_rows = 10_000  # each run would unpack 1.5 GB
    assert len(list(checks.sampled(Many()))) == 4


def test_geo_files_are_held_against_cities(copy_of_4):
    right = inspect(copy_of_4)["parts"]["training"]["places"]["zones"]
    # Zone 33 holds Berlin, and Jakarta's southern zone 48 was taken for 49.
    wrong = places(10, codes={"berlin": 32633, "jakarta": 32749})
    write(copy_of_4 / "training_geo.h5", wrong)
    document = inspect(copy_of_4)
    assert [zone["epsg"] for zone in right] == [32633, 32748]
    with pytest.raises(FusionError) as refusal:
        refuse(document)
    assert "by EPSG:32749 patches of jakarta lie at 112." in refusal.value.found
    assert "as by EPSG:32748" in refusal.value.expected and "4.2" in refusal.value.remedy
