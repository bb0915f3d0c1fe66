"""What becomes an image asset: a raster in a bucket, and the manifest that tells Earth Engine how to read it.

Source: https://developers.google.com/earth-engine/guides/image_manifest
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.earth_engine.shards import BucketUnreachable, open_bucket
from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.imagery.engines.restoring import fields_of
from fusion_assets.redaction import public_url
from fusion_assets.storage.raster_writing import write_raster

MISSING = -(2.0**100)
"""Stands for no data in files that Earth Engine reads: a manifest cannot say NaN, and floats hold this one exactly."""
IDENTITY = "fusion_id"
"""Property of an asset: id of the upload that it was made by."""
# As the client itself tells names from ids of older projects.
_NAME = re.compile(r"projects/(?:[\w.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]/assets/[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")
_BAND = re.compile(r"[A-Za-z0-9][\w-]*")
_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,109}")


@dataclass(frozen=True)
class Upload:
    """A raster that becomes an image asset. Equal uploads are one operation.

    Attributes:
        asset: the asset of ours that asks for it, for example `radiance_upload`.
        region: name of the region.
        year: partition year.
        target: name of the image asset, `projects/P/assets/...`.
        source: address of the GeoTIFF, `gs://bucket/object`, `MISSING` where it has no data; see `staged`.
        bands: names, in the file's order.
        window: first and last day, both included.
        content: digest of the raster's pixels.
        properties: of the asset beside `digest`: texts or numbers, such as `unit` and `sensor`.
        overwrite: whether an asset that was made of something else may be replaced.

    Raises:
        FusionError: a name, address or property that Earth Engine does not take.
    """

    asset: str
    region: str
    year: int
    target: str
    source: str
    bands: tuple[str, ...]
    window: tuple[dt.date, dt.date]
    content: str
    properties: Mapping[str, str | float] = dataclasses.field(default_factory=dict)
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Refuse what Earth Engine would."""
        remedy = "correct `upload` in the study"
        if not _NAME.fullmatch(self.target):
            raise FusionError(f"the asset name {self.target[:80]!r}", "projects/PROJECT/assets/FOLDER/NAME", remedy)
        if not re.fullmatch(r"gs://[^/]+/[^?#]+", self.source):
            raise FusionError(
                f"the file {public_url(self.source)}",
                "an object in a bucket, gs://BUCKET/OBJECT",
                "set FUSION_EE_BUCKET",
            )
        if not self.bands or len(set(self.bands)) != len(self.bands) or not all(map(_BAND.fullmatch, self.bands)):
            raise FusionError(f"the bands {self.bands}", "different names of letters, digits, _ and -", "rename them")
        odd = [key for key, value in self.properties.items() if not _PROPERTY.fullmatch(key) or not _plain(value)]
        if odd or {"digest", IDENTITY} & set(self.properties):
            raise FusionError(
                f"the properties {', '.join(map(str, odd)) or 'digest, ' + IDENTITY}",
                "names of letters, digits and _, texts or finite numbers, and none that is set here",
                "rename them",
            )
        if self.window[1] < self.window[0]:
            raise FusionError(f"the days {self.window[0]} to {self.window[1]}", "the first one first", remedy)

    @property
    def partition(self) -> str:
        """The partition as Dagster spells it: `region|year`."""
        return f"{self.region}|{self.year}"

    @property
    def id(self) -> str:
        """12 hexadecimal digits of all that the asset will be."""
        return digest(self._manifest())

    def manifest(self) -> dict[str, Any]:
        """What Earth Engine is asked to make; times are UTC, and the end is exclusive."""
        manifest = self._manifest()
        return {**manifest, "properties": {**manifest["properties"], IDENTITY: self.id}}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; `from_dict` restores it."""
        window = [day.isoformat() for day in self.window]
        return {**fields_of(self), "bands": list(self.bands), "window": window, "properties": dict(self.properties)}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Upload:
        """Restore an upload from `to_dict`."""
        first, last = (dt.date.fromisoformat(day) for day in facts["window"])
        return cls(**{**facts, "bands": tuple(facts["bands"]), "window": (first, last)})

    def _manifest(self) -> dict[str, Any]:
        first, last = self.window
        return {
            "name": self.target,
            "tilesets": [{"sources": [{"uris": [self.source]}]}],
            "bands": [
                {"id": name, "tilesetBandIndex": index, "pyramidingPolicy": "MEAN"}
                for index, name in enumerate(self.bands)
            ],
            "missingData": {"values": [MISSING]},
            "startTime": f"{first.isoformat()}T00:00:00Z",
            "endTime": f"{(last + dt.timedelta(days=1)).isoformat()}T00:00:00Z",
            "properties": {**self.properties, "digest": self.content},
        }


def staged(raster: xr.Dataset, folder: str, name: str, tags: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Place a raster in a bucket in the form that Earth Engine takes; one that is there already is not sent again.

    Args:
        raster: float bands on a grid, NaN for no data, as of `open_raster`.
        folder: address of the bucket or of a folder in it, `gs://...`.
        name: of the raster, for people; what it is stored as begins with it and ends with the digest.
        tags: provenance, for the file.

    Returns:
        Address of the file, and digest of its pixels.

    Raises:
        BucketUnreachable: the bucket does not answer, or not to this account.
    """
    file = write_raster(raster, nodata=MISSING, tags=tags or {}, dtype="float32")
    url = f"{folder.rstrip('/')}/{name}-{file.digest[:12]}.tif"
    try:
        fs, path = open_bucket(url)
        size = file.path.stat().st_size
        if not (fs.exists(path) and fs.size(path) == size):
            fs.put_file(str(file.path), path)
        return url, file.digest
    except FusionError:
        raise
    except Exception as error:  # of the store; its words may hold signed addresses
        problem = BucketUnreachable(
            f"{public_url(url)} cannot be written ({type(error).__name__})",
            "a bucket that may be read and written",
            "check FUSION_EE_BUCKET and the account's role Storage Object Admin there",
        )
    finally:
        file.discard()
    raise problem


def _plain(value: Any) -> bool:
    return isinstance(value, str) or (type(value) in (int, float) and math.isfinite(value))
