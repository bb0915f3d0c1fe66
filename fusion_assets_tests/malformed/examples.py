"""A case for every verdict."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets_tests.malformed.case import MARK, Case


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    yield Case("right", lambda folder: 1, lambda value: value == 1)
    yield Case("refused", lambda folder: _refuse("the file is empty"))
    yield Case("wrong", lambda folder: 2, lambda value: value == 1)
    yield Case("wrong that nothing was refused", lambda folder: 1)
    yield Case("wrong that it was refused", lambda folder: _refuse("no"), must_work=True)
    yield Case("raw", lambda folder: int("x"))
    yield Case("leak", lambda folder: _refuse(MARK))
    yield Case("leak of a sign for terminals", lambda folder: _refuse("\x1b[2J", careless=True))
    yield Case("hang", lambda folder: time.sleep(600))
    yield Case("memory", lambda folder: float(np.ones(400_000_000).sum()), lambda value: True)
    yield Case("death", lambda folder: os.abort())
    yield Case("right at the end", lambda folder: list(folder.iterdir()), lambda value: value == [])


def _refuse(text: str, careless: bool = False) -> None:
    error = FusionError(text)
    error.args = (text,) if careless else error.args
    raise error
