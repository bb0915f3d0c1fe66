"""Sets of classes that hold the true one as often as promised, in groups (cities) that nobody has seen.

A class is in the set when its probability is high enough (least ambiguous sets, Sadinle et al. 2019,
doi:10.1080/01621459.2017.1395341): on cities with looks of their own these sets were smaller than adaptive ones
(Romano et al. 2020, arXiv:2006.02544), and their coverage varied less between cities.

Where to cut is the question. Split conformal prediction (Angelopoulos and Bates 2021, arXiv:2107.07511) promises its
coverage for samples exchangeable with those calibrated on; those of another city are not. What is exchangeable is the
city (Dunn et al. 2022, doi:10.1080/01621459.2022.2060112). A guarantee without assumptions (Lee et al. 2023,
arXiv:2306.06342) needs more cities than there are: with nine or fewer its 90 % sets hold every class. So coverage is
estimated instead, each city by a cut made without it, and the cut is moved until that mean, less its standard error,
is what was promised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.evaluation.calibration import checked

COVERAGE = 0.9
FEWEST_GROUPS = 3
_CUTS = 400  # tried of each group
_LEVELS = 101


def cut(label: np.ndarray, probability: np.ndarray, group: np.ndarray, coverage: float = COVERAGE) -> float:
    """The least probability of a class in the set, for groups not among these.

    Args:
        label: (n,) class number from 0.
        probability: (n, classes), by a model that did not see the sample's group.
        group: (n,) name or number of the group.
        coverage: share of samples of another group, on average over groups, whose set is to hold the label.

    Returns:
        A probability; 0 where the groups differ so much that only the set of all classes keeps the promise.

    Raises:
        FusionError: there are fewer than three groups, or the probabilities are none.
    """
    label, probability = checked(label, probability)
    shares, cuts = _shares(label, probability, np.asarray(group))
    return float(cuts[_choose(shares, coverage)])


def cut_of_samples(label: np.ndarray, probability: np.ndarray, coverage: float = COVERAGE) -> float:
    """The cut of split conformal prediction, which takes samples for exchangeable; to show what that is worth.

    Args:
        label: (n,) class number from 0.
        probability: (n, classes).
        coverage: promised for samples of the same cities.
    """
    label, probability = checked(label, probability)
    truth = np.sort(probability[np.arange(len(label)), label])
    beyond = int(np.floor((len(truth) + 1) * (1 - coverage) + 1e-9))
    return float(truth[beyond - 1]) if beyond else 0.0


def sets(probability: np.ndarray, least: float | np.ndarray) -> np.ndarray:
    """The classes in each sample's set, (n, classes) bool: those from the cut on, and always the most probable.

    Args:
        probability: (n, classes).
        least: the cut, or one a sample (n,).
    """
    held = probability >= np.reshape(least, (-1, 1))
    held[np.arange(len(probability)), probability.argmax(axis=1)] = True
    return held


def held_out_sets(
    label: np.ndarray, probability: np.ndarray, group: np.ndarray, coverage: float = COVERAGE
) -> tuple[np.ndarray, dict[str, float]]:
    """Every group's sets by the cut of the other groups, (n, classes) bool, and these cuts.

    Raises:
        FusionError: there are fewer than four groups, or the probabilities are none.
    """
    label, probability = checked(label, probability)
    group = np.asarray(group)
    least, cuts = np.empty(len(label)), {}
    for name in np.unique(group):
        rest = group != name
        cuts[str(name)] = cut(label[rest], probability[rest], group[rest], coverage)
        least[~rest] = cuts[str(name)]
    return sets(probability, least), cuts


def set_figures(label: np.ndarray, held: np.ndarray, resamples: Resamples) -> dict[str, np.ndarray]:
    """`coverage`, the share of sets that hold the label, and `set_size`, mean number of classes; (draws + 1,) each."""
    covered = held[np.arange(len(label)), np.asarray(label, dtype="int64")]
    return {
        "coverage": resamples.mean(covered.astype("float64")),
        "set_size": resamples.mean(held.sum(axis=1).astype("float64")),
    }


def coverage_by_group(label: np.ndarray, held: np.ndarray, group: np.ndarray) -> dict[str, dict[str, Any]]:
    """`n`, `coverage` and `set_size` of every group."""
    names, inverse, count = np.unique(group, return_inverse=True, return_counts=True)
    covered = np.bincount(inverse, held[np.arange(len(label)), np.asarray(label, dtype="int64")]) / count
    size = np.bincount(inverse, held.sum(axis=1)) / count
    rows = zip(names, count, covered, size, strict=True)
    return {str(name): {"n": int(n), "coverage": float(c), "set_size": float(s)} for name, n, c, s in rows}


def _shares(label: np.ndarray, probability: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of every group's samples held at each cut, (groups, cuts), and the cuts, from the highest to 0."""
    names = np.unique(group)
    if len(names) < FEWEST_GROUPS:
        raise FusionError(
            f"sets are to be calibrated on {len(names)} group(s)",
            f"at least {FEWEST_GROUPS}, to see how they differ",
            "predict samples of more cities that the model has not seen",
        )
    truth = np.where(  # the most probable class is in the set at any cut
        probability.argmax(axis=1) == label, 1.0, probability[np.arange(len(label)), label]
    )
    ranked = [np.sort(truth[group == name]) for name in names]
    tried = [np.quantile(each[each < 1], np.linspace(0, 1, _CUTS), method="lower") for each in ranked if each[0] < 1]
    cuts = np.unique(np.concatenate([*tried, [0.0, 1.0]]))
    below = [np.searchsorted(each, cuts) / len(each) for each in ranked]
    return 1 - np.array(below)[:, ::-1], cuts[::-1]


def _choose(shares: np.ndarray, coverage: float) -> int:
    """The first cut by which groups left out are covered as promised; the last where none does."""
    count, total = len(shares), shares.sum(axis=0)
    others = (total - shares) / (count - 1)  # mean coverage of the groups but one, which no cut makes smaller
    for level in np.linspace(coverage, 1, _LEVELS):
        found = np.array([shares[one, _first(others[one], level)] for one in range(count)])
        if found.mean() - found.std(ddof=1) / np.sqrt(count) >= coverage:
            return _first(total / count, level)
    return shares.shape[1] - 1


def _first(mean: np.ndarray, level: float) -> int:
    return min(int(np.searchsorted(mean, level - 1e-9)), len(mean) - 1)
