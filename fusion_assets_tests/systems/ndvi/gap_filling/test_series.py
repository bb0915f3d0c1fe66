"""The checks of a series, and the merging of scenes of one date."""

from dataclasses import replace

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.ndvi.gap_filling.series import merge_dates
from fusion_assets.systems.ndvi.gap_filling.simulated_gaps import APART, draw_gaps
from fusion_assets_tests.systems.ndvi.fields import fields


def test_duplicate_dates_are_refused_with_the_remedy():
    series = fields(pixels=3)
    with pytest.raises(FusionError, match="merge_dates"):
        replace(series, time=np.concatenate([series.time[:1], series.time[:-1]]))
    replace(series, radar_time=np.concatenate([series.radar_time[:1], series.radar_time[:-1]]))


def test_arrays_that_do_not_belong_together_are_refused():
    series = fields(pixels=3)
    with pytest.raises(FusionError, match="vh of the series has shape"):
        replace(series, vh=series.vh[:, :2])


def test_scenes_of_one_date_are_averaged_where_clear():
    time = np.array(["2020-05-03T10:50", "2020-05-01T10:40", "2020-05-01T10:41"], "datetime64[m]")
    ndvi = np.array([[0.5, np.nan, 0.1], [0.2, 0.4, np.nan], [0.4, np.nan, np.nan]], np.float32)
    dates, merged = merge_dates(time, ndvi)
    assert dates.tolist() == np.array(["2020-05-01", "2020-05-03"], "datetime64[D]").tolist()
    assert np.allclose(merged, [[0.3, 0.4, np.nan], [0.5, np.nan, 0.1]], equal_nan=True)


def test_a_gap_hides_its_own_value_and_only_neighbours_in_time():
    series = fields(pixels=50)
    gaps = draw_gaps(series, 500)
    days = series.time.astype(int)
    own = gaps.series.ndvi[gaps.scene, np.arange(len(gaps.day))]
    assert np.isnan(own).all() and np.isfinite(gaps.truth).all()
    assert (np.diff(gaps.fold[np.argsort(gaps.scene, kind="stable")]) >= 0).all()  # folds are runs of dates
    clear = np.isfinite(gaps.series.ndvi)
    alone = ~clear.any(axis=0)
    assert 0.01 < alone.mean() < 0.12
    far = np.abs(days[:, None] - gaps.day) > 90
    assert (clear | ~far).any(axis=0)[~alone].all()


def test_what_is_learned_from_keeps_its_distance_from_what_is_judged():
    gaps = draw_gaps(fields(pixels=50), 500)
    for fold, rows in enumerate(gaps.seen(APART)):
        own = gaps.day[gaps.fold == fold]
        assert rows.mean() > 0.3 and not rows[gaps.fold == fold].any()
        assert np.abs(gaps.day[rows][:, None] - own).min() > APART
    assert (gaps.seen().sum(axis=0) == gaps.folds - 1).all()


def test_where_dates_are_few_the_distance_gives_way():
    series = fields(pixels=50, cloudy=0)
    gaps = draw_gaps(series.without(np.arange(len(series.time)) > 6), 200)
    assert (gaps.seen(APART).mean(axis=1) > 0.3).all() and not (gaps.seen(APART) & ~gaps.seen()).any()
