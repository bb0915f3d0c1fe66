"""How well methods find the product's own cells again from cells four times as coarse, in places not learnt from.

It says how well 1.85 km becomes 463 m. What it says of pixels finer than the product is an extrapolation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion_assets.errors import FusionError
from fusion_assets.systems.night_radiance.effective_resolution import effective_resolutions
from fusion_assets.systems.night_radiance.examples import COPIES, FACTOR, Example, Place, examples_of, wald_psf
from fusion_assets.systems.night_radiance.intervals import growth_of, spread_of
from fusion_assets.systems.night_radiance.methods.table import METHODS, NO_IMAGERY, methods_for
from fusion_assets.systems.night_radiance.scores import BASELINE, Predictions, choice, figures, table_of
from fusion_assets.systems.night_radiance.sensor import pixel_metres
from fusion_assets.systems.night_radiance.task import degraded, with_noise

if TYPE_CHECKING:
    from fusion_assets.systems.night_radiance.task import Task

BUFFER = 8
"""Cells around what is held out that are not learnt from either: two of the coarser cells."""

ROUNDS_TRIED = (5, 10, 20, 30)

STRESS = {"narrow": (0.6, 0.0, 0.0), "wide": (1.4, 0.0, 0.0), "noise": (1.0, 0.05, 0.1), "both": (1.4, 0.05, 0.1)}
"""Sensors that differ from the one assumed: how wide the spread truly is, the scatter of gain, and noise in nW."""

_LEAST_CELLS = 100

TRUTH_BLOCK = 6
"""Edge of the blocks in which maps are compared with a truth, in cells."""


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
        finer pixels, `wald`: figures, `sensors`: figures by other sensors, `spread` by method, `growth`,
        `effective_resolution` by method and by what it was measured against), and a table.
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
    shown = list(dict.fromkeys((BASELINE, NO_IMAGERY, name)))
    edges = np.mean([pixel_metres(place.cells) for place in places], axis=0)
    finest = effective_resolutions(found["wald"], shown, (edges[0], edges[1]), FACTOR)
    document = {
        "method": name,
        "why": why,
        "rounds": chosen,
        "compared": shown,
        "wald": figures(wald),
        "sensors": {each: figures(table[table["sensor"] == each]) for each in STRESS},
        "spread": spread,
        "growth": growth_of(places, folds, name, chosen, spread[name]),
        "effective_resolution": {each: {"wald": entry} for each, entry in finest.items()},
    }
    return document, table


def _loses(table: pd.DataFrame, method: str) -> bool:
    """Whether a method errs more than interpolation where the sensor is another than the one assumed."""
    sums = table[table["sensor"].isin(STRESS)].pivot_table(
        index="sensor", columns="method", values="squared_error", aggfunc="sum"
    )
    return method in sums and bool((sums[method] > sums[BASELINE]).any())


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


def _near(held_out: np.ndarray) -> np.ndarray:
    from scipy.ndimage import binary_dilation

    return binary_dilation(held_out, iterations=BUFFER) if held_out.any() else held_out


def _rmse(example: Example, answer: np.ndarray) -> float:
    known = example.known
    return float(np.sqrt(np.mean((answer - example.truth)[known] ** 2))) if known.any() else 0.0
