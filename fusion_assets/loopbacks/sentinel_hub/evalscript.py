"""Evalscripts, as far as this service reads them: one input, one output, the same bands in `evaluatePixel`.

What it does not understand it refuses, as the service refuses what does not run. Whether the text is JavaScript that
does what is read out of it here is for a JavaScript engine to say (`run_in_node`).
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

from fusion_assets.loopbacks.sentinel_hub.errors import ServiceError

_UNITS: dict[str, dict[str, tuple[str, ...]]] = {
    "sentinel-2-l2a": {"SCL": ("DN",), "dataMask": ("DN",), "": ("REFLECTANCE", "DN")},
    "sentinel-1-grd": {"dataMask": ("DN",), "": ("LINEAR_POWER",)},
}
_BANDS = {
    "sentinel-2-l2a": r"B0[1-9]|B8A|B1[12]|SCL|dataMask",
    "sentinel-1-grd": r"VV|VH|HH|HV|dataMask",
}


@dataclass(frozen=True)
class Evalscript:
    """What a script asks for.

    Attributes:
        bands: returned, in this order.
        units: of each.
        sample_type: of the output.
        mosaicking: SIMPLE, ORBIT or TILE.
        clear: scene classes that a sample is preferred for.
    """

    bands: tuple[str, ...]
    units: tuple[str, ...]
    sample_type: str
    mosaicking: str
    clear: tuple[int, ...] = ()


def understood(text: str, collection: str) -> Evalscript:
    """Read a script.

    Raises:
        ServiceError: 400, not a script this service runs.
    """
    if not text.startswith("//VERSION=3"):
        raise ServiceError("Evalscript does not start with //VERSION=3.", code="RENDERER_EXCEPTION")
    setup, _, evaluate = text.partition("function evaluatePixel(samples)")
    bands, units = _strings(setup, "bands"), _strings(setup, "units")
    count = _one(r"output:\s*\{[^}]*bands:\s*(\d+)", setup)
    sample_type = _one(r'sampleType:\s*"(\w+)"', setup)
    mosaicking = _one(r'mosaicking:\s*"(\w+)"', setup)
    returned = tuple(re.findall(r"sample\.(\w+)", _one(r"return\s*(\[[^\]]*sample\.[^\]]*\])", evaluate)))
    for band, unit in zip(bands, units, strict=True):
        allowed = _UNITS[collection]
        if not re.fullmatch(_BANDS[collection], band):
            raise ServiceError(f"Dataset {collection} has no band {band}.", code="RENDERER_EXCEPTION")
        if unit not in allowed.get(band, allowed[""]):
            raise ServiceError(f"Units {unit} are not available for band {band}.", code="RENDERER_EXCEPTION")
    if int(count) != len(returned) or not set(returned) <= set(bands):
        raise ServiceError("evaluatePixel returns other bands than setup declares.", code="RENDERER_EXCEPTION")
    by_band = dict(zip(bands, units, strict=True))
    chosen = re.search(r"if \(\[([\d, ]+)\]\.includes\(sample\.SCL\)\)", evaluate)
    clear = tuple(int(code) for code in chosen[1].split(",")) if chosen else ()
    return Evalscript(returned, tuple(by_band[band] for band in returned), sample_type, mosaicking, clear)


def run_in_node(node: str, text: str, samples: list[dict[str, float]]) -> tuple[dict[str, Any], list[float]]:
    """What `setup()` and `evaluatePixel(samples)` return in a JavaScript engine."""
    script = f"{text}\nconsole.log(JSON.stringify([setup(), evaluatePixel({json.dumps(samples)})]));"
    run = subprocess.run([node, "-"], input=script, capture_output=True, text=True, check=True, timeout=30)
    setup, values = json.loads(run.stdout)
    return setup, values


def _strings(text: str, key: str) -> tuple[str, ...]:
    return tuple(json.loads(_one(rf"{key}:\s*(\[[^\]]*\])", text)))


def _one(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ServiceError(f"Evalscript lacks {pattern}.", code="RENDERER_EXCEPTION")
    return match[1]
