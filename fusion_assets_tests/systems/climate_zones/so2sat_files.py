"""Files shaped as So2Sat's, of every version, with values as radar and optics have them: for tests and benchmarks."""

from pathlib import Path

import h5py
import numpy as np

from fusion_assets.systems.climate_zones.so2sat.layout import CITIES, PARTS

COUNT = 24
ZONE = {"berlin": 32633, "jakarta": 32748, "munich": 32632, "cairo": 32636}


def patches(count=COUNT, seed=0):
    """sen1, sen2 and label of some patches, float64 as published; sen2 times 10,000 is whole."""
    chance = np.random.default_rng(seed)
    zones = np.arange(count) % 17
    gain = (0.5 + zones / 17)[:, None, None]
    signals = chance.standard_normal((2, 2, count, 32, 32))
    vh = np.sqrt(0.02 * gain / 2) * (signals[0, 0] + 1j * signals[0, 1])
    vv = np.sqrt(0.10 * gain / 2) * (signals[1, 0] + 1j * signals[1, 1])
    covariance = smooth(vh * vv.conj())
    sen1 = [vh.real, vh.imag, vv.real, vv.imag, smooth(abs(vh) ** 2), smooth(abs(vv) ** 2)]
    sen1 = np.stack([*sen1, covariance.real, covariance.imag], axis=-1)
    colours = 300 + 200 * np.arange(10) + 60 * zones[:, None]
    colours[zones == 16] = 200  # water
    sen2 = np.rint(colours[:, None, None, :] * chance.uniform(0.8, 1.2, (count, 32, 32, 10))) / 1e4
    return {"sen1": sen1, "sen2": sen2, "label": np.eye(17)[zones]}


def smooth(values):
    """Mean over 3 x 3 pixels, in place of the Lee filter."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return sum(padded[:, row : row + 32, col : col + 32] for row in range(3) for col in range(3)) / 9


def places(count=COUNT, cities=("berlin", "jakarta"), seed=0, order="world file", codes=ZONE):
    """coord, tfw, epsg and city of some patches near the named cities."""
    from fusion_assets.grids.crs import from_lonlat

    chance = np.random.default_rng(seed)
    names = np.array(cities)[np.arange(count) % len(cities)]
    centres = np.empty((count, 2))
    for city in cities:
        rows = names == city
        middle = np.array(from_lonlat(f"EPSG:{ZONE[city]}").transform(*CITIES[city]))
        centres[rows] = np.round(middle / 100) * 100 + chance.integers(-100, 100, (rows.sum(), 2)) * 100
    x, y = centres[:, 0] - 160, centres[:, 1] + 160
    size, none = np.full(count, 10.0), np.zeros(count)
    columns = {"world file": (size, none, none, -size, x, y), "GDAL": (x, size, none, y, none, -size)}
    rest = chance.integers(0, 9000, (count, 4))
    return {
        "coord": np.concatenate([centres, rest], axis=1),
        "tfw": np.stack(columns[order], axis=1),
        "epsg": np.array([codes[name] for name in names])[:, None].astype(float),
        "city": names.astype("S"),
    }


def write(path, arrays, **layout):
    """Write arrays into an HDF5 file.

    Args:
        path: of the file.
        arrays: by name.
        layout: chunks and compression, of patches alone.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, **(layout if name in ("sen1", "sen2") else {}))
    return path


def write_version(folder, version, count=COUNT, changed=None, **layout):
    """Write all files of a version; returns the arrays of patches by part.

    Args:
        folder: for them.
        version: key of `PARTS`.
        count: patches of each part.
        changed: function that changes the arrays of a part in place.
        layout: see `write`.
    """
    made = {}
    for seed, part in enumerate(PARTS[version]):
        made[part] = patches(count, seed)
        if changed:
            changed(made[part])
        write(folder / f"{part}.h5", made[part], **layout)
        if version == "v4":
            write(folder / f"{part}_geo.h5", places(count, seed=seed))
    return made
