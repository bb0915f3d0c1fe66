import geopandas as gpd
import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.built_up.features.samples import draw_samples, samples_digest
from fusion_assets_tests.systems.built_up.conftest import FEATURES, place


def test_every_labelled_pixel_with_finite_features_and_the_rest_is_counted():
    stack, labels, source = place()
    labels["built_up"][:3] = 255
    stack["B04"][10, :5] = np.nan
    stack["avg_rad"][10, 4:6] = np.nan
    samples, report = draw_samples(stack, labels, FEATURES, source=source)
    assert report["labelled"] == 61 * 60
    assert report["dropped"] == 6 and report["dropped_by_feature"] == {"B04": 5, "B08": 0, "avg_rad": 2}
    assert sum(report["dropped_by_block"].values()) == 6
    assert len(samples) == report["kept"] == 61 * 60 - 6
    assert np.isfinite(samples[list(FEATURES)]).all().all()


def test_a_sample_holds_the_values_of_its_pixel():
    stack, labels, source = place()
    samples, _ = draw_samples(stack, labels, FEATURES, source=source)
    one = samples.iloc[777]
    pixel = stack.sel(x=one.x, y=one.y)
    assert all(one[name] == pixel[name] for name in FEATURES)
    assert one.label == labels["built_up"].sel(x=one.x, y=one.y)
    assert samples.to_crs("EPSG:4326").geometry.iloc[777].x == pytest.approx(one.lon)


def test_folds_hold_whole_label_cells():
    stack, labels, source = place()
    samples, _ = draw_samples(stack, labels, FEATURES, source=source)
    assert samples.groupby(["cell_row", "cell_col"])["fold"].nunique().max() == 1
    assert samples.groupby("block")["fold"].nunique().max() == 1


def test_samples_survive_geoparquet(tmp_path):
    stack, labels, source = place()
    samples, _ = draw_samples(stack, labels, FEATURES, source=source)
    samples.to_parquet(tmp_path / "s.parquet")
    back = gpd.read_parquet(tmp_path / "s.parquet")
    assert samples_digest(back) == samples_digest(samples)
    assert back.crs == samples.crs


def test_a_limit_is_drawn_and_reported():
    stack, labels, source = place()
    samples, report = draw_samples(stack, labels, FEATURES, source=source, limit=500)
    assert len(samples) == report["kept"] == 500 and report["drawn_from"] == 64 * 60


def test_what_cannot_be_sampled_is_named():
    stack, labels, source = place()
    with pytest.raises(FusionError, match="B11 missing"):
        draw_samples(stack, labels, (*FEATURES, "B11"), source=source)
    with pytest.raises(FusionError, match="do not share their pixel centres"):
        draw_samples(stack, labels.isel(x=slice(1, None)), FEATURES, source=source)
    with pytest.raises(FusionError, match="all 3840 labelled pixels are not built-up"):
        draw_samples(stack, labels.assign(built_up=labels["built_up"] * 0), FEATURES, source=source)
    stack["B08"][:] = np.nan
    with pytest.raises(FusionError, match="B08 is absent at 3840"):
        draw_samples(stack, labels, FEATURES, source=source)
