"""Reading one band of one scene onto a grid: files, overviews, no-data, retries.

What does not belong here: where a grid's pixels fall in a file (`placement.py`), which pixels are clear and how scenes
are reduced (`composite.py`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import os
import re
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import rasterio
import rasterio.shutil
import rasterio.windows
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from fusion_assets.imagery.addresses import public_url
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.placement import Lattice, Places, is_geographic, misplaced, outline_window
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.imagery.unreadable import ATTEMPTS, UnreadableFile, UnusableScene

_PAUSE_SECONDS = 0.2
_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    # Seconds for connecting, for a whole answer, and at less than so many bytes a second.
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_LOW_SPEED_TIME": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "CPL_VSIL_CURL_CACHE_SIZE": 128_000_000,
    # Bytes, for all threads together: a file's blocks are kept only while one window of it is read.
    "GDAL_CACHEMAX": 64 << 20,
}
_WEB = "/vsicurl/:/vsis3/:/vsigs/:/vsiaz/:/vsiadls/:/vsioss/:/vsiswift/"
# What GDAL and curl say of servers that are busy, slow or away.
_PASSING = re.compile(
    r"HTTP (?:response|error) code ?:? ?(?:408|425|429|5\d\d)|CURL error|timed? ?out|reset by peer"
    r"|could ?n.t (?:resolve|connect)",
    re.IGNORECASE,
)
_FILL = 1e30
_SHOWN = 6
_SAME_OFFSET = 1e-9
_T = TypeVar("_T")

# Files without a CRS are refused when their header is read; see `_check_place`.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, module=r"rasterio$")


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


@contextlib.contextmanager
def gdal_environment(requester_pays: bool = False) -> Iterator[None]:
    """GDAL settings for many small windowed reads, local or over HTTP; they hold for the calling thread."""
    extra = {"AWS_REQUEST_PAYER": "requester"} if requester_pays else {}
    with rasterio.Env(**_GDAL, **extra):
        yield


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
        with rasterio.open(file.href) as source:
            band = band_number(source, file)
            _check_place(source, file)
            _check_length(source, file.href, band)
            full = _header(source, None, band)
            _check_beside(file.href)
            if full.nodata is None and file.nodata is None and full.dtype.kind in "iu":
                _check_tag(source, file, full)
            level = _overview_level(source, grid) if overviews and _averages_hold(file, full) else None
            if level is None:
                return full
        with rasterio.open(file.href, overview_level=level) as source:
            # Overviews have no tags of their own.
            coarse = _header(source, level, band)
            return dataclasses.replace(coarse, nodata=full.nodata, scale=full.scale, offset=full.offset)

    return _with_retries(file.href, describe)


def read_nearest(
    file: SceneFile,
    grid: Grid,
    dtype: np.dtype | None = None,
    *,
    header: Header | None = None,
    places: Places | None = None,
    any_number: bool = False,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Stored numbers at each pixel centre of `grid`, and where there are any.

    Args:
        file: what to read; its scale and offset are not applied.
        grid: where to; when its pixels are larger than the file's, the overview next finer than them is read.
        dtype: of the result; the file's own when None.
        header: of the file for this grid's resolution, when it is known already.
        places: of the grid, shared between files.
        any_number: no stored number means no data: masks, whose every number is judged; never read from overviews.

    Returns:
        `(values, valid)`, each (height, width), or None when the file lies outside the grid altogether.

    Raises:
        UnreadableFile: after retries.
    """
    if header is None:
        header = read_header(file, grid, overviews=not any_number)
        file = file if any_number else settled(file, header)
    found = (places or Places(grid)).nearest(header.lattice)
    if found is None:
        return None
    data, known = _read_window(file.href, header, found.window, with_mask=not any_number)
    valid = None if any_number else _valid(data, file, known)
    there = np.ones(grid.shape, bool) if valid is None else found.take(valid)
    if found.inside is not None:
        there &= found.inside
    return found.take(data if dtype is None else data.astype(dtype, copy=False)), there


def read_bilinear(
    file: SceneFile, grid: Grid, *, header: Header | None = None, places: Places | None = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Physical values (scale and offset applied, float32) interpolated at each pixel centre, and where valid.

    A value is valid where every source pixel with a non-zero weight is; beyond the outermost pixel centres, but
    inside the file, the outermost value is kept. Arguments, returns and raises as `read_nearest`.
    """
    if header is None:
        header = read_header(file, grid)
        file = settled(file, header)
    found = (places or Places(grid)).bilinear(header.lattice)
    if found is None:
        return None
    data, known = _read_window(file.href, header, found.window)
    valid = _valid(data, file, known)
    physical = data * np.float64(file.scale) + file.offset
    if valid is not None:
        physical[~valid] = np.nan
    flat, total = physical.reshape(-1), np.zeros(grid.shape)
    for position, weight in found.corners:
        total += flat.take(position) * weight
    total[~found.inside] = np.nan
    return total.astype(np.float32), np.isfinite(total)


def read_part(file: SceneFile, grid: Grid, header: Header | None = None) -> None:
    """Decode every block that `grid` may need and keep nothing; raises UnreadableFile when any is damaged."""
    header = header or read_header(file, grid)
    needed = outline_window(header.lattice, grid) or (0, 0, header.lattice.height, header.lattice.width)
    row, col, height, width = needed
    # Whole blocks, about four million pixels at a time.
    step = max(1, (4 << 20) // (header.block[0] * max(width, 1))) * header.block[0]
    for top in range(row // step * step, row + height, step):
        first, last = max(top, row), min(top + step, row + height)
        if width > 0:
            _read_window(file.href, header, (first, col, last - first, width))


def settled(file: SceneFile, header: Header) -> SceneFile:
    """A file with the numbers that hold for it: what its item declares, else its own tags, else its product.

    The no-data number is the item's, the tag's, none where a mask band says, or the product's, in this order.

    Raises:
        UnusableScene: a no-data number that the type cannot hold; numbers that the product's scale is not meant for
            and that nothing declares another for; complex numbers.
    """
    dtype = header.dtype
    if dtype.kind not in "iuf":
        raise UnusableScene(
            file.href, f"its numbers are {dtype}", "integers or real numbers", "use a calibrated, real-valued product"
        )
    tags = {"scale": header.scale, "offset": header.offset}
    said = {name: tags[name] for name in file.assumed}
    if "scale" in said and header.scale is not None:
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
        if not _holds(dtype, number):
            raise _unheld(file, number, owner, dtype)
        return dataclasses.replace(file, **changes, nodata=number, usual_nodata=None)
    usual = None if header.masked or file.usual_nodata is None else file.usual_nodata
    # What the product says holds for the type it is published in.
    usual = usual if usual is not None and _holds(dtype, usual) else None
    return dataclasses.replace(file, **changes, nodata=usual, usual_nodata=None)


def _check_tags(file: SceneFile, header: Header) -> None:
    """Refuse scale tags that cannot be, or whose offset contradicts what the item amounts to."""
    scale, offset = header.scale or 0.0, header.offset or 0.0
    wrong = not (math.isfinite(scale) and math.isfinite(offset) and scale > 0)
    if wrong or ("offset" not in file.assumed and abs(offset - file.offset) > _SAME_OFFSET):
        raise UnusableScene(
            file.href,
            f"its own tags say scale {scale:g} and offset {offset:g}, and its item leads to offset {file.offset:g}",
            "tags and item that agree",
            "correct the file (gdal_edit.py -scale, -offset), or declare scale and offset in the item",
        )


def _scale_advice(file: SceneFile) -> str:
    if file.stored_as == "integers":
        return f"1 if they are physical values already, {file.scale:g} if they are stored numbers"
    return "what makes physical values of them; raw digital numbers have no such factor and must be calibrated first"


def _holds(dtype: np.dtype, number: float) -> bool:
    """Whether a type has this number."""
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
    called = [text or "" for text in source.descriptions]
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
    if file.band is not None:
        if file.band in source.indexes:
            return file.band
        raise UnusableScene(file.href, f"it has {len(data)} bands, and the item says band {file.band}", wanted, remedy)
    if len(data) == 1 and not file.named:
        return data[0]
    for name in file.names:
        matching = [index for index in data if called[index - 1].casefold() == name.casefold()]
        if len(matching) == 1:
            return matching[0]
    shown = ", ".join(filter(None, called[:_SHOWN])) or "without descriptions"
    more = ", ..." if len(called) > _SHOWN else ""
    raise UnusableScene(
        file.href, f"it has {len(data)} bands ({shown}{more}), and nothing says which is {wanted}", wanted, remedy
    )


def _read_window(
    href: str, header: Header, window: tuple[int, int, int, int], with_mask: bool = True
) -> tuple[np.ndarray, np.ndarray | None]:
    """Stored numbers of a part of a file, and where its mask or alpha band says there is data (None: it has none)."""
    row, col, height, width = window

    def read() -> tuple[np.ndarray, np.ndarray | None]:
        options: dict[str, Any] = {} if header.level is None else {"overview_level": header.level}
        if header.driver == "GTiff":
            # The header has told where the pixels lie. Not asking again saves 0.4 ms, mostly spent alone under a lock.
            options["GEOREF_SOURCES"] = "NONE"
        with rasterio.open(href, driver=header.driver, **options) as source:
            part = rasterio.windows.Window(col, row, width, height)
            known = source.read_masks(header.band, window=part) > 0 if header.masked and with_mask else None
            return source.read(header.band, window=part), known

    return _with_retries(href, read)


def _with_retries(href: str, read: Callable[[], _T]) -> _T:
    reason = ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return read()
        except (RasterioError, OSError, ValueError) as error:
            reason = str(error.__cause__ or error).replace(href, public_url(href)).strip() or type(error).__name__
        if attempt < ATTEMPTS:
            _forget(href)
            time.sleep(_PAUSE_SECONDS * attempt)
    _forget(href)
    # Outside the handler: GDAL's own errors cannot be pickled, and a cluster would lose ours with them.
    raise UnreadableFile(href, reason, transient=bool(_PASSING.search(reason)))


def _forget(href: str) -> None:
    """Make GDAL ask again for a file on the web: it remembers for the life of a process that one was not there."""
    if "://" not in href and not href.startswith("/vsi"):
        return
    # A handle that is opened under this option takes with it, when it closes, what was remembered of its file.
    with rasterio.Env(CPL_VSIL_CURL_NON_CACHED=_WEB), contextlib.suppress(RasterioError, OSError, ValueError):
        rasterio.open(href).close()


def _valid(values: np.ndarray, file: SceneFile, known: np.ndarray | None) -> np.ndarray | None:
    """Where numbers are data; None when that is everywhere."""
    valid = np.isfinite(values) if values.dtype.kind == "f" else None
    for number in (file.nodata, file.unobserved):
        if number is None or not math.isfinite(number) or not _holds(values.dtype, number):
            continue
        exact = int(number) if values.dtype.kind in "iu" else number
        different = values != values.dtype.type(exact)
        if values.dtype == np.float64:
            # Written from single precision, as many files are.
            different &= values != np.float64(np.float32(number))
        if values.dtype.kind == "f" and abs(number) >= _FILL:
            # Fill of this size is declared in rounded decimals, and nothing measured comes near it.
            different &= np.abs(values) < _FILL
        valid = different if valid is None else valid & different
    if known is not None:
        valid = known if valid is None else valid & known
    return valid


def _header(source: rasterio.DatasetReader, level: int | None, band: int) -> Header:
    at = band - 1
    lattice = Lattice(_crs_text(source.crs.to_wkt()), source.transform, source.height, source.width)
    flags = source.mask_flag_enums[at]
    masked = rasterio.enums.MaskFlags.per_dataset in flags or rasterio.enums.MaskFlags.alpha in flags
    scale, offset = source.scales[at], source.offsets[at]
    tagged = (scale, offset) != (1.0, 0.0)
    return Header(
        lattice,
        np.dtype(source.dtypes[at]),
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


def _check_beside(href: str) -> None:
    """Refuse a local file that files beside it say more of: those are not read, on the web they would cost too much."""
    mask, more = Path(f"{href}.msk"), Path(f"{href}.aux.xml")
    beside = mask if mask.is_file() else None
    if more.is_file() and re.search(r"<(NoDataValue|Scale|Offset)\b", more.read_text(errors="replace")):
        beside = more
    if beside is not None:
        raise UnusableScene(
            href,
            f"{beside.name} beside it says what is data or what its numbers mean, and is not read",
            "a GeoTIFF that says so itself",
            f"write both into one file: gdal_translate -co COMPRESS=DEFLATE {Path(href).name} whole.tif",
        )


def _check_tag(source: rasterio.DatasetReader, file: SceneFile, header: Header) -> None:
    """Refuse a no-data tag that the type cannot hold; such a tag reads as none, but is written on into a VRT."""
    name = f"/vsimem/{uuid.uuid4().hex}.vrt"
    rasterio.shutil.copy(source, name, driver="VRT")
    with rasterio.open(name) as copy:
        text = "".join(copy.tags(ns="xml:VRT").values())
    rasterio.shutil.delete(name, driver="VRT")
    bands = re.findall(r"<VRTRasterBand.*?</VRTRasterBand>", text, re.DOTALL)
    tag = re.search(r"<NoDataValue>([^<]+)<", bands[header.band - 1]) if len(bands) >= header.band else None
    if tag is not None and not _holds(header.dtype, float(tag[1])):
        raise _unheld(file, float(tag[1]), "its own tag", header.dtype)


def _unheld(file: SceneFile, number: float, owner: str, dtype: np.dtype) -> UnusableScene:
    return UnusableScene(
        file.href,
        f"no data is {number:g} by {owner}, which {dtype} cannot hold: its real no-data number is not known",
        f"a no-data number that {dtype} holds",
        "correct the item or the file (gdal_edit.py -a_nodata)",
    )


def _check_place(source: rasterio.DatasetReader, file: SceneFile) -> None:
    """Refuse a file that has no place on Earth, or another than its item says."""
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
    if problem := misplaced(lattice, file.place):
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
