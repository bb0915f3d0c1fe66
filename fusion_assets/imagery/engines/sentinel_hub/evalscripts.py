"""What Sentinel Hub computes for each pixel: the bands of one acquisition, unchanged, in stated units.

The service runs JavaScript (evalscript version 3). Nothing is masked or converted there: that is done where it can
be tested.

Source: https://docs.sentinel-hub.com/api/latest/evalscript/v3/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fusion_assets.imagery.engines.sentinel_hub.recipes import SCENE_CLASSES

DATA_MASK = "dataMask"
"""Band of every collection: 1 where the scene has data, 0 where not."""

_TEMPLATE = """//VERSION=3
function setup() {
  return {
    input: [{bands: [%(bands)s], units: [%(units)s]}],
    output: {id: "default", bands: %(count)d, sampleType: "FLOAT32"},
    mosaicking: "%(mosaicking)s"
  };
}

function evaluatePixel(samples) {
  let first = null;
  for (const sample of samples) {
    if (!sample.dataMask) {
      continue;
    }
    if (%(clear)s) {
      return values(sample);
    }
    if (first === null) {
      first = sample;
    }
  }
  return first === null ? new Array(%(count)d).fill(0) : values(first);
}

function values(sample) {
  return [%(values)s];
}
"""


def evalscript(units: Mapping[str, str], clear: Sequence[int] = ()) -> str:
    """The script that returns bands as they are, as 32-bit floats, and `dataMask` after them.

    Mosaicking by orbit keeps acquisitions apart, where the default would mix them; the request's time range lets only
    one in. Where its granules overlap, the service takes one; with `clear` they are kept apart (mosaicking by tile),
    and the first that is clear is taken, or the first if none is. Without data every band is 0, `dataMask` too.

    Args:
        units: unit of each band, in the order in which bands are returned: `REFLECTANCE` (Sentinel-2 surface
            reflectance, 0 to 1), `LINEAR_POWER` (Sentinel-1 backscatter, a power ratio), `DN` (codes).
        clear: scene classes to choose granules by; empty leaves the choice to the service.
    """
    inputs = {**units, DATA_MASK: "DN"}
    return _TEMPLATE % {
        "bands": ", ".join(f'"{band}"' for band in inputs),
        "units": ", ".join(f'"{unit}"' for unit in inputs.values()),
        "values": ", ".join(f"sample.{band}" for band in inputs),
        "count": len(inputs),
        "mosaicking": "TILE" if clear else "ORBIT",
        "clear": f"[{', '.join(map(str, clear))}].includes(sample.{SCENE_CLASSES})" if clear else "true",
    }
