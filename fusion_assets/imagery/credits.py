"""What whoever publishes a map must say of the data it rests on, and how the data are cited.

Sources: https://sentinel.esa.int (terms of use of Copernicus Sentinel data), https://eogdata.mines.edu/products/vnl/
(CC BY 4.0), https://human-settlement.emergency.copernicus.eu (open and free, with reference to the source),
https://www.usgs.gov/information-policies-and-instructions/crediting-usgs, https://esa-worldcover.org (CC BY 4.0).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Credit:
    """Who is to be named.

    Attributes:
        attribution: sentence that must stand beside a map; `{years}` are those of the imagery.
        citation: the paper or data set; empty where none is asked for.
    """

    attribution: str
    citation: str = ""


_COPERNICUS = Credit("Contains modified Copernicus Sentinel data {years}.")
_NIGHT_LIGHTS = (
    "Made with VIIRS Nighttime Light of the Earth Observation Group, Payne Institute for Public Policy, Colorado "
    "School of Mines (CC BY 4.0)."
)
_GHSL = "Made with the Global Human Settlement Layer of the European Commission, Joint Research Centre (CC BY 4.0)."

CREDITS: dict[str, Credit] = {
    "sentinel2_l2a": _COPERNICUS,
    "sentinel2_l1c": _COPERNICUS,
    "sentinel2_nbart": Credit(
        "Contains modified Copernicus Sentinel data {years}, corrected by Geoscience Australia, © Commonwealth of "
        "Australia (CC BY 4.0)."
    ),
    "sentinel1_grd": _COPERNICUS,
    "sentinel1_rtc": _COPERNICUS,
    "landsat_c2_l2": Credit("Landsat Collection 2 level 2 courtesy of the U.S. Geological Survey."),
    "viirs_monthly": Credit(
        _NIGHT_LIGHTS,
        "Elvidge, C. D., Baugh, K., Zhizhin, M., Hsu, F. C., Ghosh, T. (2017): VIIRS night-time lights. International "
        "Journal of Remote Sensing 38, 5860-5879. doi:10.1080/01431161.2017.1342050",
    ),
    "viirs_annual": Credit(
        _NIGHT_LIGHTS,
        "Elvidge, C. D., Zhizhin, M., Ghosh, T., Hsu, F. C., Taneja, J. (2021): Annual time series of global VIIRS "
        "nighttime lights derived from monthly averages: 2012 to 2019. Remote Sensing 13, 922. doi:10.3390/rs13050922",
    ),
    "satellite_embedding": Credit(
        "The AlphaEarth Foundations Satellite Embedding dataset is produced by Google and Google DeepMind (CC BY 4.0).",
        "Brown, C. F., Kazmierski, M. R., Pasquarella, V. J., and others (2025): AlphaEarth Foundations: an embedding "
        "field model for accurate and efficient global mapping from sparse label data. arXiv:2507.22291",
    ),
    "ghsl_smod_p2016": Credit(
        _GHSL,
        "Pesaresi, M., Freire, S. (2016): GHS settlement grid following the REGIO model 2014 in application to GHSL "
        "Landsat and CIESIN GPW v4, multitemporal (1975-1990-2000-2015). European Commission, Joint Research Centre.",
    ),
    "ghsl_smod_v2": Credit(
        _GHSL,
        "Schiavina, M., Melchiorri, M., Pesaresi, M. (2023): GHS-SMOD R2023A, GHS settlement layers, application of "
        "the Degree of Urbanisation methodology (stage I) to GHS-POP R2023A and GHS-BUILT-S R2023A, multitemporal "
        "(1975-2030). European Commission, Joint Research Centre. doi:10.2905/A0DF7A6F-49DE-46EA-9BDE-563437A6E2BA",
    ),
    "ghsl_built_surface": Credit(
        _GHSL,
        "Pesaresi, M., Politis, P. (2023): GHS-BUILT-S R2023A, GHS built-up surface grid, derived from Sentinel-2 "
        "composite and Landsat, multitemporal (1975-2030). European Commission, Joint Research Centre. "
        "doi:10.2905/9F06F36F-4B11-47EC-ABB0-4F8B7B1D72EA",
    ),
    "land_cover": Credit("Labels are those of the land cover named under the sources; its licence asks to be named."),
    "corine": Credit(
        "Contains CORINE Land Cover of the European Union's Copernicus Land Monitoring Service, European Environment "
        "Agency (EEA).",
        "European Environment Agency (2020): CORINE Land Cover, raster 100 m, Europe, 6-yearly, version 2020_20u1. "
        "doi:10.2909/960998c1-1870-4e82-8051-6485205ebbac",
    ),
}


def attributions(uses: Iterable[tuple[str, dt.date, dt.date]]) -> Iterator[str]:
    """Sentences that must stand beside what was made, each once.

    Args:
        uses: product, first and last day, of everything that went in.
    """
    years: dict[str, set[int]] = {}
    for product, first, last in uses:
        years.setdefault(CREDITS[product].attribution, set()).update((first.year, last.year))
    for sentence, of in years.items():
        span = f"{min(of)}" if len(of) == 1 else f"{min(of)}-{max(of)}"
        yield sentence.format(years=span)


def citations(products: Iterable[str]) -> Iterator[str]:
    """Papers and data sets to be cited, each once, in the order of the products."""
    yield from dict.fromkeys(CREDITS[product].citation for product in products if CREDITS[product].citation)
