"""The change map: a class only where probabilities suffice, whatever hangs together with what."""

import numpy as np
import pytest

from fusion_assets.systems.built_up.areas.change_map import CLASSES, CONFIDENCE, change_map, counts, statement
from fusion_assets_tests.systems.built_up.areas.test_trend import GRID, maps


def coded(*by_year):
    """Class and confidence of pixels with these probabilities, one list a year."""
    cells = {2016 + k: np.full(GRID.shape, np.nan) for k in range(len(by_year))}
    for values, probabilities in zip(cells.values(), by_year, strict=True):
        values[0, : len(probabilities)] = probabilities
    found = change_map(maps(cells))
    codes = found["change"].values[0, : len(by_year[0])]
    return [None if np.isnan(code) else CLASSES[int(code)] for code in codes], found


def test_classes():
    first = [0.05, 0.95, 0.05, 0.95, 0.3, np.nan]
    last = [0.10, 0.97, 0.95, 0.05, 0.8, 0.9]
    names, found = coded(first, last)
    assert names == ["stable, not built-up", "stable, built-up", "gained", "lost", "cannot tell", None]
    confidence = found["confidence"].values[0, :5]
    assert confidence == pytest.approx([0.85, 0.92, 0.90, 0.90, 0.5], abs=1e-6)
    assert counts(found) == dict.fromkeys(CLASSES.values(), 1)
    assert "4 of 5 pixels can be told: 1 stable, not built-up" in statement(counts(found), 2016, 2019)
    assert "none lost. For 50% the data cannot tell" in statement(
        {"cannot tell": 2, "gained": 2, "lost": 0}, 2016, 2019
    )


def test_one_odd_year_is_no_change():
    assert coded([0.02], [0.03], [0.02], [0.97])[0] == ["cannot tell"]
    assert coded([0.02], [0.03], [0.96], [0.97])[0] == ["gained"]


def test_the_confidence_holds_for_any_dependence_of_errors():
    """Truth drawn from calibrated probabilities, errors of both years shared or opposed: named classes are right."""
    rng = np.random.default_rng(0)
    p = {year: rng.beta(0.15, 0.15, GRID.shape) for year in (2016, 2019)}
    found = change_map(maps(p))["change"].values
    u = rng.random(GRID.shape)
    for v in (u, 1 - u, rng.random(GRID.shape)):
        first, last = u < p[2016], v < p[2019]
        truth = np.where(first, np.where(last, 2, 4), np.where(last, 3, 1))
        for code in (1, 2, 3, 4):
            assert (truth == code)[found == code].mean() >= CONFIDENCE
