"""Saved models that Keras did not write so: their archive, configuration, weights and card."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from fusion_assets.learning import backend
from fusion_assets.learning.saved_model import TrainedModel
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.storage.root import sha256_of
from fusion_assets_tests.malformed.case import Case

FEW, MANY = 12, 100
_FACTS = {"study": "two"}
_WHERE = Artifact("model", "r", "2016")
_CARD = {"features": ["B04", "B08"], "context": 0}
_VALUES: tuple[Any, ...] = (None, [], {}, -1, 0, 10**12, "x", True, 1e308, "Lambda", "os.system", ["a"])
_LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {
        "name": "l",
        "function": {"class_name": "__lambda__", "config": {"code": "4wAAAAAAAAA=", "defaults": None}},
    },
}
Members = dict[str, bytes]


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    for number in range(count):
        mutation = _MUTATIONS[number % len(_MUTATIONS)]
        key = int(random.integers(2**31))
        owned = bool(random.random() < 0.7)  # whether the card has the digest of the mutated file
        yield Case(f"{number} {mutation.__name__} {key} {owned}", partial(_model, mutation, key, owned), _right)


def _model(mutation: Callable[[Members, np.random.Generator], bytes], key: int, owned: bool, folder: Path) -> Any:
    manager = managers(str(folder), lambda *asked: _FACTS)["models"]
    path, card = Path(manager.path(_WHERE)), Path(manager.path(_WHERE, "json"))
    path.parent.mkdir(parents=True)
    path.write_bytes(mutation(dict(_members()), np.random.default_rng(key)))
    digest = sha256_of(path) if owned else "0" * 64
    card.write_text(json.dumps(_CARD | {"_artifact": _FACTS | {"sha256": digest}}))
    model = manager.found(_WHERE)
    return np.asarray(model.keras_model(np.ones((1, 3, 3, 2), "f4"))).shape


def _right(value: Any) -> bool:
    return value == (1, 3, 3, 1)


@cache
def _members() -> Members:
    import tempfile

    keras = backend.keras()
    model = keras.Sequential([keras.Input((None, None, 2)), keras.layers.Dense(1, name="d")])
    with tempfile.TemporaryDirectory() as folder:
        TrainedModel(model, _CARD).keras_model.save(Path(folder) / "m.keras")
        with zipfile.ZipFile(Path(folder) / "m.keras") as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def _packed(members: Members, compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _nothing(members: Members, random: np.random.Generator) -> bytes:
    return _packed(members)


def _flipped(members: Members, random: np.random.Generator) -> bytes:
    content = bytearray(_packed(members))
    for place in random.integers(len(content), size=int(random.integers(1, 6))):
        content[place] ^= int(random.integers(1, 256))
    return bytes(content)


def _cut(members: Members, random: np.random.Generator) -> bytes:
    content = _packed(members)
    return content[: int(random.integers(len(content)))]


def _configured(members: Members, random: np.random.Generator) -> bytes:
    """One value of the configuration is another."""
    config = json.loads(members["config.json"])
    held: Any = config
    while True:
        keys = list(held) if isinstance(held, dict) else list(range(len(held)))
        key = keys[int(random.integers(len(keys)))]
        if isinstance(held[key], dict | list) and held[key] and random.random() < 0.85:
            held = held[key]
            continue
        held[key] = _VALUES[int(random.integers(len(_VALUES)))]
        return _packed(members | {"config.json": json.dumps(config).encode()})


def _units(members: Members, random: np.random.Generator) -> bytes:
    units = int((2, 10**6, 10**9, 10**11)[random.integers(4)])
    return _packed(members | {"config.json": members["config.json"].replace(b'"units": 1', b'"units": %d' % units)})


def _with_code(members: Members, random: np.random.Generator) -> bytes:
    config = json.loads(members["config.json"])
    config["config"]["layers"].append(_LAMBDA)
    return _packed(members | {"config.json": json.dumps(config).encode()})


def _nested(members: Members, random: np.random.Generator) -> bytes:
    return _packed(members | {"config.json": b'{"a":' * 100_000})


def _bomb(members: Members, random: np.random.Generator) -> bytes:
    return _packed(members | {"model.weights.h5": b"\0" * 300_000_000}, zipfile.ZIP_DEFLATED)


def _stranger(members: Members, random: np.random.Generator) -> bytes:
    name = ("../../outside", "/tmp/outside", "assets/../../../x", "config.json.bak", "a" * 300)[random.integers(5)]
    return _packed(members | {name: b"x"})


def _lacking(members: Members, random: np.random.Generator) -> bytes:
    members.pop(sorted(members)[int(random.integers(len(members)))])
    return _packed(members)


def _weights(members: Members, random: np.random.Generator) -> bytes:
    """Weights of other shapes, or none at all."""
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        shape = ((2, 1), (1, 2), (10**6, 10**5), (0, 0))[random.integers(4)]
        group = file.create_group("layers/dense/vars")
        group.create_dataset("0", shape, "f4", chunks=True, compression="gzip")
        group.create_dataset("1", (1,), ("f4", "S5", "i8", "f8")[random.integers(4)])
    return _packed(members | {"model.weights.h5": out.getvalue()})


_MUTATIONS = (
    _nothing, _flipped, _cut, _configured, _configured, _configured, _units, _with_code, _nested, _bomb, _stranger,
    _lacking, _weights,
)  # fmt: skip
