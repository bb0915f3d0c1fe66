"""Properties of images, as Earth Engine names them, from the properties of STAC items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pystac

from fusion_assets.loopbacks.earth_engine.datasets import Dataset

# Granules of one pass follow each other within this time.
_SAME_DATATAKE = dt.timedelta(seconds=60)


def start_and_end(item: pystac.Item) -> tuple[dt.datetime, dt.datetime]:
    """First moment and the moment after the last; STAC's 23:59:59 is the next midnight on Earth Engine."""
    common = item.common_metadata
    start = common.start_datetime or item.datetime
    assert start is not None  # STAC asks for one of the two
    end = common.end_datetime or start
    if (end.hour, end.minute, end.second) == (23, 59, 59):
        end = end.replace(microsecond=0) + dt.timedelta(seconds=1)
    return _utc(start), _utc(end)


def belongs(item: pystac.Item, dataset: Dataset) -> bool:
    """Whether an item is one of those that Earth Engine has in a collection, and not in another one."""
    if not dataset.years[0] <= start_and_end(item)[0].year <= dataset.years[1]:
        return False
    if not dataset.landsat:
        return True
    tier = item.properties.get("landsat:collection_category") or (item.id.rpartition("_02_")[2] or "T1")[:2]
    return _landsat_number(item) == str(dataset.landsat) and tier == "T1"


def _landsat_number(item: pystac.Item) -> str:
    """Of the satellite: `landsat-8`, `LANDSAT_8`, or what the name begins with."""
    return str(item.properties.get("platform") or item.id[:4])[-1:]


def properties_of(items: Sequence[pystac.Item], dataset: Dataset) -> list[dict[str, Any]]:
    """Properties of each item's image, in the same order."""
    facts = []
    for item in items:
        start, end = start_and_end(item)
        facts.append({"system:index": item.id, "system:time_start": _millis(start), "system:time_end": _millis(end)})
    if dataset.sentinel1:
        for item, properties in zip(items, facts, strict=True):
            properties.update(_sentinel1(item))
    if dataset.landsat:
        for item, properties in zip(items, facts, strict=True):
            properties.update(_landsat(item))
    if dataset.sentinel2:
        takes = _datatakes(items)
        for item, properties in zip(items, facts, strict=True):
            properties.update(_sentinel2(item), DATATAKE_IDENTIFIER=takes[item.id])
    return facts


def _sentinel1(item: pystac.Item) -> dict[str, Any]:
    given = item.properties
    renamed = {
        "relativeOrbitNumber_start": given.get("sat:relative_orbit"),
        "orbitProperties_pass": str(given.get("sat:orbit_state", "")).upper() or None,
        "instrumentMode": given.get("sar:instrument_mode", "IW"),
        "transmitterReceiverPolarisation": given.get("sar:polarizations"),
        "platform_number": str(given.get("platform", ""))[-1:].upper() or None,
    }
    return {key: value for key, value in renamed.items() if value is not None}


def _landsat(item: pystac.Item) -> dict[str, Any]:
    """Landsat's properties; images go by satellite, path and row, and day."""
    given, words = item.properties, item.id.split("_")
    named = words[2] if len(words) > 3 and words[2].isdigit() else ""
    path, row = given.get("landsat:wrs_path", named[:3]), given.get("landsat:wrs_row", named[3:])
    number, day = _landsat_number(item), start_and_end(item)[0]
    renamed = {
        "SPACECRAFT_NAME": "LANDSAT_" + number,
        "CLOUD_COVER": given.get("eo:cloud_cover"),
        "PROCESSING_LEVEL": given.get("landsat:correction") or next((w for w in words if w in ("L2SP", "L2SR")), None),
        "WRS_PATH": int(path) if path else None,
        "WRS_ROW": int(row) if row else None,
        "LANDSAT_PRODUCT_ID": item.id,
        "system:index": f"LC0{number}_{path:0>3}{row:0>3}_{day:%Y%m%d}" if path and row else None,
    }
    return {key: value for key, value in renamed.items() if value is not None}


def _sentinel2(item: pystac.Item) -> dict[str, Any]:
    given = item.properties
    renamed = {
        "CLOUDY_PIXEL_PERCENTAGE": given.get("eo:cloud_cover"),
        "PROCESSING_BASELINE": given.get("s2:processing_baseline"),
        "SENSING_ORBIT_NUMBER": given.get("sat:relative_orbit"),
        "MEAN_SOLAR_AZIMUTH_ANGLE": given.get("view:sun_azimuth"),
        "MGRS_TILE": str(given.get("grid:code", "")).removeprefix("MGRS-") or None,
        "SPACECRAFT_NAME": _spacecraft(item) or None,
        "PRODUCT_ID": item.id,
    }
    if "view:sun_elevation" in given:
        renamed["MEAN_SOLAR_ZENITH_ANGLE"] = 90 - given["view:sun_elevation"]
    return {key: value for key, value in renamed.items() if value is not None}


def _spacecraft(item: pystac.Item) -> str:
    platform = str(item.properties.get("platform", ""))
    return f"Sentinel-{platform[-2:].upper()}" if platform.startswith("sentinel-2") else platform


def _datatakes(items: Sequence[pystac.Item]) -> dict[str, str]:
    """One identifier for all granules of a pass, named after its first moment."""
    takes: dict[str, str] = {}
    platform, last, name = "", None, ""
    for item in sorted(items, key=lambda item: (_spacecraft(item), start_and_end(item)[0], item.id)):
        start = start_and_end(item)[0]
        if last is None or platform != _spacecraft(item) or start - last > _SAME_DATATAKE:
            orbit = int(item.properties.get("sat:relative_orbit", 0))
            baseline = item.properties.get("s2:processing_baseline", "00.00")
            name = f"GS{_spacecraft(item)[-2:] or '2A'}_{start:%Y%m%dT%H%M%S}_{orbit:06d}_N{baseline}"
        platform, last = _spacecraft(item), start
        takes[item.id] = name
    return takes


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _millis(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
