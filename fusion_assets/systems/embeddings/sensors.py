"""What the two sensors measure: pixel sizes, bands, products and units. Facts alone, which cost nothing to load.

Bands and pixel sizes: https://sentiwiki.copernicus.eu/web/s2-products.
"""

FINEST = 10
"""Metres: edge of the finest pixels, of both sensors."""
SNAP = 60
"""Metres: edge of the coarsest pixels; corners of patches are multiples of it, so that no band is resampled."""
GRIDS: dict[int, tuple[str, ...]] = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B09", "B10"),
}
"""Optical bands by the edge of their pixels, metres."""
_EVERY = tuple(name for names in GRIDS.values() for name in names)
OPTICS: dict[str, tuple[str, ...]] = {
    # Cirrus (B10) sees no ground: no level 2A holds it.
    "sentinel2_l2a": tuple(name for name in _EVERY if name != "B10"),
    "sentinel2_l1c": _EVERY,
}
"""Bands by optical product, in the order in which they are kept."""
UNITS = {"sentinel1_grd": "sigma0", "sentinel1_rtc": "gamma0"}
"""What is measured, by product of radar: of the two one study has one."""
POLARISATIONS = ("VV", "VH")
