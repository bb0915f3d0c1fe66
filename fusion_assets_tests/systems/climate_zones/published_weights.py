"""A file of weights as Keras 2 writes it, of the published network's form, for tests: random numbers."""

import h5py
import numpy as np

from fusion_assets.systems.climate_zones.published_network import HEADS, arrays


def weights(seed=0):
    """Random numbers in place of the published ones, in the order of `arrays`."""
    chance, found = np.random.default_rng(seed), []
    for each in arrays():
        wide = np.prod(each.shape[:-1]) if each.kind == "kernel" else 100
        values = chance.normal(0, 1.5 / np.sqrt(wide), each.shape)
        found.append((abs(values) + 0.5 if each.kind in ("gamma", "moving_variance") else values).astype("f4"))
    return found


def write(path, values=None, changed=None):
    """Write them, layer by layer; `changed` may change names and arrays of all layers before."""
    values = iter(weights() if values is None else values)
    layers, numbers = {"input_1": {}}, {}
    for each in arrays():
        of = {"kernel": "dense" if "answer" in each.what else "conv2d", "gamma": "batch_normalization"}.get(each.kind)
        if of:
            numbers[of] = numbers.get(of, 0) + 1
            name = f"dense_{HEADS[numbers[of] - 1]}" if of == "dense" else f"{of}_{numbers[of]}"
            layers[name] = {}
        layers[name][f"{name}/{each.kind}:0"] = next(values)
    if changed:
        changed(layers)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for name, held in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([each.encode() for each in held])
            for each, array in held.items():
                group[each] = array
    return path
