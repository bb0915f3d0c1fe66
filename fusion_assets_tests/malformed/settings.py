"""Settings of the environment: what they may hold, and what nobody should write into them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from fusion_assets.settings import ENGINES, Settings
from fusion_assets_tests.malformed.case import MARK, Case

FEW, MANY = 60, 2000
_NAMES = ("STUDY", "ENGINE", "ARCHIVE", "STORAGE", "DASK_SCHEDULER")
_TEXTS = (
    *ENGINES,
    "",
    " ",
    "demo",
    "~nosuchuser/x",
    "~",
    "..",
    "a" * 300,
    "\x1b[2J",
    "tcp://127.0.0.1:8786",
    "tcp://127.0.0.1:999999",
    f"https://user:{MARK}@host/x",
    f"https://host/x?sig={MARK}",
    "s3://bucket/é",
    "/dev/zero",
    "‮x",
    "://",
    "file:///",
    "none",
    "0",
)


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    for number in range(count):
        chosen = {f"FUSION_{name}": _text(random) for name in _NAMES if random.random() < 0.5}
        yield Case(f"{number} {chosen!r}"[:300], partial(_settings, chosen), partial(_right, chosen))


def _text(random: np.random.Generator) -> str:
    text = _TEXTS[random.integers(len(_TEXTS))]
    if random.random() < 0.3 and text:
        place = int(random.integers(len(text)))
        text = text[:place] + chr(random.integers(1, 0x500)) + text[place:]
    return text


def _settings(chosen: dict[str, str], folder: Path) -> Settings:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FUSION_")}
    with patch.dict(os.environ, {**kept, **chosen}, clear=True):
        return Settings.from_environment()


def _right(chosen: dict[str, str], settings: Settings) -> bool:
    return settings.engine in ENGINES and (not chosen.get("FUSION_STUDY") or settings.study == chosen["FUSION_STUDY"])
