"""Calibration of a model of many classes on groups (cities) that it has not seen: a temperature, then a cut of sets.

What is told of a calibration is told of groups that neither the model nor the calibration has seen: each group is
calibrated by the others, and what is used for maps rests on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.calibration import checked, temperature_and_doubt, tempered
from fusion_assets.evaluation.conformal_sets import COVERAGE, FEWEST_GROUPS, cut, cut_of_samples, sets


@dataclass(frozen=True)
class Calibration:
    """What turns a model's probabilities into ones that can be taken at their word, and into sets.

    Attributes:
        temperature: that divides logits.
        cut: least probability, after both, of a class in the set.
        coverage: what sets promise in a group not seen.
        groups: that it rests on.
        doubt: share of samples whose label may be any class.
    """

    temperature: float
    cut: float
    coverage: float
    groups: int
    doubt: float = 0.0

    @classmethod
    def of(
        cls, label: np.ndarray, probability: np.ndarray, group: np.ndarray, coverage: float = COVERAGE
    ) -> Calibration:
        """Calibrate on held-out predictions.

        Args:
            label: (n,) class number from 0.
            probability: (n, classes), by a model that did not see the sample's group.
            group: (n,) name or number of the group.
            coverage: wanted in groups not among these.

        Raises:
            FusionError: there are fewer than three groups, or the probabilities are none.
        """
        degree, doubt = temperature_and_doubt(label, probability, group)
        least = cut(label, tempered(np.asarray(probability), degree, doubt), group, coverage)
        return cls(degree, least, coverage, len(np.unique(group)), doubt)

    def probability(self, probability: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, (n, classes)."""
        return tempered(probability, self.temperature, self.doubt)

    def sets(self, probability: np.ndarray) -> np.ndarray:
        """The set of each sample, (n, classes) bool, of a model's probabilities as they are."""
        return self.sets_of_calibrated(self.probability(probability))

    def sets_of_calibrated(self, probability: np.ndarray) -> np.ndarray:
        """The same, of probabilities that are calibrated already."""
        return sets(probability, self.cut)


def held_out(
    label: np.ndarray, probability: np.ndarray, group: np.ndarray, coverage: float = COVERAGE
) -> tuple[np.ndarray, np.ndarray, dict[str, Calibration]]:
    """Every group calibrated by the others: what its figures are to be made of.

    Returns:
        Calibrated probabilities (n, classes), sets (n, classes) bool, and the calibration of each group.

    Raises:
        FusionError: there are fewer than four groups, or the probabilities are none.
    """
    label, probability = checked(label, probability)
    group = np.asarray(group)
    names = np.unique(group)
    if len(names) <= FEWEST_GROUPS:
        raise FusionError(
            f"a calibration is to be judged on {len(names)} group(s)",
            f"at least {FEWEST_GROUPS + 1}, so that one is left beside those that calibrate",
            "predict samples of more cities that the model has not seen",
        )
    out, held, found = np.empty(probability.shape), np.empty(probability.shape, bool), {}
    for name in names:
        here = group == name
        each = found[str(name)] = Calibration.of(label[~here], probability[~here], group[~here], coverage)
        out[here], held[here] = each.probability(probability[here]), each.sets(probability[here])
    return out, held, found


def random_promise(
    known: tuple[np.ndarray, np.ndarray],
    unseen: tuple[np.ndarray, np.ndarray],
    coverage: float = COVERAGE,
    seed: int = 0,
) -> dict[str, float]:
    """What a calibration on random samples of known groups promises, and what it keeps in groups not seen.

    Args:
        known: labels and probabilities of samples whose groups the model has seen, held out at random.
        unseen: labels and probabilities of samples of other groups.
        coverage: wanted.
        seed: of the half of `known` that calibrates; the other half shows what is promised.

    Returns:
        `cut`; `promised` and `kept`, shares of sets that hold the label among the known and the unseen.
    """
    label, probability = checked(*known)
    half = np.random.default_rng(seed).permutation(len(label)) < len(label) // 2
    least = cut_of_samples(label[half], probability[half], coverage)

    def covered(label: np.ndarray, probability: np.ndarray) -> float:
        return float(sets(probability, least)[np.arange(len(label)), label].mean())

    return {
        "cut": least,
        "promised": covered(label[~half], probability[~half]),
        "kept": covered(*checked(*unseen)),
    }
