"""Which patches train, which stop the training, and which test: four ways, from the most to the least flattering.

Every split is a function of the table of patches and a seed. In `block` and `city` no patch overlaps a patch of another
part: those in between are left out. `random` shows what overlap does; `published` tests what the data set tests, on
all that it trains with, but what stops its training overlaps none of it.

| split | tested on | stopped on |
|---|---|---|
| `random` | a tenth of all patches | another tenth |
| `block` | whole squares, a tenth of them | other whole squares |
| `city` | whole cities, a fifth of them | other whole cities, of those left |
| `published` | what the data set calls test | whole training cities, or what it calls validation |

What So2Sat calls validation lies in the same cities as its test: to stop on it is to choose a model by its test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.blocks import group_folds
from fusion_assets.systems.climate_zones.overlap import largest_shares

if TYPE_CHECKING:
    import pandas as pd

TRAIN, VALIDATION, TEST, LEFT_OUT = PARTS = ("train", "validation", "test", "left out")
BLOCK = 1600.0
"""Edge of a square, in metres: five patches."""
TENTHS = 10
CITY_FOLDS = 5
STOPPING = 8
"""One in so many of the cities that do not test stops the training."""


def random(patches: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """Every patch by itself: 80 % train, 10 % stop, 10 % test; their overlap is what this split shows.

    Args:
        patches: table of patches, one a row.
        seed: another number gives another split.

    Returns:
        (n,) one of `PARTS` a patch, as of every split.

    Raises:
        FusionError: there are too few patches for three parts, as in every split.
    """
    drawn = np.random.default_rng(seed).permutation(len(patches)) * TENTHS // max(len(patches), 1)
    return _complete(_parts(drawn == 0, drawn == 1), "patches")


def block(patches: pd.DataFrame, seed: int = 0, edge: float = BLOCK) -> np.ndarray:
    """Whole squares of the ground, spread so that a tenth of the patches and of each class tests, and another stops.

    Args:
        patches: with `label`, `x`, `y` (centre, in metres) and `epsg`.
        seed: another number gives another grouping of squares.
        edge: of a square, in metres.
    """
    _need(patches, "label", "x", "y", "epsg")
    place = np.floor(patches[["x", "y"]].to_numpy("float64") / edge)
    square = np.column_stack([patches["epsg"].to_numpy("float64"), place])
    if not np.isfinite(square).all():
        raise FusionError(
            f"{(~np.isfinite(square)).any(axis=1).sum()} of {len(patches)} patches have no position",
            "a place for each patch, of which squares can be made",
            "use the splits `random` and `published`, or a version of the data that says where patches lie (v4)",
        )
    number = np.unique(square, axis=0, return_inverse=True)[1].ravel()
    fold = _folds(number, patches, TENTHS, seed, "squares")
    return _complete(_apart(_parts(fold == 0, fold == 1), patches), "squares")


def city(patches: pd.DataFrame, seed: int = 0, fold: int = 0) -> np.ndarray:
    """Whole cities: one fold of five tests; of the others one in eight stops the training.

    Args:
        patches: with `label`, `city`, `x`, `y` (centre, in metres) and `epsg`.
        seed: another number gives another grouping of cities.
        fold: which of the folds tests, from 0; over all folds every city is tested once.
    """
    _need(patches, "label", "city", "x", "y", "epsg")
    names = patches["city"].to_numpy()
    folds = _folds(names, patches, CITY_FOLDS, seed, "cities")
    if not 0 <= fold <= folds.max():
        raise FusionError(
            f"fold {fold} of {len(np.unique(names))} cities", f"a fold from 0 to {folds.max()}", "ask for one of these"
        )
    test, stop = folds == fold, np.zeros(len(patches), bool)
    stop[~test] = _folds(names[~test], patches[~test], STOPPING, seed, "cities that do not test") == 0
    return _complete(_apart(_parts(test, stop), patches), "cities")


def published(patches: pd.DataFrame, seed: int = 0, stop: str = "cities") -> np.ndarray:
    """As the data set says.

    Args:
        patches: with `label` and `source` (`train`, `validation`, `test`); to stop on cities also with `city`, `x`,
            `y` and `epsg` of the training.
        seed: another number chooses other cities to stop on.
        stop: `cities`, training cities held out, what the data set calls validation being left out; or `source`, what
            it calls validation.
    """
    _need(patches, "label", "source")
    source = patches["source"].to_numpy()
    strange = sorted(set(source) - set(PARTS))
    if strange or stop not in ("cities", "source"):
        raise FusionError(
            f"sources {strange}, stopping on {stop!r}",
            f"sources among {', '.join(PARTS[:3])}, and stopping on `cities` or `source`",
            "name the parts as the data set does",
        )
    if stop == "source":
        return _complete(source.astype("<U10"), "patches of the source")
    _need(patches, "city", "x", "y", "epsg")
    out = np.where(source == VALIDATION, LEFT_OUT, source).astype("<U10")
    rows = np.flatnonzero(source == TRAIN)
    training = patches.iloc[rows]
    held = _folds(training["city"].to_numpy(), training, TENTHS, seed, "training cities") == 0
    out[rows] = _apart(_parts(np.zeros(len(rows), bool), held), training)
    return _complete(out, "patches of the source")


SPLITS: dict[str, Callable[..., np.ndarray]] = {
    "random": random,
    "block": block,
    "city": city,
    "published": published,
}


def _parts(test: np.ndarray, validation: np.ndarray) -> np.ndarray:
    return np.select([test, validation], [TEST, VALIDATION], TRAIN)


def _apart(part: np.ndarray, patches: pd.DataFrame) -> np.ndarray:
    """The same, without what overlaps the test, and without training that overlaps what stops it."""
    out = part.astype("<U10")
    for kept, dropped in ((TEST, VALIDATION), (TEST, TRAIN), (VALIDATION, TRAIN)):
        rows = np.flatnonzero(out == dropped)
        seen = largest_shares(patches.iloc[rows], patches.iloc[np.flatnonzero(out == kept)]) > 0
        out[rows[seen]] = LEFT_OUT
    return out


def _folds(group: np.ndarray, patches: pd.DataFrame, folds: int, seed: int, what: str) -> np.ndarray:
    count = len(np.unique(group))
    if count < 2:
        raise FusionError(
            f"{count} {what} in {len(patches)} patches",
            "at least three, to train, to stop and to test",
            "add cities, or use the split `random`",
        )
    return group_folds(group, patches["label"].to_numpy(), folds, seed)


def _need(patches: pd.DataFrame, *columns: str) -> None:
    """Refuse tables that do not say what a split is made by.

    Raises:
        FusionError: a column is missing or has gaps.
    """
    lacking = [name for name in columns if name not in patches or patches[name].isna().any()]
    if lacking:
        raise FusionError(
            f"{' and '.join(lacking)} of {len(patches)} patches unknown, wholly or in part",
            f"columns {', '.join(columns)} without gaps",
            "use a version of the data that says where patches lie (v4, with its *_geo.h5 files), or the split "
            "`random`, or `published` with `stop: source`",
        )


def _complete(part: np.ndarray, what: str) -> np.ndarray:
    """The same, if something trains, stops and tests.

    Raises:
        FusionError: a part is empty.
    """
    empty = [name for name in PARTS[:3] if not (part == name).any()]
    if empty:
        raise FusionError(
            f"no patches to {' and '.join(empty)} among {len(part)}",
            f"enough {what} for three parts that do not overlap",
            "add cities or patches",
        )
    return part
