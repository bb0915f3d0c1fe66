"""What the comparison of networks says: figures with intervals over cities, and differences that are paired by city.

The unit is the city: five trainings on one set of cities are no evidence of another city. In the setting `city` each
seed tests other cities, so that as many trainings as there are folds together answer for every city once: that is a
run. In other settings every training is a run of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.evaluation.calibration import probability_figures, reliability, sampling_floor, unfound
from fusion_assets.evaluation.conformal_sets import coverage_by_group, cut_of_samples, set_figures
from fusion_assets.evaluation.few_groups import MARGIN, difference, intervals
from fusion_assets.evaluation.held_out_calibration import held_out
from fusion_assets.systems.climate_zones.legend import SIGNS
from fusion_assets.systems.climate_zones.scores import figures_by_city, zone_figures, zone_intervals
from fusion_assets.systems.climate_zones.splits import CITY_FOLDS

if TYPE_CHECKING:
    import pandas as pd

PROBABILITIES = [f"p_{sign}" for sign in SIGNS]
"""Columns of a table of answers."""
HEADLINES = ("accuracy", "average_accuracy")
"""Figures that are compared between networks."""
FEWEST_TO_CALIBRATE = 4
_LEVELS = 1001


@dataclass(frozen=True)
class Run:
    """Answers for all patches that are tested, by trainings that did not see them.

    Attributes:
        row: (n,) numbers of the patches, ascending.
        label: (n,) indices of zones.
        city: (n,) names.
        probability: (n, 17).
    """

    row: np.ndarray
    label: np.ndarray
    city: np.ndarray
    probability: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Most probable zone."""
        return self.probability.argmax(axis=1)


def table_of(rows: np.ndarray, probability: np.ndarray, patches: pd.DataFrame) -> pd.DataFrame:
    """Answers as they are stored: `row`, `label`, `city`, and a probability of each zone."""
    import pandas as pd

    kept = patches[["label", "city"]].iloc[rows].reset_index(drop=True)
    answers = pd.DataFrame(np.asarray(probability, np.float32), columns=PROBABILITIES)
    return pd.concat([pd.DataFrame({"row": rows}), kept, answers], axis=1)


def averaged(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of the answers of networks that were trained apart, for the same patches.

    Raises:
        FusionError: they answer for other patches.
    """
    first = tables[0]
    if any(not np.array_equal(each["row"], first["row"]) for each in tables):
        raise FusionError(
            "networks to be averaged answer for different patches",
            "the same patches",
            "make them anew: fusion run --select fusion_prediction",
        )
    mean = np.mean([each[PROBABILITIES].to_numpy() for each in tables], axis=0)
    return first.assign(**dict(zip(PROBABILITIES, mean.T.astype(np.float32), strict=True)))


def runs_of(setting: str, by_seed: Mapping[int, pd.DataFrame]) -> list[Run]:
    """Answers of several trainings as runs.

    Args:
        setting: that they were trained in.
        by_seed: tables of answers; in the setting `city` those of one grouping of cities are one run.

    Raises:
        FusionError: in the setting `city`, groupings of which one tests every city and another does not.
    """
    import pandas as pd

    if setting != "city":
        return [_run(by_seed[seed]) for seed in sorted(by_seed)]
    groups: dict[int, list[int]] = {}
    for seed in sorted(by_seed):
        groups.setdefault(seed // CITY_FOLDS, []).append(seed)
    if len(set(map(len, groups.values()))) > 1:
        some = [seed for seeds in groups.values() if len(seeds) < CITY_FOLDS for seed in seeds]
        raise FusionError(
            f"{number_of(len(by_seed), 'training')} in the setting `city`, of which seeds {', '.join(map(str, some))} "
            "do not test every city",
            f"at most {CITY_FOLDS} of them, or a multiple: each {CITY_FOLDS} test every city once",
            "change climate_zones.seeds in the study, or train those that are missing",
        )
    return [_run(pd.concat([by_seed[seed] for seed in seeds])) for seeds in groups.values()]


def _run(table: pd.DataFrame) -> Run:
    table = table.sort_values("row")
    return Run(
        table["row"].to_numpy(),
        table["label"].to_numpy(),
        table["city"].to_numpy().astype(str),
        table[PROBABILITIES].to_numpy(np.float64),
    )


def figures_of(runs: Sequence[Run]) -> dict[str, Any]:
    """Everything that is said of one network or sum in one setting.

    Args:
        runs: its answers. Those that answer for other patches than the first are judged on their own patches, and
            their figures are averaged.

    Returns:
        `figures`: by name `value`, `low`, `high`, over cities and runs; `by_city`: the headline figures of each city,
        averaged over runs; `by_run`: these of every run, and `of_runs` of all cities together;
        `calibration`: temperature, doubt, calibration error and what of it chance alone would show (`ece_floor`),
        coverage and size of sets, on cities that neither network nor calibration had seen, and by city what of its
        calibration was not found (`unfound`, see there); None where cities are too few; `reliability`; `confusion`
        (17 x 17, mean over runs); `needed`: see `promised_and_kept`.
    """
    # Of one city nothing is left without it, and figures of nothing are NaN, which says so.
    with np.errstate(invalid="ignore", divide="ignore"):
        return _figures(runs)


def _figures(runs: Sequence[Run]) -> dict[str, Any]:
    alike = [run for run in runs if np.array_equal(run.row, runs[0].row)]
    first = runs[0]
    found = zone_intervals(first.label, [run.predicted for run in alike], first.city)
    resamples = Resamples.without_each(first.city)
    surenesses = [probability_figures(run.label, run.probability, resamples) for run in alike]
    cities = sorted(set(first.city))
    alone = [figures_by_city(run.label, run.predicted, run.city) for run in alike]
    whole = [zone_figures(run.label, run.predicted, Resamples.of(run.city, 0)) for run in alike]
    return {
        "runs": len(alike),
        "patches": len(first.row),
        "cities": len(cities),
        "figures": {**found, **intervals(surenesses, dict.fromkeys(surenesses[0], (0.0, np.inf)))},
        "by_city": {
            name: dict(zip(cities, np.mean([each[name] for each in alone], axis=0).tolist(), strict=True))
            for name in HEADLINES
        },
        "by_run": {name: [each[name].tolist() for each in alone] for name in HEADLINES},
        "of_runs": {name: [float(each[name][0]) for each in whole] for name in HEADLINES},
        "calibration": _calibration(first),
        "reliability": reliability(first.label, first.probability),
        "confusion": np.mean([_confusion(run) for run in alike], axis=0).tolist(),
        "needed": _needed(first),
    }


def _confusion(run: Run) -> np.ndarray:
    counts = np.zeros((len(SIGNS), len(SIGNS)))
    np.add.at(counts, (run.label, run.predicted), 1)
    return counts


def _needed(run: Run) -> dict[str, Any]:
    """The cut that half of the patches promise for the other half, and the highest cuts that sets may have.

    A set holds its patch's label at all cuts up to some: quantiles of these say what any cut would keep here.
    """
    truth = run.probability[np.arange(len(run.label)), run.label]
    highest = np.where(run.predicted == run.label, 1.0, truth)  # the most probable zone is in the set at any cut
    half = np.random.default_rng(0).permutation(len(run.label)) < len(run.label) // 2
    least = cut_of_samples(run.label[half], run.probability[half])
    return {
        "cut": least,
        "promised": float((highest[~half] >= least).mean()),
        "quantiles": np.quantile(highest, np.linspace(0, 1, _LEVELS), method="lower").tolist(),
    }


def promised_and_kept(seen: Mapping[str, Any], unseen: Mapping[str, Any]) -> dict[str, float]:
    """What sets cut on random patches of cities that a network has seen promise, and keep in cities it has not.

    Args:
        seen: document of `figures_of` of the network where patches are held back at random.
        unseen: of the same network where they are held back otherwise.

    Returns:
        `cut`; `promised` and `kept`, shares of sets that hold the label among the seen and the unseen, the second to
        a thousandth.
    """
    cut, highest = seen["needed"]["cut"], np.array(unseen["needed"]["quantiles"])
    return {"cut": cut, "promised": seen["needed"]["promised"], "kept": float((highest >= cut).mean())}


def _calibration(run: Run) -> dict[str, Any] | None:
    if len(set(run.city)) < FEWEST_TO_CALIBRATE:
        return None
    probability, held, by_city = held_out(run.label, run.probability, run.city)
    whole = Resamples.of(run.city, 0)
    said = {**probability_figures(run.label, probability, whole), **set_figures(run.label, held, whole)}
    document: dict[str, Any] = {name: float(values[0]) for name, values in said.items()}
    document["temperature"], document["doubt"] = (
        float(np.mean([getattr(each, name) for each in by_city.values()])) for name in ("temperature", "doubt")
    )
    document["unfound"] = {
        name: ends for name, each in by_city.items() if (ends := list(unfound(each.temperature, each.doubt)))
    }
    document["ece_floor"] = sampling_floor(probability)
    document["coverage_by_city"] = coverage_by_group(run.label, held, run.city)
    document["reliability"] = reliability(run.label, probability)
    return document


def differences(points: Mapping[str, Mapping[str, Any]], baseline: str) -> dict[str, dict[str, Any]]:
    """How every point of a setting differs from one of them, paired by city.

    Args:
        points: documents of `figures_of` by name, all of the same cities.
        baseline: name of the one that the others are compared with.

    Returns:
        By name and headline figure: see `few_groups.difference`; None where cities are too few.
    """
    against = points[baseline]
    return {
        name: {figure: _difference(document["by_run"][figure], against["by_run"][figure]) for figure in HEADLINES}
        for name, document in points.items()
        if name != baseline
    }


def _difference(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> dict[str, Any] | None:
    try:
        return difference(np.array(first, float), np.array(second, float), MARGIN)
    except FusionError:
        return None
