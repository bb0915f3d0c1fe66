"""Values that are not what a field of JSON is documented to hold."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from fusion_assets_tests.malformed.case import MARK

_DEEP: Any = []
for _ in range(300):
    _DEEP = [_DEEP]
_JUNK: tuple[Any, ...] = (
    None,
    True,
    [],
    {},
    "",
    "x",
    "NaN",
    float("nan"),
    float("inf"),
    -1e308,
    10**400,
    -1,
    [1, "a", None],
    {"a": {"b": [None]}},
    [[[]]],
    [None] * 7,
    _DEEP,
    "\x1b[2J\u202e",
    "a" * 200_000,
    "2019-13-45T99:99:99Z",
    "0000-00-00",
    "99999-01-01T00:00:00Z",
    "2019-07-06T10:40:00+99:00",
    "\ud800",
    f"https://user:{MARK}@127.0.0.1:9/a b?sig={MARK}",
    "/dev/zero",
    "../../..",
    {"type": "Polygon"},
    {"type": "Polygon", "coordinates": [[["a", 1], [2, 3], [4, 5]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
    {"type": "GeometryCollection", "geometries": [{"type": "Point"}]},
    {"type": "Point", "coordinates": [float("nan"), 5]},
    {"type": "Blob", "coordinates": 3},
)


def junk(random: np.random.Generator) -> Any:
    """One of them."""
    return copy.deepcopy(_JUNK[random.integers(len(_JUNK))])


def owners(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: what it is in, and under which key."""
    keys = list(content) if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else []
    for key in keys:
        yield content, key
        yield from owners(content[key])
