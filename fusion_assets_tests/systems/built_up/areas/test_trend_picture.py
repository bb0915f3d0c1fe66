"""The picture of the trend shows all of its markers."""

import pandas as pd
import pytest

from fusion_assets.systems.built_up.areas import trend_picture

# Half of a cap, in points; markers are smaller.
_CAP = 5


@pytest.mark.parametrize("area", [(1500.0, 1600.0, 1700.0), (0.0, 0.01, 3.0), (5.0,), (0.0,)])
def test_nothing_is_cut_at_the_frame(monkeypatch, area):
    monkeypatch.setattr(trend_picture, "png", lambda figure: figure)
    table = pd.DataFrame({"year": range(2016, 2016 + len(area)), "area_km2": area, "kind": "error-adjusted"})
    table["low"], table["high"], table["mapped_km2"] = 0.9 * table["area_km2"], 1.1 * table["area_km2"], area
    figure = trend_picture.draw_trend(table, "here")
    figure.draw_without_rendering()
    axis = figure.axes[0]
    assert axis.get_ylim()[0] <= 0
    frame, reach = axis.get_window_extent(), _CAP * figure.dpi / 72
    for column in ("low", "area_km2", "high"):
        for x, y in axis.transData.transform(table[["year", column]].to_numpy()):
            assert frame.x0 + reach <= x <= frame.x1 - reach
            assert frame.y0 + reach <= y <= frame.y1 - reach
