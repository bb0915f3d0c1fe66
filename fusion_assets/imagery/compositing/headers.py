"""What a file says of itself, and what its numbers therefore mean: item, file and product together."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
import rasterio.shutil

from fusion_assets.counts import number_of
from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Lattice, is_geographic, misplaced, project_points
from fusion_assets.imagery.compositing.gdal import with_retries
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.imagery.unreadable import UnusableScene
from fusion_assets.storage.raster_files import SCENE_FORMATS, number_type, open_file

_SHOWN = 6
_LONGEST_TEXT, _LONGEST_NAME = 1 << 20, 60
# Of coordinates and pixels, in the units of any CRS; and the sine of the angle between rows and columns.
_FARTHEST, _LEAST_ANGLE = 1e12, 1e-6
_SAME_OFFSET = 1e-9


@dataclass(frozen=True)
class Header:
    """What a file says about itself, at the overview level that suits a grid.

    Attributes:
        lattice: CRS, transform and size at that level.
        dtype: of the stored numbers.
        nodata: the file's own tag.
        block: (height, width) of the blocks it is compressed in.
        level: overview to read; None for full resolution.
        driver: GDAL's name of the format.
        band: number of the band in the file, from 1.
        masked: whether a mask band or an alpha band says what is data.
        scale: the file's own tag, with `offset`; None where it has none.
        offset: see `scale`.
    """

    lattice: Lattice
    dtype: np.dtype
    nodata: float | None
    block: tuple[int, int]
    level: int | None
    driver: str
    band: int = 1
    masked: bool = False
    scale: float | None = None
    offset: float | None = None


def read_header(file: SceneFile, grid: Grid, overviews: bool = True) -> Header:
    """Describe a file at the coarsest overview that is still at least as fine as `grid`; truncated files are refused.

    Args:
        file: to describe.
        grid: to read it onto.
        overviews: False describes full resolution always: for masks, labels and whatever else has no average.

    Raises:
        UnreadableFile: after retries.
        UnusableScene: which band is meant cannot be told, or the file has no place on Earth.
    """

    def describe() -> Header:
        with open_file(file.href, SCENE_FORMATS) as source:
            band = band_number(source, file)
            _check_place(source, file, grid)
            _check_length(source, file.href, band)
            full = _header(source, None, band)
            if full.dtype.kind not in "iuf":
                raise _unreal(file, full.dtype)
            _check_beside(file, full)
            if full.nodata is None and file.nodata is None:
                _check_tag(source, file, full)
            level = _overview_level(source, grid) if overviews and _averages_hold(file, full) else None
            if level is None:
                return full
        with open_file(file.href, (full.driver,), overview_level=level) as source:
            # Overviews have no tags of their own.
            coarse = _header(source, level, band)
            return dataclasses.replace(coarse, nodata=full.nodata, scale=full.scale, offset=full.offset)

    return with_retries(file.href, describe)


def settled(file: SceneFile, header: Header) -> SceneFile:
    """A file with the numbers that hold for it: what its item declares, else its own tags, else its product.

    The no-data number is the item's, the tag's, none where a mask band says, or the product's, in this order.

    Raises:
        UnusableScene: a no-data number that the type cannot hold; numbers that the product's scale is not meant for
            and that nothing declares another for; complex numbers.
    """
    dtype = header.dtype
    if dtype.kind not in "iuf":
        raise _unreal(file, dtype)
    # Of a file that repeats the product's scale, an offset of 0 says nothing: there may be no such tag.
    silent = not header.offset and header.scale == file.scale
    tags = {"scale": header.scale, "offset": None if silent else header.offset}
    said = {name: tags[name] for name in file.assumed}
    if said and header.scale is not None:
        _check_tags(file, header)
    if header.scale is None and "scale" in said:
        kind = "floats" if dtype.kind == "f" else "integers"
        if file.stored_as and file.stored_as != kind:
            raise UnusableScene(
                file.href,
                f"its numbers are {dtype}, and neither the item nor the file says what they are to be multiplied with",
                f"{file.stored_as}, as this product is published, or a declared scale",
                f"declare `scale` in `raster:bands` of the item: {_scale_advice(file)}",
            )
    changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None} | {"assumed": ()}
    if file.unobserved is not None:
        # A physical value, as all that is said of products.
        scale, offset = changes.get("scale", file.scale), changes.get("offset", file.offset)
        changes["unobserved"] = (file.unobserved - offset) / scale
    for owner, number in (("the item", file.nodata), ("its own tag", header.nodata)):
        if number is None or (math.isnan(number) and dtype.kind == "f"):
            continue
        if not holds(dtype, number):
            raise _unheld(file, number, owner, dtype)
        return dataclasses.replace(file, **changes, nodata=number, usual_nodata=None)
    usual = None if header.masked or file.usual_nodata is None else file.usual_nodata
    # What the product says holds for the type it is published in.
    usual = usual if usual is not None and holds(dtype, usual) else None
    return dataclasses.replace(file, **changes, nodata=usual, usual_nodata=None)


def _unreal(file: SceneFile, dtype: np.dtype) -> UnusableScene:
    return UnusableScene(
        file.href, f"its numbers are {dtype}", "integers or real numbers", "use a calibrated, real-valued product"
    )


def _check_tags(file: SceneFile, header: Header) -> None:
    """Refuse scale tags that cannot be, or whose offset contradicts what the item amounts to."""
    scale, offset = header.scale or 0.0, header.offset or 0.0
    wrong = not (math.isfinite(scale) and math.isfinite(offset) and scale > 0)
    # An offset goes with its scale.
    wrong = wrong or (bool(offset) and "scale" not in file.assumed and scale not in (1.0, file.scale))
    # An offset of 0 is what a file without that tag has.
    if wrong or (offset and "offset" not in file.assumed and abs(offset - file.offset) > _SAME_OFFSET):
        raise UnusableScene(
            file.href,
            f"its own tags say scale {scale:g} and offset {offset:g}, and its item leads to scale {file.scale:g} and "
            f"offset {file.offset:g}",
            "tags and item that agree",
            "correct the file (gdal_edit.py -scale, -offset), or declare scale and offset in the item",
        )


def _scale_advice(file: SceneFile) -> str:
    if file.stored_as == "integers":
        return f"1 if they are physical values already, {file.scale:g} if they are stored numbers"
    return "what makes physical values of them; raw digital numbers have no such factor and must be calibrated first"


def holds(dtype: np.dtype, number: float) -> bool:
    """Whether a type has this number; floats, rounded to it."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # decimals of the largest number may lie a little beyond it
            return math.isinf(number) or bool(np.isfinite(dtype.type(number)))
    limits = np.iinfo(dtype)
    return math.isfinite(number) and float(number).is_integer() and limits.min <= number <= limits.max


def band_number(source: rasterio.DatasetReader, file: SceneFile) -> int:
    """Number of the file's band that is meant: as the item says, the only one, or the one that is called so.

    Raises:
        UnusableScene: none of these.
    """
    alpha = rasterio.enums.ColorInterp.alpha
    data = [index for index, colour in zip(source.indexes, source.colorinterp, strict=True) if colour != alpha]
    called = [(text or "")[:_LONGEST_NAME] for text in source.descriptions]
    wanted = " or ".join(file.names) or "the one that is meant"
    remedy = "describe the bands in the item (`bands` or `eo:bands`, with names), or say which in the study: " + (
        f"`assets: {{{(file.names or ('band',))[0]}: key#3}}` for the third"
    )
    if not data:
        raise UnusableScene(
            file.href,
            "it has no band of its own, only parts that hold data sets" if source.subdatasets else "it has no band",
            "a GeoTIFF with the band in it",
            "write the part that is meant as a GeoTIFF with gdal_translate",
        )
    held = number_of(len(data), "band")
    if file.band is not None:
        if file.band in source.indexes:
            return file.band
        raise UnusableScene(file.href, f"it has {held}, and the item says band {file.band}", wanted, remedy)
    if len(data) == 1 and not file.named:
        return data[0]
    for name in file.names:
        matching = [index for index in data if called[index - 1].casefold() == name.casefold()]
        if len(matching) == 1:
            return matching[0]
    shown = ", ".join(filter(None, called[:_SHOWN])) or "without descriptions"
    more = ", ..." if len(called) > _SHOWN else ""
    raise UnusableScene(file.href, f"it has {held} ({shown}{more}), and nothing says which is {wanted}", wanted, remedy)


def _header(source: rasterio.DatasetReader, level: int | None, band: int) -> Header:
    at = band - 1
    lattice = Lattice(_crs_text(source.crs.to_wkt()), source.transform, source.height, source.width)
    flags = source.mask_flag_enums[at]
    masked = rasterio.enums.MaskFlags.per_dataset in flags or rasterio.enums.MaskFlags.alpha in flags
    scale, offset = source.scales[at], source.offsets[at]
    tagged = (scale, offset) != (1.0, 0.0)
    return Header(
        lattice,
        number_type(source.dtypes[at]),
        source.nodatavals[at],
        tuple(source.block_shapes[at]),
        level,
        source.driver,
        band,
        masked,
        scale if tagged else None,
        offset if tagged else None,
    )


def _averages_hold(file: SceneFile, header: Header) -> bool:
    """Whether overviews average data alone: they leave out what the file itself says is none, and nothing else."""
    if header.masked or file.unobserved is not None:
        return False
    wanted = header.nodata if file.nodata is None else file.nodata
    if wanted is None:
        return file.usual_nodata is None
    return math.isnan(wanted) or wanted == header.nodata


def _check_beside(file: SceneFile, header: Header) -> None:
    """Refuse a local file of which a file beside it says more: those are not read, on the web they cost too much."""
    mask, more = Path(f"{file.href}.msk"), Path(f"{file.href}.aux.xml")
    beside = mask if mask.is_file() else None
    if more.is_file():
        with more.open(errors="replace") as content:
            parts = content.read(_LONGEST_TEXT).split("<PAMRasterBand")[1:]
        bands = " ".join(part.partition("</PAMRasterBand>")[0] for part in parts)
        # What the item says goes before.
        open_to = {
            "NoDataValue": (header.nodata,) if file.nodata is None else (),
            "Scale": (1.0, header.scale) if "scale" in file.assumed else (),
            "Offset": (0.0, header.offset) if "offset" in file.assumed else (),
        }
        declarations = re.findall(rf"<({'|'.join(open_to)})\b[^<>]*>\s*([^<\s]+)\s*<", bands)
        if any(open_to[name] and _number(text) not in open_to[name] for name, text in declarations):
            beside = more
    if beside is not None:
        raise UnusableScene(
            file.href,
            f"{beside.name} beside it says what is data or what its numbers mean, and is not read",
            "a GeoTIFF that says so itself",
            f"write both into one file: gdal_translate -co COMPRESS=DEFLATE {Path(file.href).name} whole.tif",
        )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _check_tag(source: rasterio.DatasetReader, file: SceneFile, header: Header) -> None:
    """Refuse a no-data tag that the type cannot hold; such a tag reads as none, but is written on into a VRT."""
    name = f"/vsimem/{uuid.uuid4().hex}.vrt"
    rasterio.shutil.copy(source, name, driver="VRT")
    with rasterio.open(name, driver="VRT") as copy:
        text = "".join(copy.tags(ns="xml:VRT").values())
    rasterio.shutil.delete(name, driver="VRT")
    bands = re.findall(r"<VRTRasterBand.*?</VRTRasterBand>", text, re.DOTALL)
    tag = re.search(r"<NoDataValue>([^<]+)<", bands[header.band - 1]) if len(bands) >= header.band else None
    if tag is not None and not holds(header.dtype, float(tag[1])):
        raise _unheld(file, float(tag[1]), "its own tag", header.dtype)


def _unheld(file: SceneFile, number: float, owner: str, dtype: np.dtype) -> UnusableScene:
    return UnusableScene(
        file.href,
        f"no data is {number:g} by {owner}, which {dtype} cannot hold: its real no-data number is not known",
        f"a no-data number that {dtype} holds",
        "correct the item or the file (gdal_edit.py -a_nodata)",
    )


def _check_place(source: rasterio.DatasetReader, file: SceneFile, grid: Grid) -> None:
    """Refuse a file that has no place on Earth, or another than its item says."""
    terms = source.transform[:6]
    edges = math.hypot(terms[0], terms[3]), math.hypot(terms[1], terms[4])
    thin = abs(source.transform.determinant) < _LEAST_ANGLE * edges[0] * edges[1]
    if not (all(abs(term) < _FARTHEST for term in terms) and min(edges) > 1 / _FARTHEST) or thin:
        raise UnusableScene(
            file.href,
            f"its transform, {', '.join(f'{term:.6g}' for term in terms)}, gives its pixels no place",
            "a GeoTIFF with the size and the place of its pixels",
            "write them into it (gdal_edit.py -a_ullr)",
        )
    if source.crs is None and source.gcps[0]:
        raise UnusableScene(
            file.href,
            f"it lies in the sensor's own geometry, tied to the ground at {len(source.gcps[0])} control points alone",
            "a raster on a map grid, with a CRS and a transform",
            "use a terrain-corrected product (for radar sentinel1_rtc, or COPERNICUS/S1_GRD on Earth Engine), or "
            "geocode and calibrate the scenes first",
        )
    if source.crs is None:
        raise UnusableScene(
            file.href,
            "it has no coordinate reference system",
            "a GeoTIFF with a CRS",
            "write the CRS into it (gdal_edit.py -a_srs EPSG:code)",
        )
    lattice = Lattice(_crs_text(source.crs.to_wkt()), source.transform, source.height, source.width)
    try:
        problem = misplaced(lattice, file.place)
        project_points(np.zeros(1), np.zeros(1), grid.crs, lattice.crs)
    except pyproj.exceptions.ProjError:
        problem = f"its coordinate reference system, {lattice.crs[:_LONGEST_NAME]}, has no way to {grid.crs}"
    if problem:
        raise UnusableScene(
            file.href,
            problem,
            "a file that lies where its item says",
            "correct the item or the file: one of them is wrong",
        )


def _check_length(source: rasterio.DatasetReader, href: str, band: int) -> None:
    """Refuse a local TIFF that ends before its last block, whether or not that block will be needed."""
    if source.driver != "GTiff" or not os.path.isfile(href):
        return
    height, width = source.block_shapes[band - 1]
    block = f"{(source.width - 1) // width}_{(source.height - 1) // height}"
    offset, size = (source.get_tag_item(f"BLOCK_{what}_{block}", "TIFF", bidx=band) for what in ("OFFSET", "SIZE"))
    end, length = int(offset or 0) + int(size or 0), os.path.getsize(href)
    if end > length:
        raise ValueError(f"it is truncated: it has {length} bytes, and its last block ends at {end}")


@functools.lru_cache(maxsize=256)
def _crs_text(wkt: str) -> str:
    return rasterio.CRS.from_wkt(wkt).to_string()


def _overview_level(source: rasterio.DatasetReader, grid: Grid) -> int | None:
    factors = source.overviews(1)
    ratio = grid.resolution / math.hypot(source.transform.a, source.transform.d)
    fitting = [level for level, factor in enumerate(factors) if factor <= ratio * (1 + 1e-9)]
    if not fitting or source.crs is None or is_geographic(source.crs.to_wkt()) != is_geographic(grid.crs):
        return None
    return fitting[-1]
