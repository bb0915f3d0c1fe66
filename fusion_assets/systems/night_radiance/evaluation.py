"""How well methods find the product's own cells again from cells four times as coarse, in places not learnt from.

It says how well 1.85 km becomes 463 m. What it says of pixels finer than the product is an extrapolation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, interval
from fusion_assets.systems.night_radiance.examples import COPIES, FACTOR, Example, Place, examples_of, wald_psf
from fusion_assets.systems.night_radiance.methods.table import METHODS, NO_IMAGERY, Answer, methods_for
from fusion_assets.systems.night_radiance.task import FAINTEST, degraded, with_noise

if TYPE_CHECKING:
    from fusion_assets.systems.night_radiance.task import Task

BUFFER = 8
"""Cells around what is held out that are not learnt from either: two of the coarser cells."""
ROUNDS_TRIED = (5, 10, 20, 30)
STRESS = {"narrow": (0.6, 0.0, 0.0), "wide": (1.4, 0.0, 0.0), "noise": (1.0, 0.05, 0.1), "both": (1.4, 0.05, 0.1)}
"""Sensors that differ from the one assumed: how wide the spread truly is, the scatter of gain, and noise in nW."""
BASELINE = "bicubic"
_LEAST_CELLS = 100
_QUANTILES = (0.05, 0.95)
_LEVELS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_LEAST_IN_LEVEL = 60
_FEWEST_COARSE = 4
TRUTH_BLOCK = 6
"""Edge of the blocks in which maps are compared with a truth, in cells."""
USUAL_GROWTH = 1.0
"""Exponent where places are too small to measure it."""


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold answers of one place.

    Attributes:
        place: name.
        truth: cells, NaN where unknown.
        block: number of the block of each cell.
        answers: by method, (height, width).
    """

    place: str
    truth: np.ndarray
    block: np.ndarray
    answers: dict[str, np.ndarray]


def chosen_rounds(places: Sequence[Place]) -> int:
    """Rounds of conservation that lose least, without imagery, over the sensor assumed and those of `STRESS`.

    Only those count with which deblurring loses to interpolation in no place, whatever the sensor truly is: more rounds
    make more of what is not there, too. The fewest where there are none.
    """
    losses = {}
    for rounds in ROUNDS_TRIED:
        relative = [
            _rmse(example, example.task.start) / max(_rmse(example, example.task.bicubic), 1e-9)
            for place in places
            for example in (examples_of(place, rounds=rounds, copies=0)[0], *stressed(place, rounds).values())
        ]
        if max(relative) < 1:
            losses[rounds] = float(np.mean(relative))
    return min(losses, key=lambda rounds: losses[rounds]) if losses else ROUNDS_TRIED[0]


def stressed(place: Place, rounds: int) -> dict[str, Example]:
    """A place as other sensors would have seen it, to whoever assumes the usual one."""
    assumed = examples_of(place, rounds=rounds, copies=0)[0]
    found = {}
    for name, (width, gain, floor) in STRESS.items():
        seen, _ = degraded(
            place.cells, place.radiance, place.guides, wald_psf(place.cells).wider(width), FACTOR, rounds
        )
        noisy = with_noise(seen, gain, floor, seed=1)
        found[name] = dataclasses.replace(assumed, task=dataclasses.replace(assumed.task, measured=noisy.measured))
    return found


def out_of_fold(
    places: Sequence[Place],
    fold_of: Mapping[str, np.ndarray],
    rounds: int,
    methods: Sequence[str] = (),
    seed: int = 0,
    told: Callable[[str], None] = lambda line: None,
    stress: bool = False,
    tried: Collection[int] = (),
) -> dict[str, list[Predictions]]:
    """Answers of every method where it has not learnt.

    Args:
        places: to learn from and to be tried on.
        fold_of: by place, the fold of each of its cells; cells near another fold are not learnt from.
        rounds: of conservation.
        methods: names; empty for all that the imagery allows.
        seed: of what is drawn.
        told: a line when a fold is done.
        stress: whether the sensors of `STRESS` are tried as well.
        tried: folds that are answered for; empty for all.

    Returns:
        By sensor, `wald` for the one assumed, the predictions of every place that is answered for.

    Raises:
        FusionError: too few known cells.
    """
    names = list(methods or methods_for(places[0].guides))
    examples = {place.name: examples_of(place, rounds=rounds, copies=COPIES, seed=seed) for place in places}
    known = sum(int(each[0].known.sum()) for each in examples.values())
    if known < _LEAST_CELLS:
        raise FusionError(
            f"{known} cells with lights and day imagery",
            f"at least {_LEAST_CELLS}",
            "enlarge the regions, or see what landsat_composite and radiance_cells lack",
        )
    tasks = {
        place.name: {"wald": examples[place.name][0], **(stressed(place, rounds) if stress else {})} for place in places
    }
    answers: dict[tuple[str, str], dict[str, np.ndarray]] = {
        (sensor, name): {} for name, by_sensor in tasks.items() for sensor in by_sensor
    }
    folds = {
        name: fold[: examples[name][0].truth.shape[0], : examples[name][0].truth.shape[1]]
        for name, fold in fold_of.items()
    }
    every = {int(value) for each in folds.values() for value in np.unique(each) if value >= 0}
    for fold in sorted(set(tried) or every):
        learnt = [
            example.without(_near(folds[name] == fold))
            for name, each in examples.items()
            for example in each
            if (folds[name] != fold).any()
        ]
        for method in names:
            answer = METHODS[method].fit(learnt, seed)
            for name, by_sensor in tasks.items():
                here = folds[name] == fold
                if not here.any():
                    continue
                for sensor, example in by_sensor.items():
                    into = answers[sensor, name].setdefault(method, np.full(example.truth.shape, np.nan))
                    into[here] = answer(example.task)[here]
        told(f"fold {fold} of {len(names)} methods")
    found: dict[str, list[Predictions]] = {}
    for (sensor, name), by_method in answers.items():
        if not by_method:
            continue
        example = tasks[name][sensor]
        block = next(place.block for place in places if place.name == name)
        truth = np.where(example.usable, example.truth, np.nan)
        shape = truth.shape
        found.setdefault(sensor, []).append(Predictions(name, truth, block[: shape[0], : shape[1]], by_method))
    return found


def compared(
    places: Sequence[Place], method: str, rounds: int | None, told: Callable[[str], None] = lambda line: None
) -> tuple[dict[str, Any], pd.DataFrame]:
    """All methods compared, place by place, and the choice among them.

    Args:
        places: to learn from and to be tried on; each is a fold.
        method: what the study wants; `auto` chooses.
        rounds: of conservation; None chooses.
        told: a line when a fold is done.

    Returns:
        The document that everything after it reads (`method`, `why`, `rounds`, `compared`: names worth a comparison at
        finer pixels, `wald`: figures, `sensors`: figures by other sensors, `spread` by method, `growth`), and a table.
    """
    folds = {place.name: np.full(place.radiance.shape, index) for index, place in enumerate(places)}
    most = rounds or chosen_rounds(places)
    for chosen in [rounds] if rounds else [each for each in reversed(ROUNDS_TRIED) if each <= most]:
        found = out_of_fold(places, folds, chosen, told=told, stress=True)
        table = table_of(found)
        wald = table[table["sensor"] == "wald"]
        name, why = choice(wald) if method == "auto" else (method, "the study says so")
        if not _loses(table, name):
            break
        told(f"{chosen} rounds are too many for another sensor")
    if name not in found["wald"][0].answers:
        raise FusionError(
            f"night_radiance.method is {name}, which needs imagery of green, red and infrared",
            ", ".join(("auto", *found["wald"][0].answers)),
            "choose another method, or other optics",
        )
    spread = {each: spread_of(found["wald"], each) for each in found["wald"][0].answers}
    document = {
        "method": name,
        "why": why,
        "rounds": chosen,
        "compared": list(dict.fromkeys((BASELINE, NO_IMAGERY, name))),
        "wald": figures(wald),
        "sensors": {each: figures(table[table["sensor"] == each]) for each in STRESS},
        "spread": spread,
        "growth": growth_of(places, folds, name, chosen, spread[name]),
    }
    return document, table


def _loses(table: pd.DataFrame, method: str) -> bool:
    """Whether a method errs more than interpolation where the sensor is another than the one assumed."""
    sums = table[table["sensor"].isin(STRESS)].pivot_table(
        index="sensor", columns="method", values="squared_error", aggfunc="sum"
    )
    return method in sums and bool((sums[method] > sums[BASELINE]).any())


def table_of(found: Mapping[str, Sequence[Predictions]]) -> pd.DataFrame:
    """Sums of errors by sensor, place, block and method, from which every figure follows."""
    rows = [row for sensor, places in found.items() for each in places for row in _sums(each)]
    sensors = [sensor for sensor, places in found.items() for each in places for _ in _sums(each)]
    return pd.DataFrame(rows).assign(sensor=sensors) if rows else pd.DataFrame(columns=["sensor", "method"])


def _sums(predictions: Predictions) -> list[dict[str, Any]]:
    known = np.isfinite(predictions.truth)
    truth = predictions.truth[known]
    names, group = np.unique(predictions.block[known], return_inverse=True)
    rows = []
    for method, answer in predictions.answers.items():
        error = answer[known] - truth
        parts = {
            "cells": np.ones_like(truth),
            "squared_error": error**2,
            "absolute_error": np.abs(error),
            "radiance": truth,
            "squared_radiance": truth**2,
        }
        sums = {name: np.bincount(group, values) for name, values in parts.items()}
        for index, block in enumerate(names):
            row = {"place": predictions.place, "block": int(block), "method": method}
            rows.append(row | {name: float(values[index]) for name, values in sums.items()})
    return rows


def figures(table: pd.DataFrame, draws: int = 2000) -> dict[str, Any]:
    """RMSE, MAE and R2 of every method, and its RMSE against the baseline, with 95 % intervals over blocks.

    Args:
        table: of `table_of`, of one sensor.
        draws: resamples.
    """
    methods = list(dict.fromkeys(table["method"]))
    first = table[table["method"] == methods[0]]
    group = pd.factorize(first["place"] + "|" + first["block"].astype(str))[0]
    resamples = Resamples.of(group, draws)
    cells = resamples.sums(first["cells"].to_numpy(float))[:, 0]
    mean = resamples.sums(first["radiance"].to_numpy())[:, 0] / cells
    variance = resamples.sums(first["squared_radiance"].to_numpy())[:, 0] / cells - mean**2
    squared = {
        method: resamples.sums(part["squared_error"].to_numpy())[:, 0] / cells
        for method, part in table.groupby("method", sort=False)
    }
    rows = {}
    for method, part in table.groupby("method", sort=False):
        absolute = resamples.sums(part["absolute_error"].to_numpy())[:, 0] / cells
        rmse = np.sqrt(squared[method])
        ratios = {
            f"to_{other}": interval(rmse / np.maximum(np.sqrt(squared[other]), 1e-12), resamples.groups)
            for other in (BASELINE, NO_IMAGERY)
        }
        rows[method] = {
            "rmse": interval(rmse, resamples.groups),
            "mae": interval(absolute, resamples.groups),
            "r2": interval(1 - squared[method] / np.maximum(variance, 1e-12), resamples.groups),
            **ratios,
        }
    return {"cells": int(cells[0]), "groups": resamples.groups, "methods": rows}


def choice(table: pd.DataFrame) -> tuple[str, str]:
    """The simplest method within one standard error of the best, and why.

    What is compared is the RMSE of a block, averaged over blocks: of squared errors one flare would decide. The
    standard error is that of the paired difference.

    Args:
        table: of `table_of`, of one sensor.
    """
    eligible = [name for name in METHODS if METHODS[name].eligible and name in set(table["method"])]
    rmse = table.assign(rmse=np.sqrt(table["squared_error"] / table["cells"])).pivot_table(
        index=["place", "block"], columns="method", values="rmse"
    )[eligible]
    loss = rmse.mean()
    best = min(eligible, key=lambda name: loss[name])
    difference = rmse.sub(rmse[best], axis=0)
    error = difference.std() / np.sqrt(len(rmse))
    name = next(each for each in eligible if loss[each] - loss[best] <= np.nan_to_num(error[each]))
    words = f"RMSE {loss[name]:.3g} nW/cm2/sr in a block of a place not learnt from"
    if name == best:
        return name, f"{words}, the least of {len(eligible)}"
    return name, f"{words}, within one standard error of {METHODS[best].text} ({loss[best]:.3g})"


def spread_of(places: Sequence[Predictions], method: str) -> dict[str, list[float]]:
    """How far the truth lies from a method's answers: 5 % and 95 % quantiles of the log ratio, by level of the answer.

    Args:
        places: predictions out of fold.
        method: name.

    Returns:
        `level` (nW/cm2/sr, ascending), `low` and `high` (logarithms).
    """
    answer = np.concatenate([each.answers[method][np.isfinite(each.truth)] for each in places])
    truth = np.concatenate([each.truth[np.isfinite(each.truth)] for each in places])
    ratio = np.log((truth + 2 * FAINTEST) / (np.maximum(answer, 0) + 2 * FAINTEST))
    edges = [level for level in _LEVELS if (answer >= level).sum() >= _LEAST_IN_LEVEL] or [0.0]
    found: dict[str, list[float]] = {"level": [], "low": [], "high": []}
    for index, level in enumerate(edges):
        above = edges[index + 1] if index + 1 < len(edges) else np.inf
        here = ratio[(answer >= level) & (answer < above)]
        if len(here) < _LEAST_IN_LEVEL and found["level"]:
            continue
        low, high = np.quantile(here, _QUANTILES) if len(here) else (0.0, 0.0)
        for name, value in zip(found, (level, low, high), strict=True):
            found[name].append(float(value))
    return found


def bounds(
    radiance: np.ndarray, spread: Mapping[str, Sequence[float]], scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 90 % interval of every pixel.

    Args:
        radiance: of the map.
        spread: of `spread_of`.
        scale: how much wider than there.
    """
    ends = []
    # Levels are joined by lines, so that the interval has no steps.
    level = np.log(np.asarray(spread["level"], float) + 2 * FAINTEST)
    at = np.log(np.maximum(radiance, 0) + 2 * FAINTEST)
    for side in ("low", "high"):
        factor = np.exp(scale * np.interp(at, level, np.asarray(spread[side], float)))
        ends.append(np.maximum((np.maximum(radiance, 0) + 2 * FAINTEST) * factor - 2 * FAINTEST, 0.0))
    return np.minimum(ends[0], radiance), np.maximum(ends[1], radiance)


def reserved_table(
    places: Sequence[Place], reserved: Sequence[Place], rounds: int, methods: Sequence[str] = (), seed: int = 0
) -> pd.DataFrame:
    """`table_of` for places that nothing has been learnt or chosen on, by methods fitted on all the others."""
    fold_of = {place.name: np.full(place.radiance.shape, 1) for place in places}
    fold_of |= {place.name: np.zeros(place.radiance.shape, int) for place in reserved}
    found = out_of_fold([*places, *reserved], fold_of, rounds, methods, seed, tried=[0])
    return table_of(found)


def truth_table(task: Task, truth: np.ndarray, answers: Mapping[str, np.ndarray], place: str) -> pd.DataFrame:
    """`table_of` for maps against a truth on their own pixels, and on pixels twice as large (the sensors' names).

    Args:
        task: of the maps.
        truth: (height, width) nW/cm2/sr; NaN where unknown.
        answers: maps by method.
        place: name of the region.
    """
    found = {}
    for step in (1, 2):
        height, width = (size // step * step for size in truth.shape)

        def mean(plane: np.ndarray, step: int = step, height: int = height, width: int = width) -> np.ndarray:
            return plane[:height, :width].reshape(height // step, step, width // step, step).mean(axis=(1, 3))

        rows, columns = np.indices((height // step, width // step))
        edge = max(1, round(TRUTH_BLOCK * task.ratio / step))
        block = rows // edge * 1000 + columns // edge
        metres = f"{task.sensor.fine.resolution * step:g} m"
        found[metres] = [Predictions(place, mean(truth), block, {name: mean(each) for name, each in answers.items()})]
    return table_of(found)


def growth_of(
    places: Sequence[Place],
    fold_of: Mapping[str, np.ndarray],
    method: str,
    rounds: int,
    spread: Mapping[str, Sequence[float]],
    seed: int = 0,
) -> float:
    """Exponent by which intervals widen with the step from cell to pixel, measured from 4 to 8 cells.

    The same method, fitted for steps of 4 on the other places, answers for steps of 8; the exponent is the one with
    which its intervals hold there as often as they should. Steps that are larger still follow it: an extrapolation.

    Args:
        places: as for `out_of_fold`.
        fold_of: likewise; a place lies in one fold.
        method: chosen.
        rounds: of conservation.
        spread: of `spread_of` for steps of 4.
        seed: of what is drawn.
    """
    truths, answers = [], []
    for place in places:
        if min(place.radiance.shape) < _FEWEST_COARSE * 2 * FACTOR:
            continue
        others = [each for each in places if fold_of[each.name].flat[0] != fold_of[place.name].flat[0]]
        example = examples_of(place, factor=2 * FACTOR, rounds=rounds, copies=0)[0]
        answer = fitted(others, method, rounds, seed)(example.task)
        truths.append(example.truth[example.known])
        answers.append(answer[example.known])
    if not truths:
        return USUAL_GROWTH
    truth, answer = np.concatenate(truths), np.concatenate(answers)

    def holds(scale: float) -> float:
        low, high = bounds(answer, spread, scale)
        return float(((low <= truth) & (truth <= high)).mean())

    scales = np.geomspace(1.0, 8.0, 61)
    enough = [scale for scale in scales if holds(scale) >= _QUANTILES[1] - _QUANTILES[0]]
    return float(np.log2(enough[0] if enough else scales[-1]))


def fitted(places: Sequence[Place], method: str, rounds: int, seed: int = 0) -> Answer:
    """A method fitted on all places."""
    examples = [example for place in places for example in examples_of(place, rounds=rounds, seed=seed)]
    return METHODS[method].fit(examples, seed)


def _near(held_out: np.ndarray) -> np.ndarray:
    from scipy.ndimage import binary_dilation

    return binary_dilation(held_out, iterations=BUFFER) if held_out.any() else held_out


def _rmse(example: Example, answer: np.ndarray) -> float:
    known = example.known
    return float(np.sqrt(np.mean((answer - example.truth)[known] ** 2))) if known.any() else 0.0
