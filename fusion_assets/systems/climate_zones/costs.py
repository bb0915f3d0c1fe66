"""What trainings cost, foretold from what their networks multiply: for the report, and before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.networks import EDGE, Network, multiply_adds
from fusion_assets.systems.climate_zones.training import Preset, train

if TYPE_CHECKING:
    from collections.abc import Iterable

MILLION = 1_000_000
SECONDS = 0.077
"""CPU-seconds that a million multiply-adds take for 1,000 patches and one epoch, with what belongs to training."""
_FORWARD = 1 / 3
"""Share of them that an answer takes, without learning from it."""
_MORE, _EPOCHS = 4, 2


@dataclass(frozen=True)
class Rate:
    """How fast a machine trains.

    Attributes:
        a_million: seconds for a million multiply-adds of 1,000 patches that are learnt from.
        an_epoch: seconds that every epoch takes beside it.
        a_training: seconds that every training takes before its first epoch is at its pace.
    """

    a_million: float = SECONDS
    an_epoch: float = 0.0
    a_training: float = 0.0


@dataclass(frozen=True)
class Training:
    """One training to come.

    Attributes:
        network: as wide as it will be.
        learnt: patches learnt from.
        stopping: patches asked after every epoch.
        epochs: assumed.
    """

    network: Network
    learnt: int
    stopping: int
    epochs: float


def seconds_of(trainings: Iterable[Training], rate: Rate) -> float:
    """Seconds of trainings one after another."""
    return sum(_seconds(each, rate) for each in trainings)


def _seconds(training: Training, rate: Rate) -> float:
    patches = (training.learnt + _FORWARD * training.stopping) / 1000
    work = patches * multiply_adds(training.network) / MILLION * rate.a_million
    return rate.a_training + training.epochs * (rate.an_epoch + work)


class _Noise:
    """Patches of no place, to be learnt from for the time that it takes."""

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(0)
        self.labels = random.integers(0, len(ZONES), count)
        self._values = random.random((EDGE, EDGE, 1), np.float32)

    def batch(self, rows: np.ndarray, channels: Sequence[str], decibels: bool = True) -> np.ndarray:
        """As many patches, all alike but for their size."""
        return (
            self._values
            * (1 + np.arange(len(rows), dtype=np.float32))[:, None, None, None]
            * np.ones(len(channels), np.float32)
        )


def measured(networks: Iterable[Network], preset: Preset) -> Rate:
    """How fast this machine trains, by a few batches of the smallest and of the largest network.

    Args:
        networks: that will be trained, as wide as they will be.
        preset: how.
    """
    by_cost = sorted(set(networks), key=multiply_adds)
    smallest, largest = by_cost[0], by_cost[-1]
    batches = max(1, round(_MORE * multiply_adds(smallest) / multiply_adds(largest)))
    started, brief = _timed(smallest, preset, 1)
    later, long = _timed(largest, preset, batches)
    # Two epochs, of which the second has some four times as much to do, tell what is done and what comes with it.
    little, much = _work(smallest, preset, 1), _work(largest, preset, batches)
    slope = max(long - brief, 1e-6) / (much - little)
    return Rate(slope, max(brief - slope * little, 0.0), (started + later) / 2)


def _work(network: Network, preset: Preset, batches: int) -> float:
    """Millions of multiply-adds of an epoch, for 1,000 patches."""
    return batches * preset.batch / 1000 * multiply_adds(network) / MILLION


def _timed(network: Network, preset: Preset, batches: int) -> tuple[float, float]:
    """Seconds before a training is at its pace, and of an epoch then."""
    rows = np.arange(batches * preset.batch + 1)
    moments = [time.perf_counter()]
    brief = replace(preset, epochs=_EPOCHS, patience=_EPOCHS)
    source = _Noise(len(rows))
    train(network, source, rows[:-1], rows[-1:], brief, 0, told=lambda line: moments.append(time.perf_counter()))
    first, *later = np.diff(moments).tolist()
    return max(first - min(later), 0.0), min(later)
