"""A study of four small places by night, as YAML gives it, and the small archives that tests make of the squares."""

from fusion_assets_tests.whole_studies import study_of

YEAR = 2022
PLACES = ("west", "middle", "east", "kept")


def content(**section):
    """A study whose regions are four boxes in a row; keys of its section replaced."""
    boxes = [[86.5 + 0.05 * column, 27.0, 86.55 + 0.05 * column, 27.05] for column in range(len(PLACES))]
    return {
        "name": "nights",
        "regions": [{"name": name, "bbox": box, "crs": "EPSG:32645"} for name, box in zip(PLACES, boxes, strict=True)],
        "resolution": 100,
        "prediction_years": [YEAR],
        "season": "any",
        "products": {"sentinel2": {"product": "landsat_c2_l2"}, "night_lights": {"product": "viirs_annual"}},
        "night_radiance": {"resolution": 100, "reserved": ["kept"], **section},
    }


def study(**section):
    return study_of(content(**section))
