"""What the pages say of the model is what the table of measured cuts says."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import cuts
from fusion_assets.evaluation.cross_validation import OutOfFold
from fusion_assets.systems.built_up.accuracy import nested
from fusion_assets_tests.systems.built_up.conftest import FEATURES

PAGE = Path(__file__).parents[3] / "docs" / "maps.md"


@pytest.mark.parametrize(("first", "second"), cuts.PAIRS)
def test_the_page_says_what_was_measured(first, second):
    assert cuts.claim(cuts.figures(), first, second) in " ".join(PAGE.read_text().split())


def test_the_table_s_differences_are_those_of_its_figures():
    rows = cuts.figures()
    assert len({(row["place"], row["cut"]) for row in rows}) == len(rows)
    for row in rows:
        for first, second in cuts.PAIRS:
            name = f"{first}_minus_{second}"
            assert row[name] == pytest.approx(row[first] - row[second], abs=2e-4)
            assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_quarters_are_the_whole_and_the_middle_has_some_of_each():
    x, y = np.random.default_rng(0).random((2, 400))
    parts = {name: cuts.inside(x, y, name) for name in ("all", "NE", "NW", "SE", "SW", "C")}
    assert (sum(parts[name].astype(int) for name in ("NE", "NW", "SE", "SW")) == parts["all"]).all()
    assert y[parts["NE"]].min() >= y[parts["SW"]].max()
    assert all((parts["C"] & parts[name]).any() for name in ("NE", "NW", "SE", "SW"))


def test_a_row_is_read_as_it_was_written(town, tmp_path, monkeypatch):
    """Learners that are made up: right but for every tenth sample, or every fifth."""

    def answers(step):
        def learner(table, *_, **__):
            wrong = np.arange(len(table.label)) % step == 0
            answer = np.where(wrong, 1 - table.label, table.label) * 0.8 + 0.1
            return OutOfFold(answer, np.full(5, 0.5), inner=(answer,) * 5)

        return learner

    for name, step in (("nested_model", 10), ("nested_trees", 10), ("nested_forest", 5)):
        monkeypatch.setattr(nested, name, answers(step))
    stack, samples = town
    row = cuts.row_of("town", "W", samples, stack, FEATURES, 500)
    assert row["samples"] == 500 and row["network"] == row["trees"] > row["forest"] == row["neighbourhood"]
    assert row["mixed"] == row["network"]  # two of three say so
    for _ in range(2):
        cuts.append(tmp_path / "cuts.csv", row)
    assert cuts.figures(tmp_path / "cuts.csv") == [pytest.approx(row)] * 2
    assert "on 2 cuts" in cuts.claim([row, row], "network", "neighbourhood")
    assert "better beyond chance on 2, worse on 0" in cuts.claim([row, row], "network", "neighbourhood")
