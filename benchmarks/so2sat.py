"""Patches of So2Sat's layout: inspection, conversion and batches at random, against h5py and a plain generator.

All ways read the same float64 file in one run, of random values and 147 kB a patch, as published; rates are patches per
second of processor time, and ratios those of batches of ours to the others'. Growth is of fresh processes: peak memory
of conversion, and of an epoch of random batches, as files grow.

    python -m benchmarks so2sat
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

COUNT = 4096
BATCH = 128
BATCHES = 40
TURNS = 3
GROWTH = (2048, 8192)
_WRITTEN = 256


def run() -> list[dict]:
    """All figures; ratios are of batches with everything that a network takes: 18 channels, decibels, float32."""
    from fusion_assets.systems.climate_zones.so2sat.cache import Patches
    from fusion_assets.systems.climate_zones.so2sat.conversion import convert
    from fusion_assets.systems.climate_zones.so2sat.inspection import inspect

    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "v1", Path(place) / "cache"
        write(folder, COUNT)
        inspected = _seconds(lambda: inspect(folder))
        converted = _seconds(lambda: convert(folder, cache))
        part = Patches(convert(folder, cache)["training"])
        rows = np.random.default_rng(0).integers(0, COUNT, (BATCHES, BATCH))
        ways: dict[str, Callable[[], Iterator[np.ndarray]]] = {
            "batches at random, ours": lambda: (part.batch(chosen) for chosen in rows),
            "batches at random, ours, 12 mappable channels": lambda: (part.batch(one, _MAPPABLE) for one in rows),
            "batches at random, h5py one at a time": lambda: _by_h5py(folder / "training.h5", rows),
            "batches in order, a plain generator": lambda: _by_generator(folder / "training.h5", rows.size),
        }
        turns = [
            {name: rows.size / _seconds(lambda way=way: deque(way(), maxlen=0)) for name, way in ways.items()}
            for _ in range(TURNS)
        ]
        linear = part.batch(rows[0], decibels=False)[..., 4:6]
        decibels = 10 * np.log10(linear)
        halves = {"linear": 10 * np.log10(linear.astype(np.float16).astype(np.float32)), "decibels": decibels}
        halves["decibels"] = decibels.astype(np.float16).astype(np.float32)
    ours = next(iter(ways))
    rates = {name: np.median([turn[name] for turn in turns]) for name in ways}
    ratios = {name: np.median([turn[ours] / turn[name] for turn in turns]) for name in ways}
    both = COUNT + _WRITTEN
    return [
        {"name": "inspection, of two parts", "cpu_s": inspected},
        {"name": "conversion, inspected first", "patches_per_cpu_s": both / converted},
        {"name": "conversion alone", "patches_per_cpu_s": both / (converted - inspected)},
        *({"name": name, "patches_per_cpu_s": float(rates[name]), "ratio": float(ratios[name])} for name in ways),
        *(
            {"name": f"16 bits, intensities kept {how}: error", "decibels": float(np.abs(held - decibels).max())}
            for how, held in halves.items()
        ),
        *(_memory(count) for count in GROWTH),
    ]


_MAPPABLE = ("VH_lee", "VV_lee", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")


def write(folder: Path, count: int) -> None:
    """Files of version 1 with `count` patches for training, repeated after 256, and 256 for validation."""
    import h5py

    from fusion_assets_tests.systems.climate_zones.so2sat_files import patches

    folder.mkdir(parents=True)
    for seed, (part, size) in enumerate({"training": count, "validation": _WRITTEN}.items()):
        with h5py.File(folder / f"{part}.h5", "w") as file:
            for name, values in patches(_WRITTEN, seed).items():
                array = file.create_dataset(name, (size, *values.shape[1:]), "f8")
                for start in range(0, size, _WRITTEN):
                    array[start : start + _WRITTEN] = values[: size - start]


def _by_h5py(path: Path, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Batches of patches that are read one by one from the published file."""
    import h5py

    with h5py.File(path) as file:
        for chosen in rows:
            yield np.stack([_input(file["sen1"][row], file["sen2"][row]) for row in chosen])


def _by_generator(path: Path, count: int) -> Iterator[np.ndarray]:
    """As training code commonly does: a generator of samples over the published file, collected into batches."""
    import h5py

    def samples() -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        with h5py.File(path) as file:
            for row in range(len(file["label"])):
                yield file["sen1"][row], file["sen2"][row], int(file["label"][row].argmax())

    batch = []
    for number, (sen1, sen2, _) in enumerate(samples()):
        if number == count:
            return
        batch.append(_input(sen1, sen2))
        if len(batch) == BATCH:
            yield np.stack(batch)
            batch = []


def _input(sen1: np.ndarray, sen2: np.ndarray) -> np.ndarray:
    sen1[..., 4:6] = 10 * np.log10(np.maximum(sen1[..., 4:6], 1e-5))
    return np.concatenate([sen1, sen2], axis=-1).astype(np.float32)


def _seconds(work: Callable[[], object]) -> float:
    """Of processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _memory(count: int) -> dict:
    """Peak memory of fresh processes that convert `count` patches, and then draw each of them once at random."""
    peaks = {}
    with tempfile.TemporaryDirectory() as place:
        write(Path(place) / "v1", count)
        for step in ("conversion", "epoch"):
            command = [sys.executable, "-m", "benchmarks.so2sat", step, place]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks[f"{step}_peak_mib"] = json.loads(found.stdout.splitlines()[-1])
    return {"name": f"peak memory, {count:,} patches"} | peaks


def _step(step: str, place: Path) -> None:
    from fusion_assets.systems.climate_zones.so2sat.cache import Patches
    from fusion_assets.systems.climate_zones.so2sat.conversion import convert

    folder = convert(place / "v1", place / "cache")["training"]
    if step == "epoch":
        part = Patches(folder)
        for chosen in np.array_split(np.random.default_rng(0).permutation(len(part)), max(1, len(part) // BATCH)):
            part.batch(chosen)
    # Not the resources of the process, which begin with what its parent had.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps(int(status["VmHWM"].split()[0]) / 1024))


if __name__ == "__main__":
    _step(sys.argv[1], Path(sys.argv[2]))
