"""The published network: what its answers are made of, and which files are refused."""

import h5py
import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.published_network import (
    CONVOLUTIONS,
    HEADS,
    NOT_CALIBRATED,
    arrays,
    published_network,
    read_weights,
    weights_told,
)
from fusion_assets_tests.systems.climate_zones.published_weights import weights, write


def softmax(values):
    grown = np.exp(values - values.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)


def answered(patches, held):
    """What the network says, by definition: plain sums in place of Keras."""
    held, values, means = iter(np.asarray(each, "f8") for each in held), patches.astype("f8"), {}
    for block in range(1, 5):
        for _ in range(CONVOLUTIONS):
            kernel, bias, gamma, beta, mean, variance = (next(held) for _ in range(6))
            wide = np.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)))
            around = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(1, 2))
            values = np.einsum("nyxcij,ijcf->nyxf", around, kernel, optimize=True) + bias
            values = np.maximum((values - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)
        if block < 4:
            n, height, width, channels = values.shape
            blocks = values.reshape(n, height // 2, 2, width // 2, 2, channels)
            values = np.concatenate([blocks.max(axis=(2, 4)), blocks.mean(axis=(2, 4))], axis=-1)
        means[block] = values.mean(axis=(1, 2))
    return np.mean([softmax(means[block] @ next(held) + next(held)) for block in HEADS], axis=0)


def test_answers_are_the_mean_of_four_blocks(tmp_path):
    held = weights()
    model, card = published_network(write(tmp_path / "w.hdf5", held))
    patches = np.random.default_rng(1).uniform(0, 1, (3, 32, 32, 10)).astype("f4")
    patches *= np.float32([1, 5, 20])[:, None, None, None]
    found, expected = np.asarray(model(patches, training=False)), answered(patches, held)
    assert found == pytest.approx(expected, abs=1e-5) and np.ptp(expected, axis=0).max() > 1e-3
    assert model.count_params() == sum(np.prod(each.shape) for each in arrays()) == 793_348
    assert card["features"] == ["B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"]
    assert card["calibration"] == NOT_CALIBRATED and len(card["weights"]["sha256"]) == 64
    assert "temperature" not in card and "coverage" not in card
    assert weights_told(tmp_path / "w.hdf5") == f"w.hdf5: Sen2LCZ-Net-MF, 793,348 numbers; {NOT_CALIBRATED}"


def put(layers, name, array):
    layers[name.partition("/")[0]][name] = array


def swapped(layers):
    held = layers["batch_normalization_1"]
    layers["batch_normalization_1"] = dict(reversed(held.items()))


@pytest.mark.parametrize(
    ("changed", "found", "expected"),
    [
        (
            lambda layers: put(layers, "conv2d_1/kernel:0", np.zeros((3, 3, 13, 16), "f4")),
            r"conv2d_1/kernel:0 of shape \(3, 3, 13, 16\)",
            "convolution 1 of block 1",
        ),
        (
            lambda layers: put(layers, "dense_4/bias:0", np.zeros(16, "f4")),
            r"dense_4/bias:0 of shape \(16,\)",
            "the answer of block 4",
        ),
        (swapped, "batch_normalization_1/moving_variance:0", "gamma of shape"),
        (lambda layers: layers.pop("dense_3"), "holds 102 arrays", "104"),
        (
            lambda layers: put(layers, "conv2d_2/bias:0", np.full(16, np.nan, "f4")),
            "conv2d_2/bias:0 with values that are none",
            "finite",
        ),
        (
            lambda layers: put(layers, "batch_normalization_3/moving_variance:0", np.full(16, -1, "f4")),
            "batch_normalization_3/moving_variance:0 with",
            "finite",
        ),
        (
            lambda layers: put(layers, "conv2d_5/bias:0", np.array([b"x"] * 32)),
            "no numbers under 'conv2d_5/bias:0'",
            "Keras 2",
        ),
    ],
)
def test_weights_of_another_network_are_refused_by_name(changed, found, expected, tmp_path):
    with pytest.raises(FusionError, match=found) as error:
        read_weights(write(tmp_path / "w.hdf5", changed=changed))
    assert expected in error.value.expected and "climate_zones.map.weights" in error.value.remedy


def test_files_that_hold_no_weights_are_refused(tmp_path):
    path = tmp_path / "w.hdf5"
    with pytest.raises(FusionError, match="nothing"):
        read_weights(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(FusionError, match="cannot be opened"):
        read_weights(path)
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(FusionError, match="does not say layer_names"):
        read_weights(path)
    write(path)
    with h5py.File(path, "a") as file:
        del file["conv2d_7"]
    with pytest.raises(FusionError, match="no group 'conv2d_7'"):
        read_weights(path)
    write(path)
    with h5py.File(path, "a") as file:
        del file["conv2d_7/conv2d_7/kernel:0"]
        file["conv2d_7"].create_dataset("conv2d_7/kernel:0", (3, 3, 32, 32), "f4")  # never written: zeros
    with pytest.raises(FusionError, match="conv2d_7/kernel:0 has 0 of"):
        read_weights(path)
