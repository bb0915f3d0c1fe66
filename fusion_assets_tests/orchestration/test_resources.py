"""What the engine and the storage are made with: the environment, never the configuration of a run."""

import dagster as dg
import pytest

from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.registry import SYSTEMS

PLACE = {"ticket": {"value": {"state": "SUCCEEDED"}}}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    given = {"study": "demo", "storage": str(folder / "data"), "archive": str(folder / "catalog.json")}
    return build_definitions(SYSTEMS, given).resolve_implicit_global_asset_job_def()


@pytest.mark.parametrize(
    "configuration",
    [
        *(
            {"resources": {"engine": {"config": {"settings": {name: "x"}}}}}
            for name in ("dask_scheduler", "storage", "ee_url", "ee_bucket", "ee_project", "archive", "engine", "study")
        ),
        {"resources": {"engine": {"config": {"ee_use": {"way": "batch"}}}}},
        *({"resources": {kind: {"config": {"root": "/elsewhere"}}}} for kind in ("rasters", "documents")),
        {"ops": {"sentinel2_composite": {"inputs": PLACE}}},
        {"inputs": PLACE},
        {"ops": {"sentinel2_composite": {"outputs": [{"result": {"json": {"path": "/elsewhere"}}}]}}},
    ],
)
def test_a_run_may_not_configure_where_things_come_from_and_go(job, configuration):
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(dg.DagsterInvalidConfigError, match="unexpected"):
        job.execute_in_process(
            asset_selection=[dg.AssetKey("sentinel2_composite")],
            partition_key="demo|2016",
            instance=instance,
            run_config=configuration,
            raise_on_error=False,
        )
