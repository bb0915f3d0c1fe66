"""Two scenes over one square, each band at the pixel size at which the sensor measures, and a plan of patches."""

from pathlib import Path

import numpy as np

from fusion_assets.systems.embeddings.corpus.layout import Layout
from fusion_assets.systems.embeddings.corpus.reading import ArchiveReader
from fusion_assets.systems.embeddings.sensors import OPTICS
from fusion_assets_tests.imagery.archives import lattice, make_item, noise, write_tif

WEST, NORTH, EDGE, SIZE = 499_980, 5_600_040, 144, 24
LAYOUT = Layout(SIZE)
METRES = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B01": 60, "B09": 60, "B10": 60}


def values_of(name, seed=0):
    """What a file of the scene holds."""
    if name == "scl":
        return np.where(noise((EDGE // 2, EDGE // 2), seed, 0, 10) == 9, 9, 4).astype(np.uint8)
    if name in ("vv", "vh"):
        return np.random.default_rng([seed, ord(name[1])]).gamma(4, 0.02, (EDGE, EDGE)).astype(np.float32)
    edge = EDGE * 10 // METRES.get(name, 20)
    return noise((edge, edge), seed + sum(map(ord, name)))


def write_file(root, name, values=None, west=WEST, north=NORTH, step=None, crs="EPSG:32631"):
    """One file of a scene."""
    step = step or {"scl": 20, "vv": 10, "vh": 10}.get(name, METRES.get(name, 20))
    values = values_of(name) if values is None else values
    return write_tif(Path(root) / f"{name}.tif", values, lattice(west, north, step), crs, block=16)


def optics_item(root, name="optics", bands=OPTICS["sentinel2_l2a"], properties=None, **files):
    """An item of Sentinel-2; `files` replace those that it would have."""
    assets = {band: files.get(band) or write_file(root, band) for band in bands}
    assets["scl"] = files.get("scl") or write_file(root, "scl")
    return make_item(name, assets, properties={"s2:processing_baseline": "03.01", **(properties or {})})


def radar_item(root, name="radar", fields=None, **files):
    """An item of Sentinel-1, in linear power."""
    return make_item(name, {band: files.get(band) or write_file(root, band) for band in ("vv", "vh")}, fields=fields)


def plan_row(patch, size=SIZE, **changes):
    """A row of the plan: patches lie side by side, from the scene's corner on."""
    across = EDGE // size
    row, column = divmod(patch % across**2, across)
    x, y = WEST + column * size * 10, NORTH - row * size * 10
    found = {"patch": patch, "epsg": 32631, "x": float(x), "y": float(y), "optics": "optics", "radar": "radar"}
    return {**found, "incidence": 38.5, **changes}


def plan(count, **changes):
    """The first rows of a plan."""
    return [plan_row(patch, **changes) for patch in range(count)]


def archive_reader(root, layout=LAYOUT, **items):
    """A reader over the two scenes; `items` replace them."""
    known = {"optics": items.get("optics") or optics_item(root), "radar": items.get("radar") or radar_item(root)}
    return ArchiveReader(known.__getitem__, layout)
