"""What is no raster of a format that archives keep, though GDAL would make pixels of it; and addresses of no file.

Most of it names another file of this machine, whose bytes would become pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import rasterio
import rasterio.shutil

from fusion_assets_tests.imagery.archives import CRS, SHAPE, lattice, noise, write_tif

_HEIGHT, _WIDTH = SHAPE
_TERMS = ",".join(str(term) for term in lattice().to_gdal())
_VRT = """<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>{crs}</SRS><GeoTransform>{terms}</GeoTransform>
<VRTRasterBand dataType="UInt16" band="1" {kind}>{inner}</VRTRasterBand></VRTDataset>"""
_RAW = """<SourceFilename relativeToVRT="0">{folder}/secret.bin</SourceFilename><ImageOffset>0</ImageOffset>
<PixelOffset>1</PixelOffset><LineOffset>50</LineOffset>"""
_SIMPLE = """<SimpleSource><SourceFilename relativeToVRT="0">{folder}/real.tif</SourceFilename>
<SourceBand>1</SourceBand></SimpleSource>"""


def _vrt(kind: str, inner: str) -> Callable[[Path], bytes]:
    def text(folder: Path) -> bytes:
        write_tif(folder / "real.tif", noise(SHAPE, 1))
        filled = inner.format(folder=folder)
        return _VRT.format(width=_WIDTH, height=_HEIGHT, crs=CRS, terms=_TERMS, kind=kind, inner=filled).encode()

    return text


def _as(driver: str) -> Callable[[Path], bytes]:
    def content(folder: Path) -> bytes:
        values = noise(SHAPE, 1, 1, 200, "uint8")
        path = folder / "other"
        rasterio.shutil.copy(write_tif(folder / "real.tif", values), path, driver=driver)
        return path.read_bytes()

    return content


def _external(folder: Path) -> bytes:
    import h5py

    with h5py.File(folder / "external.nc", "w") as file:
        place = [(str(folder / "secret.bin"), 0, _HEIGHT * _WIDTH)]
        file.create_dataset("band", shape=SHAPE, dtype="u1", external=place)
    return (folder / "external.nc").read_bytes()


def _plain(text: str) -> Callable[[Path], bytes]:
    return lambda folder: text.replace("{folder}", str(folder)).encode()


TEXTS: dict[str, Callable[[Path], bytes]] = {
    "VRT with a raw band": _vrt('subClass="VRTRawRasterBand"', _RAW),
    "VRT of another file": _vrt("", _SIMPLE),
    "PNG": _as("PNG"),
    "JPEG": _as("JPEG"),
    "BMP": _as("BMP"),
    "GIF": _as("GIF"),
    "ASCII grid": _as("AAIGrid"),
    "Erdas Imagine": _as("HFA"),
    "netCDF whose numbers lie in another file": _external,
    "MRF": _plain(
        f'<MRF_META><Raster><Size x="{_WIDTH}" y="{_HEIGHT}" c="1"/><DataFile>{{folder}}/secret.bin</DataFile>'
        "<Compression>NONE</Compression></Raster></MRF_META>"
    ),
    "WMS": _plain('<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:9/${z}</ServerUrl></Service></GDAL_WMS>'),
    "tile index": _plain("<GDALTileIndexDataset><IndexDataset>{folder}/real.tif</IndexDataset></GDALTileIndexDataset>"),
    "STAC tiled assets": _plain('{"type": "Feature", "stac_extensions": ["tiled-assets"], "tiled_assets": {}}'),
    "nothing": _plain(""),
    "one byte": _plain("I"),
    "a header alone": lambda folder: b"II*\0",
    "zeros": lambda folder: bytes(5000),
    "JPEG 2000 box": lambda folder: bytes.fromhex("0000000c6a5020200d0a870a") + bytes(500),
}
"""By name: what stands in a file that is called a TIFF, given its folder."""

ADDRESSES = {
    "device": "/dev/zero",
    "pipe": "{folder}/pipe.tif",
    "folder": "{folder}/folder.tif",
    "folder, slash": "{folder}/folder.tif/",
    "standard input": "/vsistdin/",
    "memory": "/vsimem/x.tif",
    "archive": "/vsizip/{folder}/real.tif",
    "archive, other spelling": "zip://{folder}/real.tif!x.tif",
    "part of a file": "/vsisubfile/0_100,{folder}/real.tif",
    "sparse": "/vsisparse/{folder}/real.tif",
    "curl and a local file": "/vsicurl/file://{folder}/real.tif",
    "curl with options": "/vsicurl?url=file://{folder}/real.tif",
    "header": "GTIFF_DIR:1:{folder}/real.tif",
    "raw header": "GTIFF_RAW:{folder}/real.tif",
    "netCDF part": 'NETCDF:"{folder}/real.tif":x',
    "HDF5 part": 'HDF5:"{folder}/real.tif"://x',
    "derived": "DERIVED_SUBDATASET:LOGAMPLITUDE:{folder}/real.tif",
    "VRT in words": "vrt://{folder}/real.tif?bands=1",
    "VRT itself": '<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>',
    "file transfer": "ftp://127.0.0.1:9/x.tif",
    "a NUL": "{folder}/a\0b.tif",
    "nothing": "",
    "nowhere": "{folder}/none.tif",
}
"""By name: where an item says that its file is, in a folder with `real.tif`, `pipe.tif` and `folder.tif`."""
