"""Pictures of gap-free NDVI: which dates are shown, and what becomes of those that cannot be."""

from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from fusion_assets.imagery.engines.protocol import NoScenes
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.systems.ndvi.pictures import before_and_after, draw_errors, sampled_places

SIZE, DAYS = 8, np.array(["2018-01-01", "2018-02-01", "2018-03-01", "2018-04-01"], "datetime64[ns]")


@pytest.fixture
def clear():
    """Scenes of which all, two thirds, a third and nothing are clear; greener to the right."""
    ndvi = np.broadcast_to(np.linspace(0.1, 0.9, SIZE, dtype=np.float32), (len(DAYS), SIZE, SIZE)).copy()
    for k, rows in enumerate((0, 3, 5, 8)):
        ndvi[k, :rows] = np.nan
    axes = {"time": DAYS, "y": np.arange(SIZE)[::-1] * 10.0, "x": np.arange(SIZE) * 10.0}
    return xr.Dataset({"ndvi": (("time", "y", "x"), ndvi)}, axes).chunk()


def colour(day):
    names = ("B04", "B03", "B02")
    return xr.Dataset({name: (("time", "y", "x"), np.full((1, SIZE, SIZE), 0.1, np.float32)) for name in names})


def test_dates_with_gaps_of_different_size_are_shown(clear):
    shown = before_and_after(clear, clear, colour)
    assert [str(each.day) for each in shown] == ["2018-02-01", "2018-03-01", "2018-04-01"]
    assert [round(each.clear, 2) for each in shown] == [0.62, 0.38, 0.0]
    assert all(each.colour.startswith("data:image/jpeg") for each in shown)


@pytest.mark.parametrize("error", [NoScenes("none", "some", "look elsewhere"), UnreadableFile("a.tif", "broken")])
def test_a_scene_that_cannot_be_read_costs_its_picture_only(clear, error):
    shown = before_and_after(clear, clear, Mock(side_effect=error))
    assert len(shown) == 3 and all(each.colour is None and each.after for each in shown)


def test_sampled_places_differ_in_greenness(clear):
    columns = [column for _, column in sampled_places(clear)]
    assert len(columns) == 6 and columns == sorted(columns) and columns[0] < 2 and columns[-1] > 5


def test_errors_are_drawn_for_whoever_reads_with_ears_too(clear):
    rows = [(name, "within", gap, 10, 0.1, 0.9) for name in ("fused", "interpolation") for gap in (0, 30)]
    table = pd.DataFrame(rows, columns=["estimator", "position", "gap_days", "n", "rmse", "coverage"])
    drawn = draw_errors(table, "fused")
    assert drawn.startswith('<svg role="img" aria-label="Error and coverage') and drawn == draw_errors(table, "fused")
    assert draw_errors(table.assign(n=0), "fused") == ""
