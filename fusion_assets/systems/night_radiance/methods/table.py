"""All methods by name, the simplest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.systems.night_radiance.examples import examples_of
from fusion_assets.systems.night_radiance.methods import forest, trees, unet
from fusion_assets.systems.night_radiance.methods.kriging import kriged
from fusion_assets.systems.night_radiance.resampling import nearest
from fusion_assets.systems.night_radiance.task import FAINTEST, filled

if TYPE_CHECKING:
    from fusion_assets.systems.night_radiance.examples import Example, Place
    from fusion_assets.systems.night_radiance.task import Task

Answer = Callable[["Task"], np.ndarray]
NO_IMAGERY = "bicubic_conserved"
SHARE = "settlement"
"""Guide that light is shared by where imagery alone decides: what stands for a share of built-up land."""
BUILT_UP = "built_up"
"""Guide that takes its place where a study has it: the probability of built-up land."""


@dataclass(frozen=True)
class Method:
    """A way from cells to pixels.

    Attributes:
        text: what it is, for reports.
        fit: examples to what answers tasks, (height, width) nW/cm2/sr.
        eligible: whether `auto` may choose it; the others are there to be compared with.
        learns: whether it needs examples.
    """

    text: str
    fit: Callable[[Sequence[Example], int], Answer]
    eligible: bool = False
    learns: bool = False


def _plain(answer: Answer) -> Callable[[Sequence[Example], int], Answer]:
    return lambda examples, seed: answer


def _dasymetric(task: Task) -> np.ndarray:
    """Each cell's light shared among its pixels by how much of them is settled."""
    guide = task.guides[BUILT_UP if BUILT_UP in task.guides else SHARE]
    share = np.maximum(filled(np.asarray(guide, np.float64)), 0.0) + 1e-3
    averaged = nearest(task.sensor.block_mean(share), task.sensor.cells, task.sensor.fine)
    return np.maximum(task.nearest * share / np.maximum(averaged, 1e-6), FAINTEST / 10)


def _published(task: Task) -> np.ndarray:
    answer = forest.coarse_answer(task)
    return answer + kriged(task.filled - task.sensor.forward(answer), task)


def _fitted_forest(examples: Sequence[Example], seed: int) -> Answer:
    answer = forest.fitted(examples, seed)
    return lambda task: task.conserved(answer(task))


def _boosted(examples: Sequence[Example], seed: int) -> Answer:
    fitted = trees.fit(examples, seed)
    return lambda task: task.conserved(fitted.radiance(task))


def _network(examples: Sequence[Example], seed: int) -> Answer:
    """One network alone: the mean of several, which maps are made by, errs no more on average, and costs as many."""
    fitted = unet.fit(examples, seed)
    return lambda task: task.conserved(fitted.radiance(task))


METHODS: Mapping[str, Method] = {
    "zero": Method("no light anywhere", _plain(lambda task: np.zeros(task.sensor.fine.shape))),
    "nearest": Method("every pixel as its cell", _plain(lambda task: task.nearest)),
    "bicubic": Method("cells interpolated", _plain(lambda task: task.bicubic)),
    NO_IMAGERY: Method("cells interpolated and conserved, no imagery", _plain(lambda task: task.start), eligible=True),
    "kriging": Method("area-to-point kriging, no imagery", _plain(lambda task: kriged(task.filled, task))),
    "dasymetric": Method(
        "light shared by settlement, conserved", _plain(lambda task: task.conserved(_dasymetric(task))), eligible=True
    ),
    "forest_kriging": Method("forest on cells, residuals kriged (RF-ATPK)", _plain(_published)),
    "forest_coarse": Method(
        "forest on cells, conserved", _plain(lambda task: task.conserved(forest.coarse_answer(task)))
    ),
    "forest": Method("forest one scale up, conserved", _fitted_forest, learns=True),
    "trees": Method("boosted trees one scale up, conserved", _boosted, eligible=True, learns=True),
    "unet": Method("U-Net one scale up, conserved", _network, eligible=True, learns=True),
}
"""By name; `dasymetric` needs the guide `SHARE` or `BUILT_UP`."""


def methods_for(guides: Mapping[str, Any]) -> list[str]:
    """Names of the methods that day imagery of these names allows."""
    return [name for name in METHODS if name != "dasymetric" or {SHARE, BUILT_UP} & set(guides)]


def fitted(places: Sequence[Place], method: str, rounds: int, seed: int = 0) -> Answer:
    """A method fitted on all places."""
    examples = [example for place in places for example in examples_of(place, rounds=rounds, seed=seed)]
    return METHODS[method].fit(examples, seed)
