"""The small networks that are compared: branches of convolutions, joined after some of the six blocks.

Five convolutions of 3 x 3, the first with batch normalisation, pooling after the second, fourth and fifth, a dense
layer with dropout, and an answer for each zone. Joined at stage 0 all channels are read together; at stages 1 to 5
branches are put side by side after as many blocks; at stage 6 whole networks are averaged, as one (dependent) or
trained apart (independent). The source (Gawlikowski et al. 2020, doi:10.1109/IGARSS39084.2020.9323112) states neither
filters nor pooling: these are ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion_assets.systems.climate_zones.channels import CHANNELS, GROUPS, branches_of
from fusion_assets.systems.climate_zones.legend import ZONES

EDGE = 32
"""Pixels along a patch of 320 m."""
FILTERS = (32, 32, 64, 64, 128)
POOLED = (2, 4, 5)
"""Blocks that end in pooling by 2."""
DENSE = 128
MOMENTUM = 0.9
"""Of batch normalisation: short trainings have few steps to find their averages in."""
DROPOUT = 0.4
KERNEL = 3
STAGES = range(7)
SUM = 6
"""The stage at which answers are averaged."""
MATCH = 0.03
"""Share by which the parameters of a matched network may differ from those of stage 0."""


@dataclass(frozen=True)
class Network:
    """What a network is built from.

    Attributes:
        branches: channels that each branch reads; one branch at stage 0.
        stage: after how many blocks they are joined, 0 to 6.
        width: share of the filters and dense units that there are.
        dropout: share of dense units left out while learning.
    """

    branches: tuple[tuple[str, ...], ...]
    stage: int
    width: float = 1.0
    dropout: float = DROPOUT

    @property
    def filters(self) -> tuple[int, ...]:
        """Filters of the five convolutions, a branch."""
        return tuple(max(1, round(count * self.width)) for count in FILTERS)

    @property
    def dense(self) -> int:
        """Units of the dense layer."""
        return max(1, round(DENSE * self.width))


def network_of(split: str, stage: int, channels: tuple[str, ...] = CHANNELS, width: float = 1.0) -> Network:
    """The network of a split and stage; at stage 0 its one branch reads all channels of the split, in their order."""
    branches = branches_of(split, channels)
    if stage == 0:
        read = {name for branch in branches for name in branch}
        branches = (tuple(name for name in CHANNELS if name in read),)
    return Network(branches, stage, width)


def trainings(channels: tuple[str, ...] = CHANNELS) -> dict[str, Network]:
    """The distinct networks of all splits and stages, and of independent sums, by name: 34 with all channels.

    `SPLIT.STAGE` for most; `all.0` for what two splits share; the name of a group for a network that sees it alone.
    """
    found: dict[str, Network] = {}
    for split in ("radar", "optical", "sensors", "physical"):
        for stage in STAGES:
            network = network_of(split, stage, channels)
            name = "all.0" if stage == 0 and split in ("sensors", "physical") else f"{split}.{stage}"
            if len(branches_of(split, channels)) > 1 or stage == 0:
                found.setdefault(name, network)
    for group in GROUPS:
        branch = tuple(name for name in GROUPS[group] if name in channels)
        if branch and Network((branch,), 0) not in found.values():
            found[group] = Network((branch,), 0)
    return found


def training_of(split: str, stage: int, channels: tuple[str, ...] = CHANNELS) -> str:
    """Name of the training that a split and stage need."""
    wanted = network_of(split, stage, channels)
    if len(wanted.branches) == 1:
        wanted = dataclasses.replace(wanted, stage=0)
    return next(name for name, network in trainings(channels).items() if network == wanted)


def summands_of(split: str, channels: tuple[str, ...] = CHANNELS) -> tuple[str, ...]:
    """Names of the trainings whose answers an independent sum averages; none is its own."""
    alone = [Network((branch,), 0) for branch in branches_of(split, channels)]
    by_network = {network: name for name, network in trainings(channels).items()}
    return tuple(by_network[network] for network in alone)


def _convolutions(network: Network) -> Iterator[tuple[int, int, int, int]]:
    """Block, edge of its input, channels in and filters, of every convolution."""
    edge, filters, branches = EDGE, network.filters, network.branches
    for block, count in enumerate(filters, start=1):
        before = filters[block - 2]
        if block <= network.stage:
            yield from ((block, edge, len(branch) if block == 1 else before, count) for branch in branches)
        elif block == 1:
            yield block, edge, sum(map(len, branches)), count
        else:
            yield block, edge, before * (len(branches) if block == network.stage + 1 else 1), count
        edge //= 2 if block in POOLED else 1


def _heads(network: Network) -> tuple[int, int]:
    """Values that a dense layer reads, and how many such layers there are."""
    edge = EDGE // 2 ** len(POOLED)
    flat = edge * edge * network.filters[-1]
    if network.stage == SUM:
        return flat, len(network.branches)
    return flat * (len(network.branches) if network.stage == len(FILTERS) else 1), 1


def multiply_adds(network: Network) -> int:
    """Multiplications with addition for one patch."""
    flat, heads = _heads(network)
    convolved = sum(edge**2 * KERNEL**2 * read * count for _, edge, read, count in _convolutions(network))
    return convolved + heads * (flat * network.dense + network.dense * len(ZONES))


def parameters(network: Network) -> int:
    """Numbers in a network, those of batch normalisation included; what scales the input is not counted."""
    flat, heads = _heads(network)
    convolved = sum(
        (KERNEL**2 * read + 1) * count + (4 * count if block == 1 else 0)
        for block, _, read, count in _convolutions(network)
    )
    return convolved + heads * ((flat + 1) * network.dense + (network.dense + 1) * len(ZONES))


def matched(network: Network) -> Network:
    """The same network, so narrow that it has as many parameters as one that is as wide and joins at stage 0.

    A network that joins late is larger; what it gains by its size is no gain of its stage.
    """
    read = {name for branch in network.branches for name in branch}
    early = Network((tuple(name for name in CHANNELS if name in read),), 0, network.width)
    widths = np.arange(1, 8 * DENSE + 1) / (4 * DENSE)
    candidates = [dataclasses.replace(network, width=float(width)) for width in widths]
    return min(candidates, key=lambda each: abs(parameters(each) - parameters(early)))


def build(
    network: Network,
    mean: Mapping[str, float],
    deviation: Mapping[str, float],
    seed: int = 0,
    limits: Mapping[str, tuple[float, float]] | None = None,
) -> Any:
    """The Keras model: (batch, 32, 32, channels) float32 to (batch, 17) probabilities.

    Args:
        network: to be built.
        mean: of every channel that it reads, in the order in which it is given them.
        deviation: likewise.
        seed: of weights and dropout.
        limits: least and largest value of every channel; what lies beyond is taken for them.
    """
    from fusion_assets.learning.backend import keras

    k = keras()
    names = list(mean)
    seeds = iter(np.random.SeedSequence(seed).generate_state(1000).tolist())
    layers = k.layers
    whole = layers.Input((EDGE, EDGE, len(names)))
    within = whole
    if limits:
        low, high = (np.array([limits[name][side] for name in names], np.float32) for side in (0, 1))
        within = k.ops.minimum(k.ops.maximum(whole, low), high)
    scaled = layers.Normalization(
        mean=[mean[name] for name in names], variance=[deviation[name] ** 2 for name in names], name="scale"
    )(within)

    def convolution(values: Any, block: int) -> Any:
        start = k.initializers.GlorotUniform(seed=next(seeds))
        values = layers.Conv2D(network.filters[block - 1], KERNEL, padding="same", kernel_initializer=start)(values)
        if block == 1:
            values = layers.BatchNormalization(momentum=MOMENTUM)(values)
        values = layers.Activation("relu")(values)
        return layers.MaxPooling2D()(values) if block in POOLED else values

    def head(values: Any) -> Any:
        first, last = (k.initializers.GlorotUniform(seed=next(seeds)) for _ in range(2))
        values = layers.Dense(network.dense, activation="relu", kernel_initializer=first)(layers.Flatten()(values))
        values = layers.Dropout(network.dropout, seed=next(seeds))(values)
        return layers.Dense(len(ZONES), activation="softmax", kernel_initializer=last)(values)

    def joined(parts: Sequence[Any]) -> Any:
        return layers.Concatenate()(list(parts)) if len(parts) > 1 else parts[0]

    def picked(places: Sequence[int]) -> Any:
        # A slice takes less of a step's time than gathering channels one by one, and all of them as they are none.
        if list(places) == list(range(len(names))):
            return scaled
        together = list(places) == list(range(places[0], places[0] + len(places)))
        return scaled[..., places[0] : places[-1] + 1] if together else k.ops.take(scaled, places, axis=-1)

    convolved = min(network.stage, len(FILTERS))
    parts = [picked([names.index(name) for name in branch]) for branch in network.branches]
    for block in range(1, convolved + 1):
        parts = [convolution(part, block) for part in parts]
    if network.stage == SUM:
        answers = [head(part) for part in parts]
        # The mean, not the sum: probabilities add to one.
        return k.Model(whole, layers.Average()(answers) if len(answers) > 1 else answers[0])
    values = joined(parts)
    for block in range(convolved + 1, len(FILTERS) + 1):
        values = convolution(values, block)
    return k.Model(whole, head(values))
