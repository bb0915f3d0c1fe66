"""Image imports: a GeoTIFF of a bucket becomes an asset, which is served as the images of the archive are.

What is wrong with a request is said at once; what is wrong with its file, and that the asset is there already, ends the
operation. Known are manifests of one tileset with one file; all else is refused.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import rasterio
import requests
import shapely

from fusion_assets.loopbacks.earth_engine.buckets import Buckets
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.lattice import Projection, crs_name
from fusion_assets.loopbacks.earth_engine.operation import Operation
from fusion_assets.loopbacks.earth_engine.pixel_types import type_of
from fusion_assets.loopbacks.earth_engine.sampling import Source
from fusion_assets.loopbacks.earth_engine.values import Band, Geometry, Image

INGEST_IMAGE = "INGEST_IMAGE"
"""`metadata.type` of these operations."""
_NAME = re.compile(r"projects/[^/]+/assets/[A-Za-z0-9_/-]+")
_URI = re.compile(r"gs://([^/]+)/(.+)")
_PROPERTY = re.compile(r"[A-Za-z_][\w:-]{0,109}")
_POLICIES = {"MEAN": "mean", "MODE": "mode"}
# Of a manifest and of one of its bands; the rest is not known here.
_KEYS = {"name", "tilesets", "bands", "missingData", "pyramidingPolicy", "startTime", "endTime", "properties"}
_BAND_KEYS = {"id", "tilesetId", "tilesetBandIndex", "missingData", "pyramidingPolicy"}


class IngestedAssets:
    """Images that were imported, by name.

    Args:
        folder: where they outlive the service; without it they last as long as this object.

    Attributes:
        quota_bytes: that all of them together may have.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._kept = tempfile.TemporaryDirectory(prefix="ingested-") if folder is None else None
        self._folder = Path(self._kept.name) if self._kept else Path(str(folder))
        self._folder.mkdir(parents=True, exist_ok=True)
        self.quota_bytes = 250 << 30
        self._facts = {}
        for path in self._folder.glob("*.json"):
            facts = json.loads(path.read_text())
            self._facts[facts["manifest"]["name"]] = facts

    @property
    def names(self) -> list[str]:
        """Of all of them."""
        return sorted(self._facts)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(facts["size"] for facts in self._facts.values())

    def image(self, name: str) -> Image | None:
        """One of them, if there is such an asset."""
        facts = self._facts.get(name)
        return None if facts is None else _image(facts["manifest"], self._folder / facts["file"])

    def ingest(self, operation: Operation, buckets: Buckets | None) -> None:
        """Do what an operation asks for.

        Raises:
            ServiceError: the asset is there and must not be overwritten, or the file is not as it must be.
        """
        manifest = operation.request["imageManifest"]
        name = manifest["name"]
        if name in self._facts and not operation.request.get("overwrite"):
            raise ServiceError(f"Cannot overwrite asset '{name}'.")
        uri = _uri(manifest)
        content = _content(buckets, uri)
        if self.size + len(content) > self.quota_bytes:
            raise ServiceError(f"Asset storage quota exceeded: at most {self.quota_bytes} bytes.", 429)
        file = operation.name.rpartition("/")[2] + ".tif"
        _place(self._folder / file, content)
        try:
            _image(manifest, self._folder / file)
        except (ServiceError, rasterio.errors.RasterioError) as error:
            (self._folder / file).unlink()
            if isinstance(error, ServiceError):
                raise
            raise ServiceError(f"Unable to read '{uri}': it is not a valid GeoTIFF.") from None
        facts = {"manifest": manifest, "file": file, "size": len(content)}
        key = hashlib.sha256(name.encode()).hexdigest()[:24]
        _place(self._folder / f"{key}.json", json.dumps(facts).encode())
        self._facts[name] = facts
        operation.uris = [f"https://code.earthengine.google.com/?asset={name}"]


def check_image_import(body: dict[str, Any]) -> None:
    """Refuse at once what the real service refuses at once.

    Raises:
        ServiceError: names what is wrong with the manifest, or not known here.
    """
    manifest = body.get("imageManifest") or {}
    unknown = sorted(set(manifest) - _KEYS)
    unknown += sorted(key for band in manifest.get("bands", []) for key in set(band) - _BAND_KEYS)
    if unknown:
        raise ServiceError(f"image:import: this loopback service does not know {', '.join(unknown)} in a manifest.")
    if not _NAME.fullmatch(str(manifest.get("name"))):
        raise ServiceError(f"Invalid asset name '{manifest.get('name')}': it must match projects/*/assets/**.")
    _uri(manifest)
    ids = [band.get("id") for band in manifest.get("bands", [])]
    if not all(ids) or len(set(ids)) != len(ids):
        raise ServiceError(f"Bands must have unique ids. Found: {ids}.")
    for holder in (manifest, *manifest.get("bands", [])):
        if holder.get("pyramidingPolicy", "MEAN") not in _POLICIES:
            raise ServiceError(f"image:import: this loopback service does not know {holder['pyramidingPolicy']}.")
        if len((holder.get("missingData") or {}).get("values", [])) > 1:
            raise ServiceError("image:import: this loopback service knows one number of missing data alone.")
    for key, value in (manifest.get("properties") or {}).items():
        if not _PROPERTY.fullmatch(key) or key.startswith("system:") or not isinstance(value, str | int | float):
            raise ServiceError(f"Invalid property '{key}' of an asset: {value!r}.")
    times = [_millis(manifest[key]) for key in ("startTime", "endTime") if key in manifest]
    if times != sorted(times):
        raise ServiceError("The end time of an image must not be before its start time.")


def _uri(manifest: dict[str, Any]) -> str:
    sources = [source for tileset in manifest.get("tilesets") or [] for source in tileset.get("sources", [])]
    uris = [uri for source in sources for uri in source.get("uris", [])]
    if not uris or not all(_URI.fullmatch(uri) for uri in uris):
        raise ServiceError(f"A manifest must name its sources as gs://bucket/object. Found: {uris}.")
    if len(uris) > 1:
        raise ServiceError("image:import: this loopback service knows images of one file alone.")
    return uris[0]


def _content(buckets: Buckets | None, uri: str) -> bytes:
    if buckets is None:
        raise ServiceError("This loopback service was started without a storage emulator.")
    match = _URI.fullmatch(uri)
    assert match is not None  # checked when the operation was accepted
    try:
        return buckets.read(match[1], match[2])
    except requests.HTTPError:
        raise ServiceError(f"Cloud Storage object '{uri}' not found.", 404) from None
    except requests.RequestException as error:
        raise ServiceError(f"Cloud Storage is unavailable: {type(error).__name__}.", 503) from None


def _image(manifest: dict[str, Any], path: Path) -> Image:
    """The image of a manifest and its file.

    Raises:
        ServiceError: the file has no place on the ground, or lacks a band.
        RasterioError: it is no GeoTIFF.
    """
    with rasterio.open(path, driver="GTiff") as file:
        if file.crs is None:
            raise ServiceError("Unable to determine the CRS of the image: the file has none.")
        lattice = Projection(crs_name(file.crs.to_wkt()), tuple(file.transform[:6]))
        size, dtypes, bounds = (file.width, file.height), file.dtypes, shapely.box(*file.bounds)
    told = manifest.get("bands") or [{"id": f"b{n + 1}", "tilesetBandIndex": n} for n in range(len(dtypes))]
    bands = []
    for band in told:
        index = int(band.get("tilesetBandIndex", 0))
        if index >= len(dtypes):
            raise ServiceError(f"Band '{band['id']}' has the tileset band index {index}; the file has {len(dtypes)}.")
        missing = (band.get("missingData") or manifest.get("missingData") or {}).get("values") or [None]
        policy = _POLICIES[band.get("pyramidingPolicy") or manifest.get("pyramidingPolicy", "MEAN")]
        nodata = None if missing[0] is None else float(missing[0])
        source = Source(str(path), lattice, size, type_of(dtypes[index]), nodata, policy=policy, index=index + 1)
        bands.append(Band(band["id"], source.type, lattice, source.pixels, size))
    name = manifest["name"]
    facts = {"system:index": name.rpartition("/")[2], **(manifest.get("properties") or {})}
    times = {"startTime": "system:time_start", "endTime": "system:time_end"}
    facts |= {ours: _millis(manifest[key]) for key, ours in times.items() if key in manifest}
    return Image(facts, Geometry(bounds, lattice.crs), name, tuple(bands))


def _millis(moment: str) -> int:
    try:
        return round(dt.datetime.fromisoformat(moment).timestamp() * 1000)
    except ValueError:
        raise ServiceError(f"Invalid time '{moment}': it must be in the form of RFC 3339.") from None


def _place(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    os.replace(beside, path)
