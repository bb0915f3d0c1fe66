"""What Python users load: maps, tables and lists of what there is, from a study and a storage."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import yaml

import fusion_assets as fa
from fusion_assets.errors import FusionError
from fusion_assets_tests.small_maps import STUDY, settings_at, small_study, store_map, store_trend


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A study file, a storage with a map and a trend, and the map's probabilities."""
    folder = tmp_path_factory.mktemp("access")
    file = folder / "two.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    settings = settings_at(folder)
    probability = store_map(small_study(), settings, "west", 2016)
    store_map(small_study(), settings, "west", 2017)
    store_trend(small_study(), settings, "west")
    return {"study": file, "storage": settings.storage}, probability


def test_a_map_comes_with_its_values_crs_and_units(place):
    where, probability = place
    loaded = fa.load("built_up_prediction", region="West", year=2016, **where)
    np.testing.assert_allclose(loaded["probability"].values, probability, atol=1e-6)
    assert loaded.rio.crs.to_epsg() == 32645
    assert loaded["probability"].attrs["units"] == "1"


def test_a_table_carries_what_lies_beside_it(place):
    table = fa.load("built_up_trend", region="west", **place[0])
    assert isinstance(table, pd.DataFrame) and not isinstance(table, geopandas.GeoDataFrame)
    assert table["area_km2"].tolist() == [3.25, 3.5]
    assert table.attrs["document"]["statement"] == "What west tells."


def test_assets_says_what_is_stored(place):
    listed = fa.assets(**place[0])
    assert listed.loc["built_up_prediction", ["partitions", "stored", "dimensions"]].tolist() == [4, 2, "region, year"]
    assert listed.loc["built_up_model", "stored"] == 0
    assert listed.loc["built_up_prediction", "text"]


@pytest.mark.parametrize(
    ("asset", "dimensions", "found"),
    [
        ("built_up_predictions", {}, "did you mean 'built_up_prediction'"),
        ("built_up_prediction", {"year": 2016}, "without a region"),
        ("built_up_prediction", {"region": "west", "year": 1999}, "has no year 1999"),
        ("built_up_prediction", {"region": "south", "year": 2016}, "no region 'south'"),
        ("built_up_prediction", {"region": "west", "year": 2016, "shard": 3}, "has no shard"),
        ("built_up_prediction", {"region": "east", "year": 2016}, "fusion run --select built_up_prediction"),
    ],
)
def test_what_cannot_be_loaded_is_said(place, asset, dimensions, found):
    with pytest.raises(FusionError, match=found):
        fa.load(asset, **dimensions, **place[0])


def test_a_map_of_other_settings_is_refused(place, tmp_path):
    where, _ = place
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(STUDY | {"resolution": 250}))
    with pytest.raises(FusionError, match="made by another study or with other settings"):
        fa.load("built_up_prediction", region="west", year=2016, study=other, storage=where["storage"])


def test_the_study_is_read_wherever_its_room_was_imported_first(place):
    # `fusion_assets.study` is a room of the package, too, and the call has to work before and after its import.
    code = "import fusion_assets as fa; fa.study('demo'); fa.study.load_study; print(fa.study('demo').name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "demo\n"
    assert fa.study(place[0]["study"]).title == "Two small regions"


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys, fusion_assets; print([name for name in ('dagster', 'numpy', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_page_prints_what_python_prints():
    page = Path(__file__).parents[1] / "docs" / "python.md"
    examples = "\n".join(
        block for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL) if ">>>" in block
    )
    found = doctest.DocTestParser().get_doctest(examples, {"fa": fa}, page.name, str(page), 0)
    assert found.examples
    assert doctest.DocTestRunner().run(found).failed == 0
