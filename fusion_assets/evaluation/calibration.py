"""Whether probabilities of many classes can be taken at their word, and two numbers that mend them.

A network is surer than it should be, most of all in places that it has not seen. A temperature divides its logits: the
ranking stays, the sureness is what held-out data bear (Guo et al. 2017, arXiv:1706.04599). Held out means whole groups
(cities): what is calibrated on neighbours of the training promises too much elsewhere.

Where some labels are wrong whatever a patch looks like, no temperature is right: it leaves too much to what is sure,
or takes too much from what is not. A doubt is the share of samples whose label may be any class; classes keep their
ranking. It is found by held-out log loss together with the temperature, and is 0 where nothing speaks for it.
"""

from __future__ import annotations

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.evaluation.scores import equal_count_bins

BINS = 10
LEAST = 1e-7
"""Below it a probability of 32 bits is noise; it also keeps the loss of one sample finite."""
STEEPEST = 20.0
"""Temperatures are looked for from one over this to this."""
MOST_DOUBT = 0.9
"""Doubts are looked for up to it."""
_STEPS = 60
_CLOSE = 0.01
"""What is so near to an end of its search, of it, lies at the end: searches stop short of their ends."""


def probability_figures(label: np.ndarray, probability: np.ndarray, resamples: Resamples) -> dict[str, np.ndarray]:
    """Log loss, Brier score and calibration error on the data and on every resample.

    Args:
        label: (n,) class number from 0.
        probability: (n, classes), rows that sum to 1.
        resamples: of the same samples.

    Returns:
        By name, (draws + 1,):

        - `log_loss`: mean of minus the logarithm of the label's probability, in nats;
        - `brier`: mean squared distance of the probabilities from the truth, 0 to 2;
        - `ece`: the most probable class is right as often as its probability says? Mean over 10 bins of equally many
          samples, by that probability, of the absolute difference of the two (Nixon et al. 2019, arXiv:1904.01685).
    """
    label, probability = checked(label, probability)
    sure = probability.max(axis=1)
    gap = sure - (probability.argmax(axis=1) == label)
    truth = probability[np.arange(len(label)), label]
    bins = equal_count_bins(sure, BINS)
    return {
        "log_loss": resamples.mean(losses(label, probability)),
        "brier": resamples.mean((probability**2).sum(axis=1) - 2 * truth + 1),
        "ece": np.abs(resamples.sums(gap, bins, BINS)).sum(axis=1) / resamples.sums(np.ones(len(label)))[:, 0],
    }


def reliability(label: np.ndarray, probability: np.ndarray) -> list[dict[str, float]]:
    """What the most probable class promises and keeps, bin by bin: `count`, mean `probability`, share `observed`."""
    label, probability = checked(label, probability)
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == label
    bins = equal_count_bins(sure, BINS)
    parts = [bins == number for number in range(BINS) if (bins == number).any()]
    return [
        {"count": int(part.sum()), "probability": float(sure[part].mean()), "observed": float(right[part].mean())}
        for part in parts
    ]


def sampling_floor(probability: np.ndarray) -> float:
    """The calibration error that probabilities show by chance alone, were they right and the samples independent.

    In a bin of n samples the share observed strays from a right probability p by sqrt(2 p (1 - p) / (pi n)) on average.
    Samples that lie side by side stray together, and by more.

    Args:
        probability: (n, classes).
    """
    sure = np.asarray(probability, "float64").max(axis=1)
    spread = np.bincount(equal_count_bins(sure, BINS), sure * (1 - sure))
    return float(np.sqrt(2 / np.pi * spread).sum() / len(sure))


def losses(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the label's probability, (n,), in nats."""
    return -np.log(np.clip(probability[np.arange(len(label)), label], LEAST, 1))


def temperature(label: np.ndarray, probability: np.ndarray, group: np.ndarray) -> float:
    """The temperature of least log loss; above 1 where the probabilities are too sure.

    Every group counts the same, however many samples it has: the next group will be one, not many samples.

    Args:
        label: (n,) class number from 0.
        probability: (n, classes), by a model that did not see the sample's group.
        group: (n,) name or number of the group.

    Raises:
        FusionError: the probabilities are none.
    """
    from scipy.optimize import minimize_scalar

    label, probability = checked(label, probability)
    weight = even_weights(group)

    def loss(logarithm: float) -> float:
        return float(weight @ losses(label, tempered(probability, float(np.exp(logarithm)))))

    ends = (-np.log(STEEPEST), np.log(STEEPEST))
    return float(np.exp(minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-4}).x))


def temperature_and_doubt(label: np.ndarray, probability: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """The temperature and doubt of least log loss; every group counts the same.

    Args:
        label: (n,) class number from 0.
        probability: (n, classes), by a model that did not see the sample's group.
        group: (n,) name or number of the group.

    Raises:
        FusionError: the probabilities are none.
    """
    from scipy.optimize import minimize_scalar

    label, probability = checked(label, probability)
    weight, classes = even_weights(group), probability.shape[1]

    def doubted(logarithm: float) -> tuple[float, float]:
        """Least loss at a temperature, and its doubt: the loss is convex in it."""
        truth = tempered(probability, float(np.exp(logarithm)))[np.arange(len(label)), label]

        def loss(doubt: float) -> float:
            return float(-weight @ np.log(np.maximum(_doubted(truth, doubt, classes), LEAST)))

        found = minimize_scalar(loss, bounds=(0, MOST_DOUBT), method="bounded", options={"xatol": 1e-4})
        return min((loss(0.0), 0.0), (float(found.fun), float(found.x)))

    ends = (-np.log(STEEPEST), np.log(STEEPEST))
    best = minimize_scalar(
        lambda each: doubted(each)[0], bounds=ends, method="bounded", options={"xatol": 1e-3, "maxiter": _STEPS}
    )
    return float(np.exp(best.x)), doubted(float(best.x))[1]


def unfound(degree: float, doubt: float = 0.0) -> tuple[str, ...]:
    """Which of `temperature` and `doubt` lie at an end of their search: there the loss still falls, and none was found.

    A doubt of 0 is an answer.
    """
    steepest, most = STEEPEST * (1 - _CLOSE), MOST_DOUBT * (1 - _CLOSE)
    ends = {"temperature": abs(np.log(degree)) >= np.log(steepest), "doubt": doubt >= most}
    return tuple(name for name, there in ends.items() if there)


def tempered(probability: np.ndarray, degree: float, doubt: float = 0.0) -> np.ndarray:
    """Probabilities with their logits divided by a temperature, and a doubt spread over all classes.

    Returns:
        (n, classes) float64.
    """
    logits = np.log(np.clip(probability.astype("float64"), LEAST, 1)) / degree
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return _doubted(scaled / scaled.sum(axis=1, keepdims=True), doubt, probability.shape[1])


def _doubted(probability: np.ndarray, doubt: float, classes: int) -> np.ndarray:
    return (1 - doubt) * probability + doubt / classes if doubt else probability


def held_out_tempered(
    label: np.ndarray, probability: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, dict[str, float]]:
    """Every group's probabilities at the temperature of the other groups, and these temperatures.

    So a calibration error of the result is one that a group not calibrated on would show.

    Raises:
        FusionError: there are fewer than two groups, or the probabilities are none.
    """
    group = np.asarray(group)
    names = np.unique(group)
    if len(names) < 2:
        raise FusionError(
            f"probabilities of {len(names)} group(s)",
            "at least 2, so that one is calibrated by another",
            "predict samples of more cities that the model has not seen",
        )
    out, degrees = np.empty(probability.shape), {}
    for name in names:
        rest = group != name
        degree = temperature(label[rest], probability[rest], group[rest])
        out[~rest], degrees[str(name)] = tempered(probability[~rest], degree), degree
    return out, degrees


def even_weights(group: np.ndarray) -> np.ndarray:
    """Weight per sample, summing to 1, by which every group counts the same."""
    _, inverse, count = np.unique(group, return_inverse=True, return_counts=True)
    return 1 / (count[inverse] * len(count))


def checked(label: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels as integers and probabilities as 64-bit numbers that belong together.

    Raises:
        FusionError: they differ in length, are empty, not finite, below 0, or do not sum to 1.
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype="float64")
    expected = "finite probabilities from 0, each row summing to 1, and for each row a label among its columns"
    remedy = "predict again; a sum of several softmaxes is to be divided by their number"
    if probability.ndim != 2 or not len(label) or label.shape != probability.shape[:1]:
        raise FusionError(f"probabilities of shape {probability.shape}, {label.size} labels", expected, remedy)
    with np.errstate(invalid="ignore"):
        wrong = ~((probability >= 0).all(axis=1) & (np.abs(probability.sum(axis=1) - 1) <= 1e-3))
    wrong |= ~np.isin(label, np.arange(probability.shape[1]))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        found = f"{wrong.sum()} of {len(label)} rows are wrong, such as row {row}: label {label[row]}, "
        raise FusionError(found + f"probabilities that sum to {probability[row].sum():g}", expected, remedy)
    return label.astype("int64"), probability
