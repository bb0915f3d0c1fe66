"""`/api/v1/process`: from a request to a GeoTIFF, with the limits that the service documents."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import rasterio
from rasterio.io import MemoryFile
from rasterio.transform import from_bounds
from rasterio.warp import transform_bounds

from fusion_assets.loopbacks.sentinel_hub.archive import Archive, Scene
from fusion_assets.loopbacks.sentinel_hub.errors import ServiceError
from fusion_assets.loopbacks.sentinel_hub.evalscript import Evalscript, understood

MOST_PIXELS = 2500
_CRS = r"http://www\.opengis\.net/def/crs/EPSG/0/(4326|3857|32[67](?:0[1-9]|[1-5]\d|60)|2154|2180)"
_COEFFICIENTS = ("BETA0", "SIGMA0_ELLIPSOID", "GAMMA0_ELLIPSOID", "GAMMA0_TERRAIN")


def rendered(archive: Archive, body: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Pixels (bands, height, width) float32 of a request, and what rasterio needs to write them.

    Raises:
        ServiceError: 400, as the service refuses.
    """
    (data,) = body["input"]["data"]
    script = understood(body["evalscript"], data["type"])
    if script.sample_type != "FLOAT32" or script.mosaicking not in ("ORBIT", "TILE"):
        raise ServiceError("This loopback service renders FLOAT32 of mosaicking ORBIT and TILE only.")
    _check_processing(data)
    output, bounds = body["output"], body["input"]["bounds"]
    (response,) = output["responses"]
    if response["format"]["type"] != "image/tiff":
        raise ServiceError("This loopback service writes image/tiff only.")
    width, height = output["width"], output["height"]
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise ServiceError(f"The image size must be between 1 and {MOST_PIXELS} pixels, not {width} x {height}.")
    code = re.fullmatch(_CRS, bounds["properties"]["crs"])
    if code is None:
        raise ServiceError(f"Unsupported CRS {bounds['properties']['crs']}.", code="COMMON_UNSUPPORTED_CRS")
    crs, transform = f"EPSG:{code[1]}", from_bounds(*bounds["bbox"], width, height)
    scenes = _scenes(archive, data, transform_bounds(crs, "EPSG:4326", *bounds["bbox"]))
    samples = _orbits(scenes) if script.mosaicking == "ORBIT" else [[scene] for scene in scenes]
    x, y = np.meshgrid(transform.c + transform.a * (np.arange(width) + 0.5),
                       transform.f + transform.e * (np.arange(height) + 0.5))  # fmt: skip
    pixels = np.zeros((len(script.bands), height, width), np.float32)
    # What evaluatePixel does: the first sample that is clear, or else the first that has data.
    for preferred in (script.clear, ()) if script.clear else ((),):
        for sample in samples:
            _fill(pixels, sample, script, x, y, crs, preferred)
    if (data.get("processing") or {}).get("harmonizeValues", True):
        pixels = pixels.clip(min=0)
    profile = {"driver": "GTiff", "dtype": "float32", "crs": crs, "transform": transform, "compress": "deflate"}
    return pixels, profile


def encoded(pixels: np.ndarray, profile: dict[str, Any]) -> bytes:
    """A GeoTIFF."""
    count, height, width = pixels.shape
    with rasterio.Env(), MemoryFile() as memory:
        with memory.open(**profile, count=count, height=height, width=width) as file:
            file.write(pixels)
        return bytes(memory.read())


def moment(text: str) -> dt.datetime:
    """A time of the protocol."""
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _check_processing(data: dict[str, Any]) -> None:
    processing = data.get("processing") or {}
    if processing.get("upsampling") != "NEAREST" or processing.get("downsampling") != "NEAREST":
        raise ServiceError("This loopback service resamples by NEAREST only.")
    if data["type"] != "sentinel-1-grd":
        return
    if processing.get("backCoeff") not in _COEFFICIENTS:
        raise ServiceError(f"backCoeff must be one of {', '.join(_COEFFICIENTS)}.")
    if processing["backCoeff"] == "GAMMA0_TERRAIN" and processing.get("orthorectify") is not True:
        raise ServiceError("Radiometric terrain correction requires orthorectification.")


def _scenes(archive: Archive, data: dict[str, Any], box: tuple[float, float, float, float]) -> list[Scene]:
    wanted = data["dataFilter"]
    first, last = moment(wanted["timeRange"]["from"]), moment(wanted["timeRange"]["to"])
    scenes = archive.find(data["type"], first, last, box)
    direction = wanted.get("orbitDirection", "").lower()
    if direction:
        scenes = [scene for scene in scenes if scene.item.properties.get("sat:orbit_state") == direction]
    if "maxCloudCoverage" in wanted:
        scenes = [scene for scene in scenes if scene.item.properties["eo:cloud_cover"] <= wanted["maxCloudCoverage"]]
    return scenes if wanted.get("mosaickingOrder") == "leastRecent" else scenes[::-1]


def _orbits(scenes: list[Scene]) -> list[list[Scene]]:
    """One list a pass; a pass begins where ten minutes have gone by."""
    orbits: list[list[Scene]] = []
    for scene in scenes:
        near = orbits and abs(scene.start - orbits[-1][-1].start) < dt.timedelta(minutes=10)
        orbits[-1].append(scene) if near else orbits.append([scene])
    return orbits


def _fill(
    pixels: np.ndarray,
    sample: list[Scene],
    script: Evalscript,
    x: np.ndarray,
    y: np.ndarray,
    crs: str,
    preferred: tuple[int, ...],
) -> None:
    """Take a sample where there is nothing yet; of an orbit's scenes, the first that has data is the sample."""
    spectral = [band for band in script.bands if band not in ("SCL", "dataMask")]
    units = dict(zip(script.bands, script.units, strict=True))
    empty = pixels[script.bands.index("dataMask")] == 0
    for scene in sample:
        layers = {band: scene.physical(band, units[band], x, y, crs) for band in script.bands if band != "dataMask"}
        valid = np.all([layers[band][1] for band in spectral], axis=0) & empty
        empty &= ~valid
        layers["dataMask"] = valid, valid
        free = valid & np.isin(layers["SCL"][0], preferred) if preferred else valid
        for i, band in enumerate(script.bands):
            pixels[i][free] = layers[band][0][free]
