"""Facts about So2Sat LCZ42 as data: files of every version, channels, encodings, cities.

From the data set's page (https://github.com/zhu-xlab/So2Sat-LCZ42) and its records, https://mediatum.ub.tum.de/ with
1454690 (version 1), 1483140 (2), 1613658 (3) and 1836598 (4). Places of cities, and the bounds, are ours.
"""

from typing import NamedTuple

PIXELS = 32
"""Along an edge of a patch."""
PIXEL_M = 10.0
PATCH_M = PIXELS * PIXEL_M
CLASSES = 17

SEN1 = ("VH_real", "VH_imag", "VV_real", "VV_imag", "VH_lee", "VV_lee", "covariance_real", "covariance_imag")
"""Real and imaginary parts of the signals, intensities after the refined Lee filter, and the filtered covariance of the
two: all linear, sigma nought. VH comes first."""
SEN2 = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
"""Reflectance at the top of the atmosphere, level 1C, divided by 10,000."""
CHANNELS = {"sen1": SEN1, "sen2": SEN2}
COMPLEX = slice(0, 4)
INTENSITIES = (4, 5)
"""Of SEN1: never negative, and what decibels are made of."""

SPLITS_OF_VERSION_3 = ("random", "block", "culture_10")
PARTS: dict[str, tuple[str, ...]] = {
    "v1": ("training", "validation"),
    "v2": ("training", "validation", "testing"),
    "v3": tuple(f"{split}/{part}" for split in SPLITS_OF_VERSION_3 for part in ("training", "testing")),
    "v3, one split": ("training", "testing"),
    "v4": ("training", "validation", "testing"),
}
"""Parts that a version consists of; each lies in `<part>.h5`, in version 4 with `<part>_geo.h5` beside it."""
PUBLISHED = {"training": 352_366, "validation": 24_119, "testing": 24_188}
"""Patches of versions 1, 2 and 4."""

WHOLE = 1e4
"""What reflectance is multiplied by where it is stored in 16 bits."""
LOWEST_REFLECTANCE = -0.1
"""Resampling may overshoot a little; what lies lower is no reflectance."""
HIGHEST_REFLECTANCE = 6.5535
"""Of 16 bits divided by 10,000."""
TWICE_DIVIDED = 0.01
"""A sample of patches whose brightest pixel is darker was divided once too often."""
REFLECTANCE = (0.01, 1.0)
"""Bounds of the median of a sample; that of cities is 0.1 to 0.2. What was never divided has some thousand."""
BACKSCATTER = (1e-5, 10.0)
"""Bounds of the median intensity of a sample: -50 and 10 dB."""

UTM_EASTINGS = (100_000.0, 900_000.0)
UTM_NORTHINGS = (0.0, 10_000_000.0)
NEAR_CITY_KM = 200.0
"""How far from its city a patch lies at most. The largest scenes reach 110 km; a neighbouring UTM zone, taken by
mistake, is 375 km off in Moscow, and more in every other city."""
ZONE_DEGREES = 4.5
"""From the middle of a UTM zone; zones are 6 degrees wide, and patches of one city stay in one."""


class Place(NamedTuple):
    """Where a city lies, in degrees."""

    longitude: float
    latitude: float


# As the geo files spell them; the last ten are those of validation (western halves) and testing (eastern halves).
CITIES = {
    "amsterdam": Place(4.90, 52.37),
    "beijing": Place(116.40, 39.90),
    "berlin": Place(13.40, 52.52),
    "bogota": Place(-74.07, 4.71),
    "buenosaires": Place(-58.38, -34.60),
    "cairo": Place(31.24, 30.04),
    "capetown": Place(18.42, -33.93),
    "caracas": Place(-66.90, 10.49),
    "changsha": Place(112.97, 28.20),
    "chicago": Place(-87.63, 41.88),
    "cologne": Place(6.96, 50.94),
    "dhaka": Place(90.41, 23.81),
    "dongying": Place(118.67, 37.43),
    "hongkong": Place(114.17, 22.32),
    "islamabad": Place(73.05, 33.68),
    "istanbul": Place(28.98, 41.01),
    "kyoto": Place(135.77, 35.01),
    "lima": Place(-77.04, -12.05),
    "lisbon": Place(-9.14, 38.72),
    "london": Place(-0.13, 51.51),
    "losangeles": Place(-118.24, 34.05),
    "madrid": Place(-3.70, 40.42),
    "melbourne": Place(144.96, -37.81),
    "milan": Place(9.19, 45.46),
    "nanjing": Place(118.80, 32.06),
    "newyork": Place(-74.01, 40.71),
    "orangitown": Place(66.99, 24.95),
    "paris": Place(2.35, 48.86),
    "philadelphia": Place(-75.16, 39.95),
    "qingdao": Place(120.38, 36.07),
    "quezon": Place(121.04, 14.65),
    "riodejaneiro": Place(-43.20, -22.91),
    "rome": Place(12.50, 41.90),
    "salvador": Place(-38.50, -12.97),
    "saopaulo": Place(-46.63, -23.55),
    "shanghai": Place(121.47, 31.23),
    "shenzhen": Place(114.06, 22.54),
    "tokyo": Place(139.69, 35.69),
    "vancouver": Place(-123.12, 49.28),
    "washingtondc": Place(-77.04, 38.91),
    "wuhan": Place(114.31, 30.59),
    "zurich": Place(8.54, 47.37),
    "guangzhou": Place(113.26, 23.13),
    "jakarta": Place(106.83, -6.21),
    "moscow": Place(37.62, 55.76),
    "mumbai": Place(72.88, 19.08),
    "munich": Place(11.58, 48.14),
    "nairobi": Place(36.82, -1.29),
    "sanfrancisco": Place(-122.42, 37.77),
    "santiago": Place(-70.65, -33.45),
    "sydney": Place(151.21, -33.87),
    "tehran": Place(51.39, 35.69),
}
