"""The network that maps are made with, and what its answers are worth in a city that it has not seen.

It reads the channels that exist over whole cities, all together from the first block on. Networks trained without some
of the cities answer for these: from their answers come the temperature and the cut of sets, and the figures that are
told. The map's own network is then trained on all cities, for as many epochs as these needed.

Areas that people drew are few, and few patches teach convolutions little. There a network of summaries is trained too,
and the one that knows more of places not seen makes the map; what a forest would know stands beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.evaluation.few_groups import difference
from fusion_assets.evaluation.held_out_calibration import Calibration, random_promise
from fusion_assets.systems.climate_zones import baselines, splits, summaries, training
from fusion_assets.systems.climate_zones.channels import MAPPABLE
from fusion_assets.systems.climate_zones.comparison import FEWEST_TO_CALIBRATE, Run, figures_of
from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.networks import Network, network_of
from fusion_assets.systems.climate_zones.training import Preset, Source

if TYPE_CHECKING:
    import pandas as pd

    from fusion_assets.learning.training import State

SPLIT, STAGE = "sensors", 0
WHOLE = "whole"
"""What the training on all cities is called, beside the numbers of the folds."""
CITY, POLYGON = "city", "polygon"
"""What networks have not seen when they are judged: whole cities, or areas that people drew within them."""
CONVOLUTIONS, SUMMARIES = "convolutions", "summaries"
"""Ways to learn."""
_FEWEST_STEPS = 400
"""Of a training; where patches are few, epochs are more."""
_MANY = 8
"""Zones in a set, on average, from which on a map is said to tell little."""
_KNOWN = 10
"""One in so many patches of the first fold's own cities is held back at random, to show what these would promise."""


class Labelled(Source, Protocol):
    """Patches of known places; see `sources.Joined`."""

    def __len__(self) -> int:
        """Patches."""
        ...

    def table(self) -> pd.DataFrame:
        """A row a patch: `label`, `city`, `x`, `y`, `epsg`."""
        ...


def network(preset: Preset) -> Network:
    """The network of maps."""
    return training.of_preset(network_of(SPLIT, STAGE, MAPPABLE), preset)


def learn(
    patches: Labelled,
    preset: Preset,
    state_of: Callable[[str], State | None] = lambda name: None,
    told: Callable[[str], None] = lambda line: None,
    *,
    unit: str = CITY,
    synthetic: bool = False,
    few: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """Train and calibrate.

    Args:
        patches: all that there are, of four cities or more (or polygons, in the column `city`).
        preset: how networks are trained, the map's own and those that tell what it is worth.
        state_of: where the state of each training lies, by its name.
        told: a line an epoch.
        unit: what the column `city` holds: `CITY` or `POLYGON`.
        synthetic: whether any of the patches are simulated.
        few: whether patches are few, so that a network of summaries is tried as well.

    Returns:
        The Keras model, and its card: `features`, `decibels`, `learner`, `temperature`, `doubt`, `cut`, `coverage`,
        `cities`, `unit`, `epochs`, `synthetic`; `held_out`: figures of networks on cities that they have not seen, as
        of `comparison.figures_of`; their `calibration` has under `random` what calibrating on patches drawn at random
        would have promised. Where patches are few also `compared`: what each learner and a forest know of cities not
        seen, by city on average, and what the chosen one is ahead of the forest.

    Raises:
        FusionError: there are too few cities, it is not known which patches lie in which, or in those not learnt from
            networks are not better than the commonest zone beyond chance.
    """
    table = patches.table()
    cities = _cities(table, unit)
    folds = [splits.city(table, 0, fold) for fold in range(min(splits.CITY_FOLDS, len(cities)))]
    learners = (CONVOLUTIONS, SUMMARIES) if few else (CONVOLUTIONS,)
    found = {name: _held_out(name, patches, table, folds, preset, state_of, told) for name in learners}
    # Two are compared and the better is told of: what it is ahead of itself by chance is little beside the interval.
    best = max(learners, key=lambda name: found[name].by_city.mean())
    run, known, epochs = found[best].run, found[best].known, found[best].epochs
    check_worth(run, _commonest(patches.labels, folds)[run.row], unit)
    calibration = Calibration.of(run.label, run.probability, run.city)
    whole = dataclasses.replace(preset, epochs=epochs)
    everything = np.arange(len(patches))
    model, _ = _train(
        best, patches, everything, everything[:0], whole, splits.CITY_FOLDS, state_of(f"{WHOLE}-{best}"), told
    )
    held_out = figures_of([run])
    if known is not None and len(known.row) > 1:
        of_known = (known.label, known.probability)
        held_out["calibration"]["random"] = random_promise(of_known, (run.label, run.probability))
    compared = _compared(patches, table, folds, found, best) if few else {}
    card = {
        "features": list(training.channels_of(network(preset))),
        "decibels": preset.radar == "db",
        "stage": STAGE,
        "width": preset.width,
        "patches": len(patches),
        "cities": cities,
        "unit": unit,
        "synthetic": synthetic,
        "epochs": whole.epochs,
        "learner": best,
        **dataclasses.asdict(calibration),
        "held_out": held_out,
        **compared,
    }
    return model, card


@dataclasses.dataclass(frozen=True)
class _HeldOut:
    """What a way to learn knows of cities that it has not seen.

    Attributes:
        run: its answers for all patches.
        known: its answers for patches of the first fold's own cities, held back at random.
        epochs: that it needed, in the median.
    """

    run: Run
    known: Run | None
    epochs: int

    @property
    def by_city(self) -> np.ndarray:
        """Share of right answers of every city, (cities,)."""
        return _by_city(self.run.city, self.run.predicted == self.run.label)


def _held_out(
    learner: str,
    patches: Labelled,
    table: pd.DataFrame,
    folds: list[np.ndarray],
    preset: Preset,
    state_of: Callable[[str], State | None],
    told: Callable[[str], None],
) -> _HeldOut:
    parts, known, epochs = [], None, []
    for fold, part in enumerate(folds):
        learnt, stopping, tested = (np.flatnonzero(part == name) for name in splits.PARTS[:3])
        seen = np.empty(0, int)
        if fold == 0:
            drawn = np.random.default_rng(0).permutation(len(learnt)) % _KNOWN == 0
            learnt, seen = learnt[~drawn], learnt[drawn]
        if learner == SUMMARIES:  # which are trained to the end
            learnt, stopping = np.concatenate([learnt, stopping]), stopping[:0]
        model, history = _train(learner, patches, learnt, stopping, preset, fold, state_of(f"{fold}-{learner}"), told)
        epochs.append(1 + int(np.argmax([epoch.get("accuracy", number) for number, epoch in enumerate(history)])))
        parts.append(_answers(model, patches, table, tested, preset))
        known = _answers(model, patches, table, seen, preset) if fold == 0 else known
        told(f"fold {fold} is answered for by what was learnt without it ({learner})")
    return _HeldOut(_joined(parts), known, round(float(np.median(epochs))))


def _train(
    learner: str,
    patches: Labelled,
    learnt: np.ndarray,
    stopping: np.ndarray,
    preset: Preset,
    seed: int,
    state: State | None,
    told: Callable[[str], None],
) -> tuple[Any, list[dict[str, float]]]:
    summed = learner == SUMMARIES
    preset = summaries.preset_of(preset, len(learnt)) if summed else preset
    make = summaries.build if summed else None
    return training.train(network(preset), patches, learnt, stopping, preset, seed, state, told, make)


def _commonest(labels: np.ndarray, folds: list[np.ndarray]) -> np.ndarray:
    """The zone that is commonest among what the networks of a patch's fold have learnt from, (patches,)."""
    commonest = np.zeros(len(labels), int)
    for part in folds:
        commonest[part == splits.TEST] = np.bincount(labels[part == splits.TRAIN]).argmax()
    return commonest


def _compared(
    patches: Labelled,
    table: pd.DataFrame,
    folds: list[np.ndarray],
    found: dict[str, _HeldOut],
    best: str,
) -> dict[str, Any]:
    """What learners and a forest know of cities not seen, and how far the best learner is ahead."""
    seen = baselines.features(patches, np.arange(len(patches)), MAPPABLE)
    city, right = table["city"].to_numpy().astype(str), np.zeros(len(patches))
    for part in folds:
        learnt, tested = (np.flatnonzero(np.isin(part, names)) for names in (splits.PARTS[:2], [splits.TEST]))
        right[tested] = baselines.forest(seen, patches.labels, learnt, tested).argmax(1) == patches.labels[tested]
    rows = found[best].run.row
    forest = _by_city(city[rows], right[rows])
    ahead = difference(found[best].by_city, forest)
    known = {name: float(each.by_city.mean()) for name, each in found.items()}
    return {"compared": {"known": {**known, "forest": float(forest.mean())}, "ahead_of_forest": ahead}}


def _by_city(city: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Share of right answers of every city, (cities,), in the order of their names."""
    _, inverse, count = np.unique(city, return_inverse=True, return_counts=True)
    return np.bincount(inverse, right) / count


def check_worth(run: Run, commonest: np.ndarray, unit: str) -> None:
    """Refuse answers that say no more of cities not seen than the commonest zone does.

    Args:
        run: answers of networks that have not seen the city (or polygon).
        commonest: (n,) zone that is commonest among the patches that the network of the row has learnt from.
        unit: `CITY` or `POLYGON`.

    Raises:
        FusionError: the mean difference over cities is not above zero by its 95 % interval.
    """
    right, common = (_by_city(run.city, each == run.label) for each in (run.predicted, commonest))
    found = difference(right, common)
    if found["low"] > 0:
        return
    plural = "cities" if unit == CITY else "areas"
    raise FusionError(
        f"in {len(right)} {plural} that they have not learnt from, networks tell {right.mean():.0%} of the zones "
        f"and the commonest zone alone {common.mean():.0%}: a difference of {found['value']:+.2f} "
        f"({found['low']:+.2f} to {found['high']:+.2f}), which may be chance",
        "networks that know more of places not seen than how common zones are: a map would be worth nothing",
        "learn from more places: several areas of each zone, apart from each other"
        if unit == POLYGON
        else "add labelled cities, or look whether their labels and imagery belong together: fusion zones inspect",
    )


def calibration_of(card: dict[str, Any]) -> Calibration:
    """The calibration that a card tells of."""
    return Calibration(**{field.name: card[field.name] for field in dataclasses.fields(Calibration)})


def headlines(card: dict[str, Any]) -> dict[str, Any]:
    """What is told of a model at a glance."""
    held_out = card["held_out"]
    kept = held_out["calibration"]
    shown = {name: held_out["figures"][name]["value"] for name in ("accuracy", "average_accuracy")}
    shown |= {name: card[name] for name in ("learner", "temperature", "doubt", "cut", "epochs")}
    shown |= {f"{name}_unseen": kept[name] for name in ("coverage", "set_size", "ece")}
    promised = {f"coverage_random_{name}": kept["random"][name] for name in ("promised", "kept") if "random" in kept}
    return {**shown, **promised}


def cautions(card: dict[str, Any]) -> Iterator[str]:
    """What a map by this model is to be taken with, a sentence each."""
    held = card["held_out"]["calibration"]
    if held and held["set_size"] > _MANY:
        yield (
            f"sets of zones hold {held['set_size']:.1f} of {len(ZONES)} on average where networks have not learnt: the "
            "map tells little; learn from more places"
        )
    ahead = card.get("compared", {}).get("ahead_of_forest")
    if ahead and ahead["high"] < 0:
        yield (
            f"a forest on mean and scatter of every channel knows {-ahead['value']:.3f} ({-ahead['high']:.3f} to "
            f"{-ahead['low']:.3f}) more of a place that it has not seen: a map by one would be better"
        )


def long_enough(preset: Preset, patches: int) -> Preset:
    """A preset for few patches: with more epochs, and as much more patience, where an epoch has few steps."""
    longer = max(1.0, _FEWEST_STEPS / (preset.epochs * max(1, patches // preset.batch)))
    return dataclasses.replace(
        preset, epochs=round(preset.epochs * longer), patience=max(1, round(preset.patience * longer))
    )


def _cities(table: pd.DataFrame, unit: str) -> list[str]:
    names = sorted(set(table["city"].astype(str)) - {""})
    if len(names) < FEWEST_TO_CALIBRATE:
        raise FusionError(
            f"patches of {number_of(len(names), unit, 'cities' if unit == CITY else '')} known by name",
            f"at least {FEWEST_TO_CALIBRATE}, so that a map says what it is worth where networks have not been",
            "draw more areas, apart from each other"
            if unit == POLYGON
            else "use a version of the data that says where patches lie (v4, with its *_geo.h5 files), or add cities",
        )
    return names


def _answers(model: Any, patches: Labelled, table: pd.DataFrame, rows: np.ndarray, preset: Preset) -> Run:
    answer = training.predict(model, patches, rows, training.channels_of(network(preset)), preset.radar == "db")
    city = table["city"].to_numpy().astype(str)
    return Run(rows, patches.labels[rows].astype(int), city[rows], answer.astype(float))


def _joined(parts: list[Run]) -> Run:
    fields = ("row", "label", "city", "probability")
    order = np.argsort(np.concatenate([part.row for part in parts]))
    return Run(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in fields))
