"""Fixed formulas that give NDVI from one radar pass, as published.

R. Filgueiras, E. C. Mantovani, D. Althoff, E. I. Fernandes Filho and F. F. da Cunha, "Crop NDVI Monitoring Based on
Sentinel 1", Remote Sensing 11 (2019) 1441, doi:10.3390/rs11121441, equations 3, 4 and 14 as Sentinel Hub's example of
data fusion cites them: fitted on soybean and maize in Bahia, four dates.
"""

from __future__ import annotations

import numpy as np

CONSTANT, PER_VH, PER_VV, PER_RATIO = 2.572, -0.05047, 0.176, 3.422


def normalised_ratio(vv: np.ndarray, vh: np.ndarray) -> np.ndarray:
    """(VH - VV) / (VH + VV), the paper's normalised ratio of polarisations; NaN where the sum is 0."""
    total = vh + vv
    return np.where(total == 0, np.nan, (vh - vv) / np.where(total == 0, 1, total))


def seed_as_printed(vv: np.ndarray, vh: np.ndarray) -> np.ndarray:
    """NDVI as Sentinel Hub's example computes it: 10 x ln 10 x linear backscatter stands where decibels should.

    Args:
        vv: backscatter in dB; turned into linear power first, as the example reads it.
        vh: likewise.
    """
    vv, vh = (10 * np.log(10) * 10 ** (band / 10) for band in (vv, vh))
    return CONSTANT + PER_VH * vh + PER_VV * vv + PER_RATIO * normalised_ratio(vv, vh)


def published_formula(vv: np.ndarray, vh: np.ndarray, sign: float = 1.0) -> np.ndarray:
    """NDVI by the published formula on true decibels.

    Args:
        vv: backscatter in dB.
        vh: likewise.
        sign: of the ratio's coefficient: +1 as cited. With it most fields come out far above 1, with -1 within the
            range of NDVI, so that the printed sign is doubtful.
    """
    return CONSTANT + PER_VH * vh + PER_VV * vv + sign * PER_RATIO * normalised_ratio(vv, vh)
