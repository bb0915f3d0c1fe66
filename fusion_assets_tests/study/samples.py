"""A small valid study and ways to change it, for the tests of the study file."""

import copy
import datetime as dt

TODAY = dt.date(2026, 5, 1)
REGION = {"name": "a", "bbox": [84, 27, 85, 28]}
SELECTION = {"collection": "FAO/GAUL/2015/level2", "property": "ADM2_NAME", "value": "Bagmati"}
BASE = {
    "name": "x",
    "regions": [REGION],
    "resolution": 1000,
    "label_year": 2015,
    "prediction_years": [2016, 2017],
    "season": {"start": "07-01", "end": "12-31"},
    "products": {
        "sentinel2": {"product": "sentinel2_l2a", "bands": ["B02", "B08"]},
        "night_lights": "viirs_monthly",
        "labels": "ghsl_smod_v2",
    },
}


def changed(**changes):
    """BASE with keys replaced; dotted keys reach into products, `...` removes."""
    content = copy.deepcopy(BASE)
    for path, value in changes.items():
        holder, *keys = content, *path.split("__")
        for key in keys[:-1]:
            holder = holder[key]
        if value is ...:
            del holder[keys[-1]]
        else:
            holder[keys[-1]] = value
    return content


def region(**changes):
    return [{key: value for key, value in {**REGION, **changes}.items() if value is not ...}]
