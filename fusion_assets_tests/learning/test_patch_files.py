"""Files of patches: what is written comes back to the bit, what Earth Engine wrote is read, damage is named."""

import gzip
import json

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.learning import patch_files
from fusion_assets.learning.backend import tensorflow
from fusion_assets.learning.mixer import Mixer, read_mixer

GRID = Grid("EPSG:32645", Affine(30, 0, 300000, 0, -30, 3000000), 10, 14)
DEGREES = Grid("EPSG:4326", Affine(1 / 240, 0, 85.123456789, 0, -1 / 240, 27.987654321), 8, 12)


def image(grid=GRID):
    values = np.random.default_rng(7).random((2, *grid.shape), dtype="float32")
    values[0, 2, 3] = np.nan
    return grid.dataset({"radiance": values[0], "B4": -values[1]})


def assert_same_bits(one, other):
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        assert other[name].dtype == np.float32
        np.testing.assert_array_equal(other[name].values.view("uint32"), one[name].values.view("uint32"), name)


def examples(*records):
    """Records as TensorFlow itself makes them, from dicts of lists of a kind."""
    train = tensorflow().train
    kinds = {
        "f": ("float_list", train.FloatList),
        "i": ("int64_list", train.Int64List),
        "b": ("bytes_list", train.BytesList),
    }
    made = []
    for record in records:
        lists = {}
        for name, (kind, values) in record.items():
            key, form = kinds[kind]
            lists[name] = train.Feature(**{key: form(value=values)})
        made.append(train.Example(features=train.Features(feature=lists)).SerializeToString())
    return made


def place(folder, files, per_row=2, total=4, prefix="export"):
    """Files of records and the mixer of 2 x 3 patches in degrees; returns the mixer's path."""
    tf = tensorflow()
    for name, records in files.items():
        with tf.io.TFRecordWriter(str(folder / name), "GZIP" if name.endswith("gz") else "") as writer:
            for record in records:
                writer.write(record)
    matrix = [1 / 240, 0.0, 85.123456789, 0.0, -1 / 240, 27.987654321]
    mixer = {"projection": {"crs": "EPSG:4326", "affine": {"doubleMatrix": matrix}}, "patchDimensions": [3, 2]}
    path = folder / f"{prefix}-mixer.json"
    path.write_text(json.dumps(mixer | {"patchesPerRow": per_row, "totalPatches": total}))
    return path


def floats(*numbers):
    return examples(*({"B4": ("f", np.full(6, number))} for number in numbers))


@pytest.mark.parametrize("kernel", [(0, 0), (4, 2), (20, 20)])
@pytest.mark.parametrize("shard_bytes", [1, 1 << 20])
def test_an_image_comes_back_to_the_bit(kernel, shard_bytes, tmp_path):
    mixer = patch_files.write_image(image(), GRID, tmp_path / "map", (4, 5), kernel, shard_bytes=shard_bytes)
    files = patch_files.shards(tmp_path / "map-mixer.json")
    assert len(files) == (9 if shard_bytes == 1 else 1)
    assert read_mixer(tmp_path / "map-mixer.json", kernel) == mixer
    assert_same_bits(image(), patch_files.open_image(tmp_path / "map-mixer.json", kernel, grid=GRID))
    whole = patch_files.open_image(tmp_path / "map-mixer.json", kernel)
    assert Grid.of(whole).shape == (12, 15) and np.isnan(whole["B4"].values[10:]).all()


def test_tensorflow_reads_what_is_written_and_equal_images_are_equal_files(tmp_path):
    tf = tensorflow()
    patch_files.write_image(image(), GRID, tmp_path / "one", (5, 7))
    patch_files.write_image(image().chunk({"y": 3}), GRID, tmp_path / "two", (5, 7))
    (file,) = patch_files.shards(tmp_path / "one-mixer.json")
    assert file.read_bytes() == (tmp_path / "two-00000.tfrecord.gz").read_bytes()
    features = {name: tf.io.FixedLenFeature((5, 7), tf.float32) for name in ("radiance", "B4")}
    records = [tf.io.parse_single_example(r, features) for r in tf.data.TFRecordDataset(str(file), "GZIP")]
    np.testing.assert_array_equal(records[1]["B4"].numpy(), image()["B4"].values[:5, 7:])
    np.testing.assert_array_equal(records[2]["B4"].numpy(), image()["B4"].values[5:, :7])


def test_a_kernel_shows_the_neighbours_and_the_fill_beyond_the_image(tmp_path):
    mixer = patch_files.write_image(image(), GRID, tmp_path / "map", (5, 7), (2, 4), fill=-1)
    first, second, *_ = patch_files.read_patches(mixer, patch_files.shards(tmp_path / "map-mixer.json"))
    pixels = image()["B4"].values
    assert first["B4"].shape == (7, 11) and (first["B4"][0] == -1).all() and (first["B4"][:, :2] == -1).all()
    np.testing.assert_array_equal(first["B4"][1:, 2:], pixels[:6, :9])
    np.testing.assert_array_equal(second["B4"][1:, :9], pixels[:6, 5:])


def test_earth_engine_drops_what_fills_no_patch():
    dropped = Mixer.over(GRID, (4, 5), edges="drop")
    assert dropped.grid == GRID.window(0, 0, 8, 10) and (dropped.per_row, dropped.total) == (2, 4)
    assert Mixer.over(GRID, (4, 5)).grid.shape == (12, 15)
    with pytest.raises(FusionError, match="hold no patch"):
        Mixer.over(GRID, (11, 5), edges="drop")


def test_predictions_keep_the_order_of_the_patches(tmp_path):
    mixer = patch_files.write_image(image(), GRID, tmp_path / "features", (5, 7), (4, 4))
    records = patch_files.read_patches(mixer, patch_files.shards(tmp_path / "features-mixer.json"), ["B4"])
    predictions = ({"twice": 2 * record["B4"][mixer.inner]} for record in records)
    patch_files.write_patches(predictions, mixer.without_kernel(), tmp_path / "predicted")
    found = patch_files.open_image(tmp_path / "predicted-mixer.json")
    np.testing.assert_array_equal(found["twice"].values, 2 * image()["B4"].values)
    with pytest.raises(FusionError, match=r"patch 0 has \(5, 7\) pixels of one"):
        patch_files.write_patches([{"one": np.zeros((5, 7))}], mixer, tmp_path / "wrong")
    with pytest.raises(FusionError, match=r"(?s)1 patches.*4, as the mixer says"):
        patch_files.write_patches([{"one": np.zeros((5, 7))}], mixer.without_kernel(), tmp_path / "few")
    assert not (tmp_path / "few-mixer.json").exists(), "what has no mixer is not whole"


def test_degrees_keep_all_their_digits(tmp_path):
    patch_files.write_image(image(DEGREES), DEGREES, tmp_path / "degrees", (4, 4))
    mixer = read_mixer(tmp_path / "degrees-mixer.json")
    assert mixer.grid == DEGREES
    facts = json.loads((tmp_path / "degrees-mixer.json").read_text())
    assert facts["projection"]["affine"]["doubleMatrix"] == [1 / 240, 0, 85.123456789, 0, -1 / 240, 27.987654321]
    assert (facts["patchDimensions"], facts["patchesPerRow"], facts["totalPatches"]) == ([4, 4], 3, 6)
    assert_same_bits(image(DEGREES), patch_files.open_image(tmp_path / "degrees-mixer.json"))


def test_numbers_of_files_are_numbers_and_kinds_of_lists_are_kept(tmp_path):
    small = {f"export-{number}.tfrecord": floats(number) for number in range(12)}
    found = patch_files.open_image(place(tmp_path, small, per_row=1, total=12))
    np.testing.assert_array_equal(found["B4"].values[::2, 0], range(12))
    kinds = examples({"byte": ("b", [bytes(range(6))]), "count": ("i", range(6)), "float": ("f", range(6))})
    found = patch_files.open_image(place(tmp_path, {"whole.tfrecord.gz": kinds}, 1, 1, "whole"))
    assert [(name, str(found[name].dtype)) for name in found] == [
        ("byte", "uint8"),
        ("count", "int64"),
        ("float", "float32"),
    ]
    assert all((found[name].values == np.arange(6).reshape(2, 3)).all() for name in found)


def test_channels_stand_beside_the_bands(tmp_path):
    block, valid = np.arange(140).reshape(GRID.shape), np.isfinite(image()["radiance"].values)
    patch_files.write_image(patch_files.with_channels(image(), 3, block, valid), GRID, tmp_path / "map", (5, 7), (2, 2))
    found = patch_files.open_image(tmp_path / "map-mixer.json", (2, 2))
    assert (found["place"].values == 3).all() and (found["block"].values == block).all()
    assert (found["validity"].values.astype(bool) == valid).all()
    with pytest.raises(FusionError, match="16,777,216"):
        patch_files.with_channels(image(), 1 << 24, block, valid)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"projection": None}, "projection null"),
        ({"projection": {"crs": "EPSG:4326", "affine": {"doubleMatrix": [1, 0, 0, 0, -1]}}}, "six numbers"),
        ({"projection": {"crs": "EPSG:4326", "affine": {"doubleMatrix": [1, 0.1, 0, 0, -1, 0]}}}, "north-up with"),
        ({"projection": {"crs": "EPSG:4326", "affine": {"doubleMatrix": [1, 0, 0, 0, 1, 0]}}}, "crsTransform"),
        ({"projection": {"crs": "EPSG:nonsense", "affine": {"doubleMatrix": [1, 0, 0, 0, -1, 0]}}}, "not a coordinate"),
        ({"patchDimensions": [3]}, r"patchDimensions \[3\]"),
        ({"patchDimensions": [3, 1 << 20]}, "whole rows of patches"),
        ({"patchesPerRow": 3}, "4 patches of 3 x 2 in rows of 3"),
        ({"totalPatches": 10**400}, "totalPatches 1000"),
        ({"totalPatches": 0}, "totalPatches 0"),
        ({"patchesPerRow": True}, "patchesPerRow true"),
    ],
)  # fmt: skip
def test_a_mixer_that_is_none_is_named(changes, message, tmp_path):
    path = place(tmp_path, {})
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(FusionError, match=message):
        read_mixer(path)


def cut(content):
    return content[: len(content) // 2]


def flipped(content):
    whole = bytearray(gzip.decompress(content))
    whole[20] ^= 1
    return gzip.compress(bytes(whole))


@pytest.mark.parametrize(
    ("records", "spoil", "options", "message"),
    [
        (lambda: floats(1, 2, 3, 4), cut, {}, "export-00000.tfrecord.gz cannot be read|hold . patches"),
        (lambda: floats(1, 2, 3, 4), flipped, {}, "cannot be read .DataLossError"),
        (lambda: floats(1, 2, 3), None, {}, r"(?s)1 files hold 3 patches.*4, as the mixer says"),
        (lambda: floats(1, 2, 3, 4, 5), None, {}, "hold more than 4 patches"),
        (lambda: floats(1, 2, 3, 4), None, {"bands": ["B4", "B5"]}, r"(?s)has the bands B4.*expected: B4, B5"),
        (lambda: floats(1) + examples({"B5": ("f", range(6))}), None, {}, "record 1 holds 0 values of B4"),
        (lambda: floats(1) + examples({"B4": ("i", range(6))}), None, {}, "record 1 differs from the first"),
        (lambda: examples({"B4": ("f", range(20))}), None, {}, r"(?s)20 values of B4.*\(2, 2\) would fit"),
        (lambda: floats(1), None, {"kernel": (2, 2)}, r"(?s)6 values of B4.*20: patches.*\(0, 0\) would fit"),
        (lambda: [b"\xff\xff"], None, {}, "record 0 is no tf.train.Example"),
    ],
)  # fmt: skip
def test_records_that_are_damaged_or_others_are_named(records, spoil, options, message, tmp_path):
    mixer = place(tmp_path, {"export-00000.tfrecord.gz": records()})
    if spoil:
        file = tmp_path / "export-00000.tfrecord.gz"
        file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(FusionError, match=message):
        patch_files.open_image(mixer, **options)


def test_files_that_are_missing_are_named(tmp_path):
    mixer = place(tmp_path, {"export-00000.tfrecord.gz": floats(1), "export-00002.tfrecord.gz": floats(3)})
    with pytest.raises(FusionError, match=r"files \[1\] are missing"):
        patch_files.shards(mixer)
    place(tmp_path, {"export-1.tfrecord.gz": floats(2), "export-2.tfrecord": floats(2)})
    with pytest.raises(FusionError, match="several files have one number"):
        patch_files.shards(mixer)
    with pytest.raises(FusionError, match=r"files \[0\] are missing"):
        patch_files.shards(tmp_path / "other-mixer.json")
    with pytest.raises(FusionError, match="there is no file"):
        read_mixer(tmp_path / "other-mixer.json")


def test_another_grid_than_the_mixers_is_refused(tmp_path):
    mixer = Mixer.over(GRID, (5, 7))
    assert mixer.part(GRID.window(2, 3, 4, 4)) == (slice(2, 6), slice(3, 7))
    off = Affine(30, 0, 300007, 0, -30, 3000000)
    for other in (DEGREES, GRID.window(0, 0, 11, 14), GRID.window(-1, 0, 4, 4), Grid(GRID.crs, off, 4, 4)):
        with pytest.raises(FusionError, match="a part of the patches"):
            mixer.part(other)
    for wrong in ({"patch": (0, 7)}, {"patch": (4, 7)}, {"kernel": (3, 3)}):
        with pytest.raises(FusionError, match=r"patches|kernel"):
            Mixer(GRID, **{"patch": (5, 7), **wrong})
    with pytest.raises(FusionError, match="give the image's own grid"):
        patch_files.write_image(image(), DEGREES, tmp_path / "map", (5, 7))
