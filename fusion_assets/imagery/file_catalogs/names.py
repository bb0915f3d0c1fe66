"""What publishers' file names say: which layer a file holds, of which tile, and of which time.

Sources: Earth Observation Group (https://eogdata.mines.edu/products/vnl/), GHSL
(https://human-settlement.emergency.copernicus.eu/download.php), ESA WorldCover (https://esa-worldcover.org), Impact
Observatory (https://www.impactobservatory.com/maps-for-good/), USGS
(https://www.usgs.gov/landsat-missions/landsat-collection-2-level-2-science-products).
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fusion_assets.errors import FusionError
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Product


@dataclass(frozen=True)
class FileName:
    """What a name says.

    Attributes:
        item: what the files of one time and tile have in common; the id of their item.
        asset: key of the layer in the item.
        first: first day, inclusive.
        last: last day, inclusive.
        crs: code of the CRS that the name gives, such as ESRI:54009; empty where it gives none.
        cell: pixel size that the name gives, in the CRS's unit; None where it gives none.
    """

    item: str
    asset: str
    first: dt.date
    last: dt.date
    crs: str = ""
    cell: float | None = None


_LAYERS = r"(?P<asset>average_masked|average|avg_rade9h?|cf_cvg)"
_GHSL = (
    r"_(?:(?P<kind>[EP])|POP|LDS)(?P<year>\d{4})(?:LIN)?_GLOBE_(?P<release>{releases})_(?P<crs>\d+)_(?P<cell>\d+(?:k|ss)?)"
    r"_V\d+_\d+(?:_R\d+_C\d+|_\d+_\d+)?$"
)
# Landsat 8 or 9, level, path and row, day, day of processing, collection and tier.
_LANDSAT = r"LC0[89]_L2S[PR]_\d{6}_(?P<first>\d{8})_\d{8}_02_T1"
_PATTERNS: Mapping[str, tuple[str, ...]] = {
    "viirs_monthly": (
        rf"(?P<item>SVDNB_\w+_(?P<first>\d{{8}})-(?P<last>\d{{8}})_\w+?_vcm(?:sl)?cfg_v\d+_c\d+)\.{_LAYERS}",
    ),
    "viirs_annual": (
        rf"(?P<item>VNL_v\d+_[\w-]+?_(?P<span>\d{{4}}|\d{{6}}-\d{{6}})_global_vcm(?:sl)?cfg_c\d+)\.{_LAYERS}(?:\.dat)?",
        rf"(?P<item>SVDNB_\w+_(?P<first>\d{{4}}0101)-(?P<last>\d{{4}}1231)_\w+?_vcm(?:-orm)?(?:-ntl)?_v\d+_c\d+)"
        rf"\.{_LAYERS}",
    ),
    "landsat_c2_l2": (rf"(?P<item>{_LANDSAT})_(?P<asset>SR_B[1-7]|ST_B10|QA_PIXEL|QA_RADSAT)",),
    "ghsl_smod_p2016": (r"GHS_SMOD" + _GHSL.replace("{releases}", "R2016A"),),
    "ghsl_smod_v2": (r"GHS_SMOD" + _GHSL.replace("{releases}", "R20(?:19|22|23)A"),),
    "ghsl_built_surface": (r"GHS_BUILT_S" + _GHSL.replace("{releases}", "R20(?:22|23)A"),),
    "land_cover": (
        r"ESA_WorldCover_10m_(?P<year>20\d\d)_v\d+_[NS]\d\d[EW]\d{3}_Map",
        r"(?P<item>\d\d[C-X]_(?P<first>\d{8})-(?P<end>\d{8}))",
    ),
}
# What publishers call layers -> how catalogs spell them.
_KEYS = {"avg_rade9": "avg_rad", "avg_rade9h": "avg_rad"}
_CRS = {"54009": "ESRI:54009", "4326": "EPSG:4326", "3857": "EPSG:3857"}
_OTHERS = (
    (r"L[COTEM]\d\d_L1\w\w_", "of level 1", "files of level 2, named LC08_L2SP… or LC09_L2SP…"),
    (r"L[TEM]\d\d_|LC\d\d_\w{4}_\d{6}_\d{8}_\d{8}_01_", "of a satellite or collection that nothing here reads",
     "files of Landsat 8 and 9, Collection 2, named LC08… or LC09…"),
    (r"LC0[89]_L2S[PR]_\d{6}_\d{8}_\d{8}_02_(T2|RT)", "of another tier", "files of tier 1, with _02_T1 in their names"),
    (r"LC0[89]_L2S[PR]_.*_(ST_(?!B10)\w+|SR_QA\w*|QA_(?!PIXEL|RADSAT)\w+)(\.|$)", "a layer that nothing here reads",
     "the files ending in SR_B1 to SR_B7, ST_B10, QA_PIXEL and QA_RADSAT"),
    (r"GHS_BUILT_S_NRES", "built-up surface that is not residential", "files named GHS_BUILT_S_E…"),
    (r"GHS_BUILT_(LDS|S2|LDSMT)", "built-up density of a release before R2022A", "GHS_BUILT_S of R2022A or R2023A"),
    (r"GHS_(POP|BUILT_V|BUILT_H|BUILT_C|LAND|DUC|UCDB)", "another layer of GHSL", "GHS_BUILT_S or GHS_SMOD"),
    (r"(VNL|SVDNB)_.*\.(cvg|lit_mask|maximum|minimum|median|median_masked)\b", "a layer that nothing here reads",
     "the files ending in average or avg_rade9, and cf_cvg"),
)  # fmt: skip
_EXAMPLES = {
    "viirs_monthly": "SVDNB_npp_20190101-20190131_75N060W_vcmslcfg_v10_c201902122100.avg_rade9h.tif",
    "viirs_annual": "VNL_v21_npp_2019_global_vcmslcfg_c202205302300.average.dat.tif",
    "landsat_c2_l2": "LC08_L2SP_015032_20200315_20200822_02_T1_SR_B4.TIF",
    "ghsl_smod_p2016": "GHS_SMOD_POP2015_GLOBE_R2016A_54009_1k_v1_0.tif",
    "ghsl_smod_v2": "GHS_SMOD_E2020_GLOBE_R2023A_54009_1000_V2_0_R5_C19.tif",
    "ghsl_built_surface": "GHS_BUILT_S_E2020_GLOBE_R2023A_54009_100_V1_0_R5_C19.tif",
    "land_cover": "ESA_WorldCover_10m_2020_v100_N48E003_Map.tif",
}


def said(product: str, name: str, asset: str = "", days: tuple[dt.date, dt.date] | None = None) -> FileName:
    """What a file's name says, and what its user says where it does not.

    Args:
        product: key of `PRODUCTS`.
        name: of the file, without folder.
        asset: which layer it holds, as a key that the product's assets may have; empty takes the name's word.
        days: first and last, inclusive; None takes the name's word.

    Raises:
        FusionError: name and user leave the layer or the time open, or the name is of something else.
    """
    stem = re.sub(r"\.(tiff?|jp2)$", "", name, flags=re.IGNORECASE)
    recipe = PRODUCTS[product]
    match = next((m for p in _PATTERNS.get(product, ()) if (m := re.fullmatch(p, stem, re.IGNORECASE))), None)
    if match is None and not (asset and days):
        _refuse_another(name)
    parts = match.groupdict() if match else {}
    span = days or _days(parts) or _day_in(stem, recipe)
    layer = asset or (_KEYS.get(parts.get("asset") or "") or parts.get("asset")) or _layer_in(stem, recipe, bool(match))
    if span is None or not layer:
        missing = " and ".join(what for what, there in (("time", span), ("layer", layer)) if not there)
        options = " and ".join(o for o, there in (("--year or --days", span), ("--asset", layer)) if not there)
        example = f", such as {_EXAMPLES[product]}" if product in _EXAMPLES else ""
        raise FusionError(
            f"the name {name!r} does not say the {missing} of a {product} file",
            f"a name as its publisher gives it{example}",
            f"leave the name as it was downloaded, or say it with {options}",
        )
    item = parts.get("item") or (stem if match else _without(stem, layer))
    return FileName(item, layer, *span, _CRS.get(parts.get("crs") or "", ""), _cell(parts.get("cell")))


def spellings(product: Product) -> tuple[str, ...]:
    """Every key that an asset of the product may have, bands before masks."""
    masks = (product.all_mask_assets(product.mask), *(mask.assets for mask in product.more_masks))
    return tuple(key for keys in (*(band.assets for band in product.all_bands), *masks) for key in keys)


def unit_of(product: Product, asset: str) -> str:
    """Unit of the physical values of the layer that an asset's key names; the product's where it is no band."""
    bands = (band.name for band in product.all_bands if asset in band.assets)
    return next((product.numbers(band).unit for band in bands), product.unit)


def _refuse_another(name: str) -> None:
    for pattern, what, instead in _OTHERS:
        if re.match(pattern, name, re.IGNORECASE):
            raise FusionError(f"{name} is {what}", instead, "leave it out")


def _days(parts: Mapping[str, str | None]) -> tuple[dt.date, dt.date] | None:
    if year := parts.get("year") or (parts.get("span") if len(parts.get("span") or "") == 4 else None):
        return dt.date(int(year), 1, 1), dt.date(int(year), 12, 31)
    if span := parts.get("span"):
        first, last = (dt.datetime.strptime(month, "%Y%m").date() for month in span.split("-"))
        return first, last.replace(day=calendar.monthrange(last.year, last.month)[1])
    if not parts.get("first"):
        return None
    first = _date(str(parts["first"]))
    if parts.get("end"):
        return first, _date(str(parts["end"])) - dt.timedelta(1)
    return first, _date(str(parts.get("last") or parts["first"]))


def _date(text: str) -> dt.date:
    return dt.datetime.strptime(text, "%Y%m%d").date()


def _day_in(stem: str, product: Product) -> tuple[dt.date, dt.date] | None:
    """The one day in a name of a product of passes, such as T31UFS_20190411T105621_B04."""
    if product.season == "any":
        return None
    texts = re.findall(r"(?<!\d)(?:19|20)\d\d-?[01]\d-?[0-3]\d(?!\d)", stem)
    days = set()
    for text in texts:
        try:
            days.add(_date(text.replace("-", "")))
        except ValueError:
            return None
    day = days.pop() if len(days) == 1 else None
    return (day, day) if day else None


def _layer_in(stem: str, product: Product, by_publisher: bool) -> str:
    """The one spelling of a band or mask that stands in a name; of a publisher's name, the only band."""
    if by_publisher and len(product.bands) == 1:
        return product.bands[0].assets[0]
    words = re.split(r"[._\- ]", stem)
    there = [key for key in dict.fromkeys(spellings(product)) if key in words or stem.endswith(f"_{key}")]
    longest = [key for key in there if not any(key != other and key in other for other in there)]
    return longest[0] if len(longest) == 1 else ""


def _without(stem: str, layer: str) -> str:
    """The name without its layer, so that the layers of one scene are one item."""
    return re.sub(r"[._\- ]+$|^[._\- ]+", "", re.sub(rf"(?<![A-Za-z0-9]){re.escape(layer)}(?![A-Za-z0-9])", "", stem))


def _cell(text: str | None) -> float | None:
    if not text:
        return None
    if text.lower().endswith("ss"):
        return int(text[:-2]) / 3600
    return int(text[:-1]) * 1000.0 if text.lower().endswith("k") else float(text)
