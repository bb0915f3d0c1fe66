"""Figures of a map of local climate zones: those of any map of classes, and the three that the field adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, ratio
from fusion_assets.evaluation.scores import confusion, many_classes
from fusion_assets.systems.climate_zones.similarity import SIMILARITY

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

SIGNS = (*map(str, range(1, 11)), *"ABCDEFG")
"""Names in the order of class numbers, from 0."""
BUILT = 10
"""How many of them, from the first, are built."""
LABEL_CONFIDENCE = 0.85
"""Share of labels that their makers' own audit confirms (Zhu et al. 2020, doi:10.1109/MGRS.2020.2964708).

An accuracy above it on cities not learnt from says more about labels than about the map.
"""


def zone_figures(label: np.ndarray, predicted: np.ndarray, resamples: Resamples) -> dict[str, np.ndarray]:
    """Figures of a map of zones on the data and on every resample.

    Args:
        label: (n,) class number, 0 to 16.
        predicted: (n,) likewise.
        resamples: of the same samples.

    Returns:
        By name, (draws + 1,): those of `many_classes`, and

        - `oa_u`: share of samples labelled built that have the right zone;
        - `oa_bu`: share of samples that are rightly built or rightly natural;
        - `oa_w`: mean similarity of the predicted zone to the labelled one.

        The three are those of the LCZ Generator (Demuzere et al. 2021, doi:10.3389/fenvs.2021.637455) and of Bechtel
        et al. (2020, doi:10.3390/rs12111769).

    Raises:
        FusionError: there is no sample, or a number that is no class.
    """
    label, predicted = class_numbers(label, "label"), class_numbers(predicted, "prediction")
    counts = confusion(label, predicted, resamples, len(SIGNS))
    total, of_built = counts.sum(axis=(1, 2)), counts[:, :BUILT].sum(axis=(1, 2))
    right = np.diagonal(counts, axis1=1, axis2=2)[:, :BUILT].sum(axis=1)
    both = counts[:, :BUILT, :BUILT].sum(axis=(1, 2)) + counts[:, BUILT:, BUILT:].sum(axis=(1, 2))
    return many_classes(label, predicted, SIGNS, resamples) | {
        "oa_u": ratio(right, of_built),
        "oa_bu": ratio(both, total),
        "oa_w": ratio((counts * SIMILARITY).sum(axis=(1, 2)), total),
    }


def class_numbers(values: ArrayLike, what: str) -> np.ndarray:
    """Class numbers as integers, each of them one of the zones.

    Args:
        values: (n,) numbers from 0.
        what: they are, for the error.

    Raises:
        FusionError: there are none, or one is not from 0 to 16.
    """
    values = np.asarray(values)
    wrong = values[~np.isin(values, np.arange(len(SIGNS)))]
    if not values.size or wrong.size:
        raise FusionError(
            f"{wrong.size} of {values.size} {what}s are no class: {', '.join(map(str, wrong.flat[:3])) or 'empty'}",
            "numbers from 0 (zone 1) to 16 (zone G)",
            "number the zones from 0, in the order 1 to 10, A to G",
        )
    return values.astype("int64")
