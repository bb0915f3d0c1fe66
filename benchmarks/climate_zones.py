"""Trainings of local climate zones: peak memory, and processor time beside what multiply-adds foretell.

Every training is a fresh process on the same converted patches, random values and as many as So2Sat holds for its
test. Time is of the second of two epochs, what begins a training (libraries, scaling, tracing) is told apart; memory is
that of the whole process. Seven branches are those of the split `physical`; 0.5 is the width of the preset `quick`.

    python -m benchmarks climate_zones
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COUNT = 24_000
SHORT = 1_280
PER_MMAC = 0.077
"""Seconds of processor time that a million multiply-adds and 1,000 patches were measured to take, of learning."""
TRAININGS = (
    ("sensors", 0, 0.5, COUNT),
    ("sensors", 3, 0.5, SHORT),
    ("physical", 6, 0.5, SHORT),
    ("sensors", 0, 1.0, SHORT),
    ("physical", 6, 1.0, SHORT),
)
"""Split, stage, width and patches that are learnt from, of all that there are."""


def run() -> list[dict]:
    """Figures of conversion, and of every training."""
    from benchmarks.so2sat import write
    from fusion_assets.systems.climate_zones.so2sat.conversion import convert

    with tempfile.TemporaryDirectory() as place:
        write(Path(place) / "v1", COUNT)
        began = time.process_time()
        convert(Path(place) / "v1", Path(place) / "cache")
        converted = time.process_time() - began
        again = time.process_time()
        folder = convert(Path(place) / "v1", Path(place) / "cache")["training"]
        again = time.process_time() - again
        rows = [_trained(folder, *each) for each in TRAININGS]
    first = {"name": "conversion, inspected first", "patches_per_cpu_s": COUNT / converted}
    return [first, {"name": "looking that all is converted", "cpu_s": again}, *rows]


def _trained(folder: Path, split: str, stage: int, width: float, count: int) -> dict:
    command = [sys.executable, "-m", "benchmarks.climate_zones", str(folder), split, str(stage), str(width), str(count)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def _training(folder: str, split: str, stage: int, width: float, count: int) -> dict:
    from fusion_assets.systems.climate_zones import networks, training
    from fusion_assets.systems.climate_zones.so2sat.cache import Patches

    network = networks.network_of(split, stage, width=width)
    source, order = Patches(folder), np.random.default_rng(0).permutation(COUNT)
    learnt, stopping = order[:count], order[-512:]
    ends = [time.process_time()]
    preset = dataclasses.replace(training.PRESETS["quick"], epochs=2, width=width)
    training.train(network, source, learnt, stopping, preset, seed=0, told=lambda _: ends.append(time.process_time()))
    learning = (ends[2] - ends[1]) / count * 1000
    foretold = networks.multiply_adds(network) / 1e6 * PER_MMAC
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "name": f"{split}, stage {stage}, width {width:g}, {count:,} patches",
        "mmac": networks.multiply_adds(network) / 1e6,
        "peak_gib": int(status["VmHWM"].split()[0]) / 2**20,
        "cpu_s_per_1000": learning,
        "to_foretold": learning / foretold,
        "cpu_s_to_begin": ends[1] - learning * count / 1000,
    }


if __name__ == "__main__":
    place, split, *numbers = sys.argv[1:]
    print(json.dumps(_training(place, split, int(numbers[0]), float(numbers[1]), int(numbers[2]))))
