import io

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from PIL import Image

from fusion_assets.grids.grid import Grid
from fusion_assets.reports import agreement_figures as figures
from fusion_assets.reports.figures import as_markdown
from fusion_assets.systems.built_up.accuracy.evaluation import measured

GRID = Grid("EPSG:32631", Affine(100, 0, 600_000, 0, -100, 5_000_000), 30, 40)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(*GRID.centres())
    label = (rng.random(x.size) < 0.3).astype("int8")
    probability = np.clip(0.3 + 0.3 * label + rng.normal(0, 0.15, x.size), 0, 1).astype("float32")
    return pd.DataFrame(
        {
            "x": x.ravel(),
            "y": y.ravel(),
            "label": label,
            "block": (np.arange(x.size) // 100).astype("int32"),
            "probability": probability,
            "predicted": (probability >= 0.5).astype("int8"),
            "baseline_probability": probability,
            "baseline_predicted": (probability >= 0.6).astype("int8"),
        }
    )


def test_each_cell_shows_what_was_right_or_wrong_there(table):
    kinds = figures.error_kinds(table[table["x"] < 603_000], GRID)
    assert kinds.shape == GRID.shape and (kinds[:, 30:] == 255).all()
    label, predicted = (table[name].to_numpy().reshape(GRID.shape)[:, :30] for name in ("label", "predicted"))
    assert np.array_equal(kinds[:, :30] == 2, (label == 0) & (predicted == 1))
    assert np.array_equal(kinds[:, :30] == 3, (label == 1) & (predicted == 0))


def test_a_large_region_is_thinned_to_what_most_samples_are(table, monkeypatch):
    monkeypatch.setattr(figures, "LONGEST_EDGE", 10)
    kinds = figures.error_kinds(table.assign(label=0, predicted=1), GRID)
    assert kinds.shape == (8, 10) and (kinds == 2).all()


def test_pictures_are_small_and_told_apart_without_colour(table):
    metrics = measured(table)
    pictures = [
        figures.reliability_png(metrics, "wet"),
        figures.precision_recall_png(table, metrics),
        figures.error_map_png(table, GRID, "wet"),
    ]
    for png in pictures:
        assert len(png) < 45_000 and min(Image.open(io.BytesIO(png)).size) > 200
    grey = sorted(Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0)) for _, colour in figures.KINDS)
    assert np.diff(grey).min() > 35
    assert as_markdown({"Where it errs": pictures[2]}).count("![Where it errs](data:image/png;base64,") == 1
