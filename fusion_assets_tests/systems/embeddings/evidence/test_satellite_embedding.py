"""Google's embedding of patches: the mean vector of the pixels of each, the same from files and from Earth Engine."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.settings import Settings
from fusion_assets.study.product_use import ProductUse
from fusion_assets.systems.embeddings.evidence.evaluation import partners
from fusion_assets.systems.embeddings.evidence.satellite_embedding import mean_vectors
from fusion_assets_tests.imagery.archives import NORTH, WEST, make_item, write_catalog, write_tif

SIZE = 12
AXES = 64
USE = ProductUse.model_validate("satellite_embedding")


def patches(*corners, year=2021):
    """Rows of an index: patches whose upper left pixels are in these rows and columns of the raster."""
    rows = [{"epsg": 32631, "x": WEST + 10.0 * c, "y": NORTH - 10.0 * r, "lon": 3.0, "lat": 50.55} for r, c in corners]
    return pd.DataFrame(rows).assign(optics_time=pd.Timestamp(f"{year}-06-01", tz="UTC"))


def archive(folder):
    """Vectors (64, 30, 40) of 2021, unknown in the first two rows; and the catalog of their files."""
    vectors = np.random.default_rng(0).normal(size=(AXES, 30, 40)) + np.linspace(-1, 1, AXES)[:, None, None]
    vectors = (vectors / np.linalg.norm(vectors, axis=0)).astype(np.float32)
    vectors[:, :2] = np.nan
    assets = {
        f"A{number:02d}": write_tif(folder / f"{number}.tif", band, nodata=np.nan)
        for number, band in enumerate(vectors)
    }
    moments = dt.datetime(2021, 1, 1, tzinfo=dt.UTC), dt.datetime(2022, 1, 1, tzinfo=dt.UTC)
    return write_catalog(
        folder / "catalog", {"satellite-embedding-v1-annual": [make_item("aef", assets, *moments)]}
    ), vectors


def test_the_mean_vector_of_a_patch_by_both_engines(tmp_path):
    catalog, vectors = archive(tmp_path)
    table = patches((0, 0), (10, 20), (200, 200))
    means = [np.nanmean(vectors[:, r : r + SIZE, c : c + SIZE], axis=(1, 2)) for r, c in ((0, 0), (10, 20))]
    found = mean_vectors(table, SIZE, USE, Settings(archive=catalog))
    for row, mean in enumerate(means):
        np.testing.assert_allclose(found[row], mean / np.linalg.norm(mean), atol=1e-5)
    assert not found[2].any()  # nothing there: no direction
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        settings = Settings(engine="earth_engine", ee_project="demo", ee_url=service.url)
        np.testing.assert_allclose(mean_vectors(table, SIZE, USE, settings), found, atol=1e-5)


@pytest.mark.parametrize(
    ("table", "said"),
    [(patches((0, 0), year=2016), "nothing of satellite_embedding before 2017"), (patches((200, 200)), "at any of 1")],
)
def test_patches_of_which_there_is_nothing_are_refused(table, said, tmp_path):
    with pytest.raises(FusionError, match=said):
        mean_vectors(table, SIZE, USE, Settings(archive=archive(tmp_path)[0]))


def test_a_method_that_looks_at_both_sensors_alone_is_asked_for_no_partner():
    assert partners({"satellite_embedding": {"both": np.ones((3, AXES))}}, None) == []
