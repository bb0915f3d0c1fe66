"""Products that Earth Engine keeps in several collections: one for each satellite, or one for each release.

Which of them a request reads follows from its window alone. An image counts where it begins within its collection's own
days, so that no time is in two releases; collections are read in the order of the table, and images of different
satellites are different passes.

Sources: https://developers.google.com/earth-engine/datasets/catalog/LANDSAT_LC08_C02_T1_L2 and LANDSAT_LC09_C02_T1_L2,
NOAA_VIIRS_DNB_ANNUAL_V21 (2012 to 2021) and NOAA_VIIRS_DNB_ANNUAL_V22 (from 2022 on),
ESA_WorldCover_v100 (2020) and ESA_WorldCover_v200 (2021).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from fusion_assets.errors import FusionError


@dataclass(frozen=True)
class DatedCollection:
    """An image collection and the days of which its images are taken.

    Attributes:
        id: on Earth Engine.
        first: day on which an image may begin.
        last: likewise, inclusive.
    """

    id: str
    first: dt.date = dt.date.min
    last: dt.date = dt.date.max

    def has(self, moment: dt.datetime) -> bool:
        """Whether an image that begins then is one of these."""
        return self.first <= moment.date() <= self.last

    def meets(self, window: tuple[dt.date, dt.date]) -> bool:
        """Whether any of its days is in a window."""
        return self.first <= window[1] and window[0] <= self.last

    def __str__(self) -> str:
        end = "on" if self.last == dt.date.max else f"to {self.last}"
        return f"{self.id} from {self.first} {end}"


DATED_COLLECTIONS: dict[str, tuple[DatedCollection, ...]] = {
    "landsat_c2_l2": (
        DatedCollection("LANDSAT/LC08/C02/T1_L2", dt.date(2013, 3, 18)),
        DatedCollection("LANDSAT/LC09/C02/T1_L2", dt.date(2021, 10, 31)),
    ),
    "viirs_annual": (
        DatedCollection("NOAA/VIIRS/DNB/ANNUAL_V21", dt.date(2012, 1, 1), dt.date(2021, 12, 31)),
        DatedCollection("NOAA/VIIRS/DNB/ANNUAL_V22", dt.date(2022, 1, 1)),
    ),
    "worldcover": (
        DatedCollection("ESA/WorldCover/v100", dt.date(2020, 1, 1), dt.date(2020, 12, 31)),
        DatedCollection("ESA/WorldCover/v200", dt.date(2021, 1, 1), dt.date(2021, 12, 31)),
    ),
}
"""By product; of all others there is one."""


def dated_collections(product: str, window: tuple[dt.date, dt.date]) -> tuple[DatedCollection, ...]:
    """Collections of a product that have images of a window; none where the product is not in the table.

    Raises:
        FusionError: the product begins later, or ended earlier.
    """
    known = DATED_COLLECTIONS.get(product, ())
    met = tuple(each for each in known if each.meets(window))
    if known and not met:
        raise FusionError(
            f"Earth Engine has no {product} between {window[0]} and {window[1]}",
            "; ".join(map(str, known)),
            "choose other years in the study, give the year a window (`windows`), or use FUSION_ENGINE=archive",
        )
    return met


def image_id(collection: str, name: str) -> str:
    """Full id of an image: names of images in the first collection of a request are indices, all others full ids."""
    return name if "/" in name else f"{collection}/{name}"
