"""The network that maps are made with, and what its answers are worth in a city that it has not seen.

It reads the channels that exist over whole cities, all together from the first block on. Networks trained without some
of the cities answer for these: from their answers come the temperature and the cut of sets, and the figures that are
told. The map's own network is then trained on all cities, for as many epochs as these needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.evaluation.held_out_calibration import Calibration, random_promise
from fusion_assets.systems.climate_zones import splits, training
from fusion_assets.systems.climate_zones.channels import MAPPABLE
from fusion_assets.systems.climate_zones.comparison import FEWEST_TO_CALIBRATE, Run, figures_of
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
_FEWEST_STEPS = 400
"""Of a training; where patches are few, epochs are more."""
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
    return network_of(SPLIT, STAGE, MAPPABLE, preset.width)


def learn(
    patches: Labelled,
    preset: Preset,
    state_of: Callable[[str], State | None] = lambda name: None,
    told: Callable[[str], None] = lambda line: None,
    *,
    unit: str = CITY,
    synthetic: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """Train and calibrate.

    Args:
        patches: all that there are, of four cities or more (or polygons, in the column `city`).
        preset: how networks are trained, the map's own and those that tell what it is worth.
        state_of: where the state of each training lies, by its name.
        told: a line an epoch.
        unit: what the column `city` holds: `CITY` or `POLYGON`.
        synthetic: whether any of the patches are simulated.

    Returns:
        The Keras model, and its card: `features`, `decibels`, `temperature`, `cut`, `coverage`, `cities`, `unit`,
        `epochs`, `synthetic`; `held_out`: figures of networks on cities that they have not seen, as of
        `comparison.figures_of`; their `calibration` has under `random` what calibrating on patches drawn at random
        would have promised.

    Raises:
        FusionError: there are too few cities, or it is not known which patches lie in which.
    """
    table = patches.table()
    cities = _cities(table, unit)
    parts, known, epochs = [], None, []
    for fold in range(min(splits.CITY_FOLDS, len(cities))):
        part = splits.city(table, 0, fold)
        learnt, stopping, tested = (np.flatnonzero(part == name) for name in splits.PARTS[:3])
        seen = np.empty(0, int)
        if fold == 0:
            drawn = np.random.default_rng(0).permutation(len(learnt)) % _KNOWN == 0
            learnt, seen = learnt[~drawn], learnt[drawn]
        model, history = training.train(
            network(preset), patches, learnt, stopping, preset, fold, state_of(str(fold)), told
        )
        epochs.append(1 + int(np.argmax([epoch["accuracy"] for epoch in history])))
        parts.append(_answers(model, patches, table, tested, preset))
        known = _answers(model, patches, table, seen, preset) if fold == 0 else known
        told(f"fold {fold} is answered for by what was learnt without it")
    run = _joined(parts)
    calibration = Calibration.of(run.label, run.probability, run.city)
    whole = dataclasses.replace(preset, epochs=round(float(np.median(epochs))))
    everything = np.arange(len(patches))
    model, _ = training.train(
        network(preset), patches, everything, everything[:0], whole, splits.CITY_FOLDS, state_of(WHOLE), told
    )
    held_out = figures_of([run])
    if known is not None and len(known.row) > 1:
        of_known = (known.label, known.probability)
        held_out["calibration"]["random"] = random_promise(of_known, (run.label, run.probability))
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
        **dataclasses.asdict(calibration),
        "held_out": held_out,
    }
    return model, card


def calibration_of(card: dict[str, Any]) -> Calibration:
    """The calibration that a card tells of."""
    return Calibration(**{field.name: card[field.name] for field in dataclasses.fields(Calibration)})


def headlines(card: dict[str, Any]) -> dict[str, Any]:
    """What is told of a model at a glance."""
    held_out = card["held_out"]
    kept = held_out["calibration"]
    shown = {name: held_out["figures"][name]["value"] for name in ("accuracy", "average_accuracy")}
    shown |= {"temperature": card["temperature"], "cut": card["cut"], "epochs": card["epochs"]}
    shown |= {f"{name}_unseen": kept[name] for name in ("coverage", "set_size", "ece")}
    promised = {f"coverage_random_{name}": kept["random"][name] for name in ("promised", "kept") if "random" in kept}
    return {**shown, **promised}


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
