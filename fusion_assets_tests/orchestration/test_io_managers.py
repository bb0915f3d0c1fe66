"""IO managers under real Dagster runs: what is placed, what is loaded, what is refused."""

import json
import os
import signal
import subprocess
import sys
import uuid

import dagster as dg
import geopandas
import numpy as np
import pandas as pd
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.learning import backend
from fusion_assets.orchestration.io_managers import io_managers
from fusion_assets.orchestration.partitions import Axis
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.storage.root import Storage

GRID = Grid("EPSG:32631", Affine(250.0, 0, 500_000, 0, -250.0, 5_600_000), 30, 40)
REGIONS = Axis("region", ["demo", "mol"])


def by_year(*years):
    return dg.MultiPartitionsDefinition({"region": REGIONS, "year": dg.StaticPartitionsDefinition(list(years))})


def expected(recipe="r1", grid=GRID):
    return lambda asset, region, year: {"recipe_digest": recipe, "grid_digest": grid.digest}


def raster(year, recipe="r1"):
    values = {name: np.full(GRID.shape, float(year), np.float32) for name in ("B04", "B03", "B02")}
    values["B02"][0, :20] = np.nan
    return write_raster(GRID.dataset(values), nodata=np.nan, tags={"recipe_digest": recipe})


def graph(*years):
    """A composite, its samples and model card per region and year; and a trend per region."""
    partitions = by_year(*years)

    @dg.asset(partitions_def=partitions, io_manager_key="rasters")
    def composite(context) -> dg.Output:
        return dg.Output(raster(context.partition_key.split("|")[1]))

    @dg.asset(partitions_def=partitions, io_manager_key="tables")
    def samples(composite):
        values = composite["B02"].to_numpy()[1]
        table = geopandas.GeoDataFrame({"B02": values}, geometry=geopandas.points_from_xy(values, values), crs=4326)
        return table, {"dropped": np.int64(20), "nothing": float("nan")}

    @dg.asset(partitions_def=partitions, io_manager_key="documents")
    def card(samples):
        table, document = samples
        return {"rows": len(table), "crs": table.crs.to_string(), **document}

    @dg.asset(
        partitions_def=REGIONS,
        io_manager_key="tables",
        ins={
            name: dg.AssetIn(name, partition_mapping=dg.MultiToSingleDimensionPartitionMapping("region"))
            for name in ("composite", "card")
        },
    )
    def trend(composite, card):
        means = {key: float(value["B03"].mean()) for key, value in composite.items()}
        return pd.DataFrame({"key": means.keys(), "mean": means.values(), "rows": [c["rows"] for c in card.values()]})

    @dg.asset(partitions_def=REGIONS, io_manager_key="documents")
    def report(trend):
        return f"<p>{len(trend)}</p>"

    @dg.asset(partitions_def=REGIONS, io_manager_key="documents")
    def front_page(report):
        return {"html": report}

    return [composite, samples, card, trend, report, front_page]


def run(assets, partition, root, *names, facts=None, instance=None, raise_on_error=True):
    return dg.materialize(
        assets,
        partition_key=partition,
        selection=list(names) or None,
        resources=io_managers(root, facts or expected()),
        instance=instance,
        raise_on_error=raise_on_error,
    )


def failure(assets, partition, root, *names, facts=None):
    """Run and return the FusionError that stopped it."""
    try:
        run(assets, partition, root, *names, facts=facts)
    except Exception as error:
        while error and not isinstance(error, FusionError):
            error = error.__cause__
        assert error is not None
        return error
    raise AssertionError("the run succeeded")


@pytest.fixture(params=["file", "memory"])
def root(request, tmp_path):
    return f"file://{tmp_path}/data" if request.param == "file" else f"memory://io-{uuid.uuid4().hex}/data"


def test_all_kinds_go_round(root):
    assets = graph("2015", "2016")
    for year in ("2015", "2016"):
        run(assets, f"demo|{year}", root, "composite", "samples", "card")
    result = run(assets, "demo", root, "trend", "report", "front_page")
    trend = result.output_for_node("trend")
    assert trend["key"].tolist() == ["demo|2015", "demo|2016"]
    assert trend["mean"].tolist() == [2015, 2016]
    assert result.output_for_node("front_page") == {"html": "<p>2</p>"}
    storage = Storage(root)
    for name in ("composite/demo/2015.tif", "samples/demo/2016.parquet", "samples/demo/2016.json", "trend/demo.parquet",
                 "card/demo/2015.json", "report/demo.html", "front_page/demo.json"):  # fmt: skip
        assert storage.exists(f"{storage.root}/{name}"), name
    card = json.loads(storage.read_bytes(f"{storage.root}/card/demo/2015.json"))
    assert card == {
        "rows": 40, "crs": "EPSG:4326", "dropped": 20, "nothing": None,
        "_artifact": {"recipe_digest": "r1", "grid_digest": GRID.digest},
    }  # fmt: skip


def test_a_single_year_is_a_dict_too(root):
    assets = graph("2016")
    run(assets, "demo|2016", root, "composite", "samples", "card")
    trend = run(assets, "demo", root, "trend").output_for_node("trend")
    assert trend["key"].tolist() == ["demo|2016"]


def test_raster_metadata(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(graph("2016"), "demo|2016", str(tmp_path), "composite", instance=instance)
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    path = metadata["path"].value
    assert path == f"{tmp_path}/composite/demo/2016.tif"
    assert metadata["size_bytes"].value == os.path.getsize(path)
    assert metadata["crs"].value == "EPSG:32631"
    assert metadata["shape"].value == "30 rows x 40 columns of 250 m"
    assert metadata["valid_share"].value == pytest.approx(1 - 20 / 1200)
    assert [record.data["band"] for record in metadata["bands"].records] == ["B04", "B03", "B02"]
    assert {record.data["band"]: record.data["max"] for record in metadata["bands"].records}["B02"] == 2016
    assert "data:image/png;base64," in metadata["preview"].value and len(metadata["preview"].value) < 60_000
    assert len(metadata["digest"].value) == 64
    assert next(iter(metadata)) == "preview"


def test_table_metadata_name_columns_and_their_types(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        run(graph("2016"), "demo|2016", str(tmp_path), "composite", "samples", instance=instance)
        event = instance.get_latest_materialization_event(dg.AssetKey("samples"))
    columns = event.asset_materialization.metadata["dagster/column_schema"].schema.columns
    assert ("B02", "float32") in [(column.name, column.type) for column in columns]


def test_temporary_rasters_are_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    run(graph("2016"), "demo|2016", f"{tmp_path}/data", "composite")
    assert not list((tmp_path / "tmp").glob("fusion-*"))


def test_a_missing_upstream_is_named(tmp_path):
    assets = graph("2015", "2016")
    error = failure(assets, "demo|2016", str(tmp_path), "samples")
    assert error.found == f"composite for partition demo|2016 is not stored: no {tmp_path}/composite/demo/2016.tif"
    assert error.remedy == "fusion run --select composite --region demo --years 2016"
    run(assets, "demo|2015", str(tmp_path), "composite", "samples", "card")
    assert "demo|2016" in failure(assets, "demo", str(tmp_path), "trend").found  # one year of several
    assert failure(assets, "mol", str(tmp_path), "report").remedy == "fusion run --select trend --region mol"


@pytest.mark.parametrize("downstream", ["samples", "card"])
def test_another_study_is_refused(tmp_path, downstream):
    assets = graph("2016")
    run(assets, "demo|2016", str(tmp_path), "composite", "samples", "card")
    other = GRID.window(0, 0, 10, 10)
    error = failure(assets, "demo|2016", str(tmp_path), downstream, facts=expected(grid=other))
    assert GRID.digest in error.found and other.digest in error.expected
    assert "FUSION_STORAGE" in error.remedy
    assert "recipe_digest r1" in failure(assets, "demo|2016", str(tmp_path), downstream, facts=expected("r2")).found


def test_a_raster_that_could_not_be_loaded_is_not_placed(tmp_path):
    error = failure(graph("2016"), "demo|2016", str(tmp_path), "composite", facts=expected("r2"))
    assert "recipe_digest r1" in error.found
    assert not (tmp_path / "composite").exists()


def test_a_failing_asset_places_nothing_and_keeps_the_old(tmp_path):
    run(graph("2016"), "demo|2016", str(tmp_path), "composite")
    before = (tmp_path / "composite/demo/2016.tif").read_bytes()

    @dg.asset(partitions_def=by_year("2016"), io_manager_key="rasters")
    def composite():
        raster("2017")
        raise FusionError("no scenes")

    assert failure([composite], "demo|2016", str(tmp_path)).found == "no scenes"
    assert (tmp_path / "composite/demo/2016.tif").read_bytes() == before


def test_wrong_values_are_refused(tmp_path):
    @dg.asset(partitions_def=REGIONS, io_manager_key="rasters")
    def wrong():
        return [1]

    assert "wrong for partition demo returned a list" in failure([wrong], "demo", str(tmp_path)).found


def test_a_read_only_root_fails_before_anything_is_computed(tmp_path):
    computed = []

    @dg.asset(partitions_def=REGIONS, io_manager_key="documents")
    def slow():
        computed.append(1)
        return {}

    (tmp_path / "file").write_text("in the way")
    assert "cannot write to" in failure([slow], "demo", f"{tmp_path}/file/data").found
    assert not computed


def test_errors_are_not_retried(tmp_path):
    @dg.asset(partitions_def=REGIONS, io_manager_key="documents", retry_policy=dg.RetryPolicy(max_retries=3))
    def report(trend):
        return {}

    result = run([*graph("2016")[:4], report], "demo", str(tmp_path), "report", raise_on_error=False)
    assert not result.success
    assert not [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]


def test_loading_outside_a_run_gives_the_plain_error(tmp_path):
    (tmp_path / "data").mkdir()
    definitions = dg.Definitions(assets=graph("2016"), resources=io_managers(f"{tmp_path}/data", expected()))
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(FusionError, match=r"composite for partition demo\|2016"):
            definitions.load_asset_value("composite", partition_key="demo|2016", instance=instance)
        run(graph("2016"), "demo|2016", f"{tmp_path}/data", "composite")
        loaded = definitions.load_asset_value("composite", partition_key="demo|2016", instance=instance)
    assert float(loaded["B03"].max()) == 2016


def test_halves_of_different_pairs_are_not_read_as_one(tmp_path):
    assets = graph("2016")
    run(assets, "demo|2016", str(tmp_path), "composite", "samples")
    document = tmp_path / "samples/demo/2016.json"
    kept = document.read_bytes()
    document.unlink()
    assert "is missing" in failure(assets, "demo|2016", str(tmp_path), "card").found
    document.write_bytes(kept.replace(b'"sha256": "', b'"sha256": "0'))
    assert "does not belong to" in failure(assets, "demo|2016", str(tmp_path), "card").found
    document.write_bytes(kept[:30])
    assert "cannot be read" in failure(assets, "demo|2016", str(tmp_path), "card").found
    table = tmp_path / "samples/demo/2016.parquet"
    table.write_bytes(table.read_bytes()[:-20])
    assert "2016.parquet cannot be read" in failure(assets, "demo|2016", str(tmp_path), "card").found
    run(assets, "demo|2016", str(tmp_path), "samples", "card")


KILLED = """
import os, signal, sys
from fusion_assets.storage import root as storage
from fusion_assets_tests.orchestration import test_io_managers as tests
real, calls = storage.shutil.copyfile, []
def copy(source, target):
    calls.append(target)
    if len(calls) == int(sys.argv[2]):
        with open(target, "wb") as file:
            file.write(open(source, "rb").read()[:100])
        os.kill(os.getpid(), signal.SIGKILL)
    return real(source, target)
storage.shutil.copyfile = copy
tests.run(tests.graph("2016"), "demo|2016", sys.argv[1], "composite", "samples")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("copies", "asset"), [(1, "composite"), (3, "samples")])
def test_a_killed_run_leaves_nothing_readable_and_a_rerun_completes(tmp_path, copies, asset):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(copies)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    assets = graph("2016")
    if asset == "composite":  # killed while the raster was placed
        assert "is not stored" in failure(assets, "demo|2016", str(tmp_path), "samples").found
    else:  # killed between the table and its document
        assert "is missing" in failure(assets, "demo|2016", str(tmp_path), "card").found
    assert run(assets, "demo|2016", str(tmp_path), "composite", "samples", "card").success


def test_models_go_round_with_their_card(tmp_path):
    keras = backend.keras()

    from fusion_assets.learning.saved_model import TrainedModel

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    card = {"features": ["B02", "avg_rad"], "epochs": np.int64(3)}

    @dg.asset(partitions_def=by_year("2016"), io_manager_key="models")
    def built_up_model():
        return TrainedModel(model, card)

    @dg.asset(partitions_def=by_year("2016"), io_manager_key="documents")
    def use(built_up_model):
        return {
            "card": built_up_model.card,
            "sum": float(built_up_model.keras_model(np.ones((1, 2)))[0, 0]),
        }

    result = run([built_up_model, use], "demo|2016", str(tmp_path))
    assert result.output_for_node("use") == {"card": {"features": ["B02", "avg_rad"], "epochs": 3}, "sum": 2.0}
    path = tmp_path / "built_up_model/demo/2016.json"
    whole = path.read_text()
    path.write_text(whole.replace('"B02",', ""))
    assert "takes 2 features" in failure([built_up_model, use], "demo|2016", str(tmp_path), "use").found
    path.write_text(whole.replace('"sha256": "', '"sha256": "0'))
    assert "does not belong" in failure([built_up_model, use], "demo|2016", str(tmp_path), "use").found
    path.unlink()
    assert "is missing" in failure([built_up_model, use], "demo|2016", str(tmp_path), "use").found
