"""The table of an encoder and its floors: every method, the same places, and splits that leak refused."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.encoder import trained
from fusion_assets.systems.embeddings.encoder.network import build
from fusion_assets.systems.embeddings.encoder.trained import untrained
from fusion_assets.systems.embeddings.evidence import evaluation
from fusion_assets.systems.embeddings.evidence.evaluation import TRANSFER, Task, evaluated, features_of, partners
from fusion_assets.systems.embeddings.evidence.probes import PROBES, Labels, Probe, linear
from fusion_assets_tests.systems.embeddings.world import DESIGN, world

NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def judged():
    pairs, kind = world(90, size=8)
    shares = np.eye(3)[kind] * 0.6 + 0.1
    learnt, tested = np.arange(60), np.arange(60, 90)
    task = Task(Labels(kind, NAMES), Labels(shares, NAMES), pairs.place, np.arange(90) // 6, learnt, tested)
    built = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained, "build", lambda *asked: built.append(asked) or build(*asked))
        found = features_of(untrained(DESIGN, pairs, learnt, 0), pairs, learnt)
    # Weights of the two, and the network of each once, whatever it looks at.
    assert built == [(DESIGN, 0)] * 4
    methods = {name: found[name] for name in ("statistics", "encoder")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "FEW", 20)
        patch.setattr(evaluation, "FEW_DRAWS", 1)
        patch.setitem(PROBES, "linear", Probe(linear, (0.1, 10.0)))
        return found, evaluated(methods, task), partners(methods, task), task


def test_every_method_is_judged_by_every_probe_on_everything(judged):
    features, rows, found, _ = judged
    assert set(features) == {
        "statistics", "random_convolutions", "components", "untrained", "encoder", "statistics and encoder",
    }  # fmt: skip
    asked = {(row["method"], row["use"], row["probe"], row["labels"]) for row in rows}
    assert len(asked) == len(rows) == 2 * 3 * 5 + 2
    assert {row["labels"] for row in rows} == {20, 60}
    assert {row["use"] for row in rows if row["method"] == "encoder"} == {"radar", "optics", "both", TRANSFER}
    assert {row["use"] for row in rows if row["method"] == "statistics"} == {"radar", "optics", "both"}
    assert {row["method"] for row in found} == {
        "statistics, canonical", "encoder", "encoder, canonical",
    }  # fmt: skip


def test_figures_stand_in_their_intervals_and_what_is_plain_is_found(judged):
    _, rows, _, _ = judged
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    figure = {(row["method"], row["use"], row["probe"], row["figure"]): row["value"] for row in rows}
    assert figure["statistics", "both", "linear", "macro_f1"] > 0.95
    # Of three levels in a row the middle one is no line: two of three shares are found.
    assert 0.4 < figure["statistics", "both", "ridge", "r2"] < 0.7
    # What has learnt nothing does not say the same of a place by one sensor as by both.
    assert figure["encoder", TRANSFER, "linear", "macro_f1"] < figure["encoder", "both", "linear", "macro_f1"]


def test_a_cell_on_both_sides_is_refused(judged):
    task = judged[-1]
    with pytest.raises(FusionError, match="1 cells are learnt from and tested on"):
        Task(task.sets, task.shares, task.place, task.cell, np.arange(62), task.tested)


def test_differences_to_statistics_are_paired(judged):
    rows = judged[1]
    figure = {(row["method"], row["use"], row["probe"], row["labels"]): row for row in rows}
    for row in rows:
        if row["method"] == "statistics" or row["use"] == TRANSFER:
            assert "difference" not in row
            continue
        floor, difference = figure["statistics", row["use"], row["probe"], row["labels"]], row["difference"]
        assert difference["value"] == pytest.approx(row["value"] - floor["value"])
        assert difference["low"] <= difference["value"] <= difference["high"]
        apart = (row["high"] - row["low"]) + (floor["high"] - floor["low"])
        assert difference["high"] - difference["low"] <= apart + 1e-9


def test_what_a_head_keeps_on_radar_is_of_the_same_head(judged):
    rows = judged[1]
    figure = {(row["method"], row["use"], row["probe"], row["labels"]): row["value"] for row in rows}
    kept = {row["probe"]: row["kept"]["value"] for row in rows if row["use"] == TRANSFER}
    assert set(kept) == {"neighbours", "linear"}
    for probe, share in kept.items():
        assert share == pytest.approx(figure["encoder", TRANSFER, probe, 60] / figure["encoder", "both", probe, 60])
