"""Studies of the region of a small demo archive, as YAML gives them."""

import json
from pathlib import Path


def demo_regions(catalog):
    """The `regions` of a study that maps the whole archive: one, named `here`."""
    region = json.loads((Path(catalog).parent / "demo.json").read_text())["region"]
    return [{"name": "here", "geometry": region["geometry"], "crs": region["crs"]}]


def demo_study(catalog, **changes):
    """Labels of 2015 and a map of 2016 from optics and lights, on either engine; keys replaced."""
    return {
        "name": "small",
        "regions": demo_regions(catalog),
        "resolution": 1000,
        "working_resolution": 250,
        "label_year": 2015,
        "prediction_years": [2016],
        "season": {"start": "07-01", "end": "12-31"},
        "products": {
            "sentinel2": "sentinel2_l2a",
            "night_lights": "viirs_monthly",
            "labels": {"product": "ghsl_smod_p2016", "allow_deprecated": True},
        },
        **changes,
    }
