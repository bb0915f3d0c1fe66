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
_LEAST_SHARE = 0.4
"""Of what patches take, that multiply-adds take; on an idle machine 0.6."""
_BATCHES, _EPOCHS = 8, 4
"""Of a network that is timed: the first epoch tells what comes before it, the others are at its pace."""


@dataclass(frozen=True)
class Rate:
    """How fast a machine trains.

    Attributes:
        a_million: seconds for a million multiply-adds of 1,000 patches that are learnt from.
        a_thousand: seconds for 1,000 patches beside it, whatever is done with them.
        a_training: seconds that every training takes before its first epoch is at its pace; what a process does once,
            loading libraries, is none of it.
    """

    a_million: float = SECONDS
    a_thousand: float = 0.0
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
    a_thousand = multiply_adds(training.network) / MILLION * rate.a_million + rate.a_thousand
    return rate.a_training + training.epochs * patches * a_thousand


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
    """How fast this machine trains, by some batches of the smallest and of the largest network.

    Args:
        networks: that will be trained, as wide as they will be.
        preset: how.
    """
    by_cost = sorted(set(networks), key=multiply_adds)
    _told(by_cost[0], preset, 1)
    timed = [(multiply_adds(each) / MILLION, *_timed(each, preset)) for each in {by_cost[0], by_cost[-1]}]
    return _rate(*np.array(sorted(timed)).T)


def _rate(millions: np.ndarray, started: np.ndarray, paces: np.ndarray) -> Rate:
    """What one or two networks took: larger ones take less for a multiply-add, but never much less.

    What else the machine does meanwhile can make either look slow: the limits keep that out of what others would take.
    """
    whole = float((paces / millions).mean())
    slope = (paces[-1] - paces[0]) / (millions[-1] - millions[0]) if len(paces) > 1 else whole
    slope = float(np.clip(slope, _LEAST_SHARE * whole, whole))
    return Rate(slope, max(float((paces - slope * millions).mean()), 0.0), float(started.mean()))


def _timed(network: Network, preset: Preset) -> tuple[float, float]:
    """Seconds before a training is at its pace, and for 1,000 patches then."""
    first, *later = np.diff(_told(network, preset, _EPOCHS)).tolist()
    pace = float(np.median(later))
    return max(first - pace, 0.0), 1000 * pace / (_BATCHES * preset.batch)


def _told(network: Network, preset: Preset, epochs: int) -> list[float]:
    """When a training on noise began, and when each of its epochs ended, seconds."""
    rows = np.arange(_BATCHES * preset.batch + 1)
    moments = [time.perf_counter()]
    brief = replace(preset, epochs=epochs, patience=epochs)
    source = _Noise(len(rows))
    train(network, source, rows[:-1], rows[-1:], brief, 0, told=lambda line: moments.append(time.perf_counter()))
    return moments
