"""The additive offset of Sentinel-2 reflectance: whether the stored numbers are shifted, and how an item says so.

ESA stores reflectance x 10,000, and from processing baseline 04.00 on that number + 1000, so that dark surfaces
need no negative numbers: the offset is -0.1 then, and 0 before. Some endpoints take the shift off again.

Sources: https://sentinels.copernicus.eu/web/sentinel/-/copernicus-sentinel-2-major-products-upgrade-upcoming,
https://sentiwiki.copernicus.eu/web/s2-products
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

import pystac

SHIFTED = -0.1
_FIRST_SHIFTED_BASELINE = 4.0
# All that ESA has made since is shifted. Older acquisitions are shifted once they have been reprocessed (Collection 1).
FIRST_SHIFTED_DAY = dt.date(2022, 1, 25)
# 99.99 marks products that were made elsewhere; it says nothing.
_NO_BASELINE_FROM = 10.0

_SPELT = re.compile(
    r"(?:N|V|PB)?(\d{1,2})(?:\.(\d{1,2}))?(?![\d.])|(?:N|V|PB)?(\d{1,2})(\d{2})(?![\d.])", re.IGNORECASE
)
# A number that may be a processor's version ("Sen2Cor 2.11", "2.11") is a baseline only in ESA's own spelling.
_SPELT_IN_FULL = re.compile(r"N?(\d{2})\.?(\d{2})(?![\d.])")
_IN_A_NAME = re.compile(r"S2[A-D]_[^/]*_N(\d{2})\.?(\d{2})(?!\d)", re.IGNORECASE)
_NAMES = (
    *("product_uri", "product_id", "product_name", "title", "granule_id", "tile_id"),
    *("datastrip_id", "datatake_id", "identifier", "datatake_identifier"),
)
_YES, _NO = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True)
class Evidence:
    """What an item says about the shift of one of its files; None where it says nothing.

    Attributes:
        removed: the endpoint's own word on whether it has taken the shift off.
        declared: offset of the asset's band.
        stated: processing baseline that a property gives.
        named: processing baseline in the name of ESA's product.
        day: of the acquisition; None for what is made of several.
    """

    removed: bool | None = None
    declared: float | None = None
    stated: float | None = None
    named: float | None = None
    day: dt.date | None = None


def sentinel2_offset(item: pystac.Item, key: str, declared: Mapping, flags: list[str]) -> float:
    """Offset of the reflectance in one asset of an item, by the rule of `offset_by`.

    Who says what: Earth Search v0 and v1 and Digital Earth Africa (which copies them) have `boa_offset_applied`, and v1
    still declares -0.1 in `raster:bands` where the shift is gone. Earth Search's Collection 1 and Copernicus Data Space
    keep the shift and declare it. The Planetary Computer keeps it and gives the baseline only.

    Args:
        item: of a Sentinel-2 collection as ESA makes it.
        key: of the asset.
        declared: band object of the asset.
        flags: doubts are added here, each once.
    """
    offset, doubt = offset_by(evidence_of(item, key, declared))
    if doubt:
        _flag(flags, f"{item.id}: {doubt}")
    return offset


def offset_by(evidence: Evidence) -> tuple[float, str]:
    """The offset, and what is doubtful about it in words (empty: nothing).

    The first line that applies decides; a later one that contradicts it is a doubt.

    1. The endpoint has taken the shift off: 0.
    2. The endpoint has not, and the baseline is known: -0.1 from 04.00 on, else 0.
    3. The item declares an offset: that.
    4. The baseline is known, from a property or else from the product's name: as in 2.
    5. Acquired on or after 25 January 2022: -0.1, as ESA delivers it; doubtful.
    6. Nothing is known: 0, as before baseline 04.00; doubtful.
    """
    stated, named = _shift(evidence.stated), _shift(evidence.named)
    by_baseline = named if stated is None else stated
    declared = evidence.declared
    others: tuple[float | None, ...]
    if evidence.removed:
        stale = declared is not None and abs(declared) > 1e-9
        return 0.0, f"boa_offset_applied is true, yet offset {declared:g} is declared; 0 is used" if stale else ""
    if evidence.removed is False and by_baseline is not None:
        chosen, reason, others = by_baseline, "boa_offset_applied is false", (declared, named)
    elif declared is not None:
        chosen, reason, others = declared, "declared", (stated, named)
    elif by_baseline is not None:
        chosen, reason, others = by_baseline, "by processing baseline", (named,)
    elif evidence.day is not None and evidence.day >= FIRST_SHIFTED_DAY:
        return SHIFTED, f"offset {SHIFTED:g} by the date alone: no baseline is given, and ESA shifts since 2022-01-25"
    else:
        return 0.0, "offset 0, for nothing tells the processing baseline; reprocessed scenes would need -0.1"
    other = next((each for each in others if each is not None and abs(each - chosen) > 1e-9), None)
    return chosen, "" if other is None else f"offset {chosen:g} ({reason}), but {other:g} is also indicated"


def evidence_of(item: pystac.Item, key: str, declared: Mapping) -> Evidence:
    """What an item says about one of its assets."""
    asset = item.assets[key]
    # Earth Search has rewritten its GeoTIFFs; the JPEG 2000 files beside them are ESA's own.
    original = bool(re.search(r"\.jp2($|[?#])", asset.href, re.IGNORECASE))
    said = (_yes(value) for name, value in item.properties.items() if _ending(name) == "boa_offset_applied")
    return Evidence(
        None if original else next((answer for answer in said if answer is not None), None),
        float(declared["offset"]) if "offset" in declared else None,
        _stated(item.properties),
        _named(item, asset.href),
        _day(item),
    )


def baseline_of(item: pystac.Item) -> float | None:
    """The processing baseline that an item gives in a property, or in its product's name; None where it gives none."""
    stated = _stated(item.properties)
    return _named(item, "") if stated is None else stated


def baseline(value: object) -> float | None:
    """A processing baseline (05.09 is 5.09) in any spelling: 05.09, 5.09, 0509, N0509, 05.00_x, as text or number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        value = f"{int(value)}"
    parts = _SPELT.match(str(value).strip())
    return _number(parts.group(1) or parts.group(3), parts.group(2) or parts.group(4) or "0") if parts else None


def _number(major: str, minor: str) -> float | None:
    # "5.1" is a number that lost its last zero: 05.10.
    number = int(major) + int(minor.ljust(2, "0")) / 100
    return number if number < _NO_BASELINE_FROM else None


def _shift(number: float | None) -> float | None:
    return None if number is None else SHIFTED if number >= _FIRST_SHIFTED_BASELINE else 0.0


def _stated(properties: Mapping) -> float | None:
    """The baseline from a property made for it, whatever its prefix, else from the processing extension."""
    given = (baseline(value) for name, value in properties.items() if _ending(name) == "processing_baseline")
    number = next((each for each in given if each is not None), None)
    if number is not None:
        return number
    software = properties.get("processing:software")
    versions = [properties.get("processing:version")]
    if isinstance(software, Mapping):
        versions += [version for name, version in software.items() if "IPF" in str(name)]
    spelt = (_SPELT_IN_FULL.match(str(version).strip()) for version in versions)
    return next((_number(*match.groups()) for match in spelt if match), None)


def _named(item: pystac.Item, href: str) -> float | None:
    """The baseline from the product's name, which stands in properties, the item's id, or the path of the file."""
    ordered = [value for end in _NAMES for name, value in item.properties.items() if _ending(name) == end]
    matches = (_IN_A_NAME.search(str(text)) for text in (*ordered, item.id, href))
    return next((_number(*match.groups()) for match in matches if match), None)


def _ending(name: str) -> str:
    return name.rpartition(":")[2]


def _day(item: pystac.Item) -> dt.date | None:
    common = item.common_metadata
    start = common.start_datetime or item.datetime
    end = common.end_datetime or start
    return start.date() if start and end and end - start < dt.timedelta(days=1) else None


def _yes(value: object) -> bool | None:
    """A truth value, which some catalogs spell as text."""
    text = str(value).strip().lower()
    return True if text in _YES else False if text in _NO else None


def _flag(flags: list[str], text: str) -> None:
    if text not in flags:
        flags.append(text)
