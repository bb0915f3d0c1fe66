"""Scene files: damaged, lying about themselves, or something else than rasters; each put through a composite."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import rasterio
from affine import Affine

from fusion_assets.imagery import retries
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import (
    CRS,
    FIRST_DAY,
    GRID,
    SHAPE,
    lattice,
    make_item,
    noise,
    small_request,
    write_catalog,
    write_tif,
)
from fusion_assets_tests.malformed.case import Case
from fusion_assets_tests.malformed.raster_texts import ADDRESSES, TEXTS

FEW, MANY = 60, 500
SCALE = 1e-4
_FORMS: tuple[dict[str, Any], ...] = (
    {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16},
    {"compress": "deflate", "predictor": 2},
    {"compress": "lzw"},
    {"compress": "zstd", "BIGTIFF": "YES"},
    {"compress": "deflate", "dtype": "float32", "nodata": float("nan")},
    {"compress": "deflate", "dtype": "int16", "nodata": -1},
    {"compress": "lerc", "tiled": True, "blockxsize": 16, "blockysize": 16},
    {"compress": "packbits", "dtype": "uint8"},
    {"compress": "deflate", "ENDIANNESS": "BIG"},
)
_DTYPES = ("int8", "uint8", "int16", "uint32", "int32", "int64", "uint64", "float32", "float64", "complex64")
_ODD = (0.0, -0.0, 1e-300, -1e300, float("nan"), float("inf"), -float("inf"), 5e-324, 10.0, 9.999999999, 1e7)
_NODATA = ("nan", "inf", "-inf", "", "abc", "1e400", "-1.79e308", "0x10", "7,5", "-0", "7", "7.5", "7" * 9, "\xff")
_WORDS = (0, 1, 2, 3, 7, 16, 255, 256, 32768, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_Mutation = Callable[[Path, np.random.Generator], None]


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    fixed = [*(("text", name) for name in TEXTS), *(("address", name) for name in ADDRESSES), *_SIZES]
    for number in range(count):
        if number < len(fixed):
            kind, name = fixed[number]
            yield Case(f"{kind} {name}", partial(_FIXED[kind], name))
        else:
            mutate = _MUTATIONS[number % len(_MUTATIONS)]
            own = int(random.integers(2**31))
            yield Case(f"{number} {mutate.__name__.strip('_')} {own}", partial(_mutated, mutate, own), _right)


@dataclass(frozen=True)
class Outcome:
    """A composite, and what the file it was made of says when nothing but its pixels is asked for."""

    found: np.ndarray
    clean: np.ndarray
    said: np.ndarray | None
    undefined: bool = False


def _right(outcome: Outcome) -> bool:
    """Damage of pixels that still decode cannot be told from pixels; what the file says must come out, or nothing."""
    return outcome.undefined or any(
        _same(outcome.found, each) for each in (outcome.clean, outcome.said) if each is not None
    )


def _same(found: np.ndarray, expected: np.ndarray) -> bool:
    # 0 and what is huge are no data unless something says what is.
    unclear = np.isnan(found) & ((expected == 0) | (np.abs(expected) >= 1e25))
    return bool((unclear | np.isclose(found, expected, rtol=1e-5, atol=1e-9, equal_nan=True)).all())


def _mutated(mutate: _Mutation, seed: int, folder: Path) -> Outcome:
    random = np.random.default_rng(seed)
    form = _FORMS[int(random.integers(len(_FORMS)))]
    path = folder / "blue.tif"
    path.write_bytes(_clean(tuple(form.items())))
    with rasterio.open(path) as source:
        clean = source.read(1).astype(np.float64) * SCALE
    layout = _layout(path)
    mutate(path, random)
    said = _said(path)
    # Blocks that are decoded in another way than they were encoded may end early, and leave what was in memory.
    undefined = mutate is _directory and _layout(path) != layout
    return Outcome(_composite(folder, str(path)), clean.astype(np.float32), said, undefined)


def _layout(path: Path) -> tuple[Any, ...] | None:
    try:
        with rasterio.open(path, driver="GTiff") as source:
            block = [source.get_tag_item(f"BLOCK_{what}_0_0", "TIFF", 1) for what in ("OFFSET", "SIZE")]
            return source.shape, source.dtypes, source.block_shapes, source.compression, *block
    except (rasterio.errors.RasterioError, ValueError, TypeError):
        return None


def _composite(folder: Path, href: str) -> np.ndarray:
    """B02 of the one scene."""
    mask = write_tif(folder / "scl.tif", np.full(SHAPE, 4, np.uint8))
    properties = {"eo:cloud_cover": 1, "earthsearch:boa_offset_applied": True, "platform": "sentinel-2a"}
    item = make_item("s", {"scl": mask}, FIRST_DAY, properties=properties)
    item.add_asset("blue", item.assets["scl"].clone())
    item.assets["blue"].href = href
    item.assets["blue"].extra_fields = {"raster:bands": [{"scale": SCALE, "offset": 0}]}
    archive = write_catalog(folder / "catalog", {"sentinel-2-l2a": [item]})
    engine = ArchiveEngine(Storage(str(folder / "storage")))
    with patch.object(retries, "sleep", lambda _: None):
        return engine.collect(engine.submit(small_request(archive)))["B02"].to_numpy()


def _said(path: Path) -> np.ndarray | None:
    """What a file says at the centres of the grid, read whole; None where it does not say."""
    try:
        with warnings.catch_warnings(), rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
            warnings.simplefilter("ignore")
            with rasterio.open(path, driver="GTiff") as source:
                if source.width * source.height > 1 << 20 or source.count != 1:
                    return None
                values, known = source.read(1), source.read_masks(1) > 0
                x, y = np.meshgrid(*GRID.centres())
                cols, rows = ~source.transform @ (x, y)
        if values.dtype.kind not in "iuf":
            return None
        rows, cols = np.floor(rows + 1e-8).astype(int), np.floor(cols + 1e-8).astype(int)
        inside = (rows >= 0) & (rows < values.shape[0]) & (cols >= 0) & (cols < values.shape[1])
        at = rows.clip(0, values.shape[0] - 1), cols.clip(0, values.shape[1] - 1)
        known = known & np.isfinite(values)
        return np.where(inside & known[at], values[at] * SCALE, np.nan).astype(np.float32)
    except Exception:  # whatever is wrong with it
        return None


@lru_cache(maxsize=16)
def _clean(form: tuple[tuple[str, Any], ...]) -> bytes:
    options = {"dtype": "uint16", **dict(form)}
    high = 200 if options["dtype"] == "uint8" else 4000
    profile = {"driver": "GTiff", "height": SHAPE[0], "width": SHAPE[1], "count": 1, "crs": CRS, "transform": lattice()}
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile, **options) as file:
            file.write(noise(SHAPE, 1, 8, high).astype(options["dtype"]), 1)
        return bytes(memory.read())


def _flip(path: Path, random: np.random.Generator) -> None:
    """Bytes anywhere but in the pixels: GDAL leaves the checksums of compressed blocks unread."""
    content = bytearray(path.read_bytes())
    with rasterio.open(path) as source:
        height, width = source.block_shapes[0]
        names = [f"{col}_{row}" for row in range(-(-SHAPE[0] // height)) for col in range(-(-SHAPE[1] // width))]
        said = [source.get_tag_item(f"BLOCK_{what}_{name}", "TIFF", 1) for name in names for what in ("OFFSET", "SIZE")]
        blocks = [(int(offset), int(size)) for offset, size in zip(said[::2], said[1::2], strict=True)]
    pixels = {place for offset, size in blocks for place in range(offset, offset + size)}
    others = [place for place in range(len(content)) if place not in pixels]
    for _ in range(int(random.integers(1, 6))):
        content[others[int(random.integers(len(others)))]] ^= int(random.integers(1, 256))
    path.write_bytes(content)


def _flip_head(path: Path, random: np.random.Generator) -> None:
    """Bytes of the header and the first directory."""
    content = bytearray(path.read_bytes())
    for _ in range(int(random.integers(1, 4))):
        content[int(random.integers(min(420, len(content))))] = int(random.choice([0, 1, 2, 127, 128, 255]))
    path.write_bytes(content)


def _cut(path: Path, random: np.random.Generator) -> None:
    """An end that is missing."""
    content = path.read_bytes()
    path.write_bytes(content[: int(random.integers(len(content)))])


def _directory(path: Path, random: np.random.Generator) -> None:
    """One number of an entry of the directory: its tag, type, count or value."""
    content = bytearray(path.read_bytes())
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] not in (b"*\0", b"\0*"):
        return _flip_head(path, random)
    (start,) = struct.unpack_from(order + "I", content, 4)
    (entries,) = struct.unpack_from(order + "H", content, start)
    at = start + 2 + 12 * int(random.integers(entries))
    offset, form = ((0, "H"), (2, "H"), (4, "I"), (8, "I"))[int(random.choice(4, p=[0.1, 0.1, 0.3, 0.5]))]
    value = int(random.choice(_WORDS)) if random.random() < 0.7 else int(random.integers(2**31))
    struct.pack_into(order + form, content, at + offset, value & (0xFFFF if form == "H" else 0xFFFFFFFF))
    path.write_bytes(content)


def _transform(path: Path, random: np.random.Generator) -> None:
    """Terms of the transform that are odd, turned, or elsewhere."""
    terms = list(lattice()[:6])
    for _ in range(int(random.integers(1, 3))):
        term = int(random.integers(6))
        terms[term] = float(random.choice([*_ODD, terms[term] + float(random.normal(0, 30))]))
    _rewrite(path, transform=Affine(*terms))


def _no_data(path: Path, random: np.random.Generator) -> None:
    """A no-data tag of some text, as long as the number that it is written over."""
    _write(path, noise(SHAPE, 1).astype(np.float32), "float32", nodata=123456789.0)
    text = str(random.choice(_NODATA)).encode("latin-1")
    path.write_bytes(path.read_bytes().replace(b"123456789", text[:9].ljust(9, b"\0")))


def _dtype(path: Path, random: np.random.Generator) -> None:
    """Another type of numbers."""
    dtype = str(random.choice([*_DTYPES, "complex_int16"]))
    with rasterio.open(path) as source:
        values = source.read(1)
    if dtype == "complex_int16":
        values = values.astype("complex64")
    else:
        values = values.clip(0, 100).astype(dtype) if dtype.endswith("int8") else values.astype(dtype)
    _write(path, values, dtype)


def _bands(path: Path, random: np.random.Generator) -> None:
    """Bands more than one, without names or with the same, palettes, descriptions that are no text."""
    with rasterio.open(path) as source:
        values = source.read(1)
    count = int(random.integers(1, 5))
    _write(path, np.stack([values] * count) if count > 1 else values, values.dtype.name)
    with rasterio.open(path, "r+") as target:
        for index in target.indexes:
            target.set_band_description(index, str(random.choice(["", "B02", "blue", "\x1b[2J", "x" * 5000])))


def _beside(path: Path, random: np.random.Generator) -> None:
    """Files beside it that say something else."""
    place = "<GeoTransform>1,2,0,3,0,-4</GeoTransform><SRS>EPSG:4326</SRS>"
    band = '<PAMRasterBand band="1"><NoDataValue>9</NoDataValue><Scale>7</Scale></PAMRasterBand>'
    contents: dict[str, str | bytes] = {
        ".aux.xml": f"<PAMDataset>{place if random.random() < 0.5 else band}</PAMDataset>",
        ".ovr": path.read_bytes(),
        ".msk": bytes(100),
        ".aux.xml ": "<PAMRasterBand" * 100_000 + "<Scale" * 100_000,
    }
    name = str(random.choice(list(contents)))
    content = contents[name]
    Path(f"{path}{name.strip()}").write_bytes(content if isinstance(content, bytes) else content.encode())
    path.with_suffix(".tfw").write_text("1\n0\n0\n-1\n7\n8\n")


def _rewrite(path: Path, **changes: Any) -> None:
    with rasterio.open(path) as source:
        values, dtype = source.read(1), source.dtypes[0]
    _write(path, values, dtype, **changes)


def _write(path: Path, values: np.ndarray, dtype: str, **changes: Any) -> None:
    values = values if values.ndim == 3 else values[None]
    count, height, width = values.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": count, "crs": CRS, "transform": lattice()}
    path.unlink(missing_ok=True)
    with rasterio.open(path, "w", **{**profile, "dtype": dtype, "compress": "deflate", **changes}) as file:
        file.write(values)


_MUTATIONS = (_flip, _flip_head, _directory, _cut, _directory, _transform, _no_data, _dtype, _bands, _beside)


def _text(name: str, folder: Path) -> Any:
    """A text or a file of another kind under the name of a TIFF."""
    (folder / "secret.bin").write_bytes(bytes(range(1, 201)) * 20)
    path = folder / "blue.tif"
    path.write_bytes(TEXTS[name](folder))
    return _composite(folder, str(path))


def _address(name: str, folder: Path) -> Any:
    """An address that leads to no file."""
    write_tif(folder / "real.tif", noise(SHAPE, 1))
    os.mkfifo(folder / "pipe.tif")
    (folder / "folder.tif").mkdir()
    return _composite(folder, ADDRESSES[name].format(folder=folder))


def _size(name: str, folder: Path) -> Any:
    """A small file that says it is a large one."""
    path = folder / "blue.tif"
    large_file(path, name)
    return _composite(folder, str(path))


def large_file(path: Path, name: str) -> None:
    """Write a file of a few kilobytes that says it is one of `LARGE`."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": CRS, "SPARSE_OK": True}
    with rasterio.open(path, "w", **{**profile, **LARGE[name]}):
        pass


_FINE = Affine(0.001, 0, GRID.transform.c, 0, -0.001, GRID.transform.f)
LARGE: dict[str, dict[str, Any]] = {
    "pixels of a millimetre": {"height": 300_000, "width": 300_000, "tiled": True, "transform": _FINE},
    "one block": {
        "height": 60_000, "width": 60_000, "tiled": True, "blockxsize": 60_000, "blockysize": 60_000,
        "compress": "deflate", "transform": lattice(),
    },
    "one strip": {"height": 60_000, "width": 60_000, "blockysize": 60_000, "compress": "lzw", "transform": lattice()},
    "many bands": {"height": 40, "width": 50, "count": 65_000, "dtype": "uint8", "transform": lattice()},
}  # fmt: skip
_SIZES = [("size", name) for name in LARGE]
_FIXED: dict[str, Callable[[str, Path], Any]] = {"text": _text, "address": _address, "size": _size}
