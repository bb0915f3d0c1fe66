"""Figures of a map of local climate zones: those of any map of classes, and the three that the field adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, ratio
from fusion_assets.evaluation.few_groups import intervals
from fusion_assets.evaluation.scores import confusion, many_classes
from fusion_assets.systems.climate_zones.legend import BUILT, SIGNS
from fusion_assets.systems.climate_zones.similarity import SIMILARITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

FEWEST_CITIES = 5
"""In which a zone must be labelled for its own figures to get intervals; of fewer, intervals come out too narrow."""
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


def zone_intervals(
    label: np.ndarray, predictions: Sequence[np.ndarray], city: np.ndarray
) -> dict[str, dict[str, float | None]]:
    """Every figure of a method with its 95 % interval for other cities and other trainings.

    Args:
        label: (n,) class number, 0 to 16.
        predictions: of each training, (n,).
        city: (n,) name of the city of each sample.

    Returns:
        By name of figure `value`, `low`, `high`; ends are None where they cannot be known: of one city, or of a zone
        that few cities have. On simulated studies of ten cities, intervals of zones hold the true value in 91 (user's
        accuracy) to 93 (F1) of 100, less where a zone is rare.
    """
    label, city = class_numbers(label, "label"), np.asarray(city)
    resamples = Resamples.without_each(city)
    seeds = [_of_zones_seen(label, each, resamples) for each in predictions]
    limits = {name: (-1.0 if name == "kappa" else 0.0, 1.0) for name in seeds[0]}
    found = intervals(seeds, limits)
    for number, sign in enumerate(SIGNS):
        if len(np.unique(city[label == number])) < FEWEST_CITIES:
            for figure in ("precision", "recall", "f1"):
                found[f"{figure}_{sign}"] |= {"low": None, "high": None}
    return found


def figures_by_city(label: np.ndarray, predicted: np.ndarray, city: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of each city alone, (cities,), cities in the order of their names; NaN where a zone is not there."""
    figures = _of_zones_seen(label, predicted, Resamples.each_alone(city))
    return {name: values[1:] for name, values in figures.items()}


def _of_zones_seen(label: np.ndarray, predicted: np.ndarray, resamples: Resamples) -> dict[str, np.ndarray]:
    """`zone_figures`, NaN instead of 0 where there is nothing to judge by."""
    figures = zone_figures(label, predicted, resamples)
    counts = confusion(np.asarray(label), np.asarray(predicted), resamples, len(SIGNS))
    labelled, mapped = counts.sum(axis=2) > 0, counts.sum(axis=1) > 0
    for figure, known in (("precision", mapped), ("recall", labelled), ("f1", labelled | mapped)):
        for number, sign in enumerate(SIGNS):
            name = f"{figure}_{sign}"
            figures[name] = np.where(known[:, number], figures[name], np.nan)
    built = labelled[:, :BUILT].any(axis=1)
    return figures | {"oa_u": np.where(built, figures["oa_u"], np.nan)}


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
