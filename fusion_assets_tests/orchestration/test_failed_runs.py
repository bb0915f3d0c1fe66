"""Who is told that a run has failed, and what."""

import dagster as dg
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.orchestration.failed_runs import failed_runs, hook_of
from fusion_assets.orchestration.failures import explained
from fusion_assets.systems.registry import SYSTEMS


def failed(told):
    """Evaluate the sensor for a run that has failed."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["here"]))
    def broken():
        with explained():
            raise FusionError("https://me:secret@archive.example is away", "an answer", "try again")

    definitions = dg.Definitions([broken])
    job = definitions.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance, raise_on_error=False, partition_key="here", asset_selection=[dg.AssetKey("broken")]
        )
        (event,) = [each for each in result.all_events if each.is_job_failure]
        context = dg.build_run_status_sensor_context("failed_runs", event, instance, result.dagster_run)
        failed_runs("small", told)(context.for_run_failure())
        return result.dagster_run.run_id


def test_the_hook_is_told_what_failed_and_why_without_logins():
    told = []
    run_id = failed(told.append)
    (failure,) = told
    assert (failure.study, failure.run_id, failure.partition) == ("small", run_id, "here")
    assert "archive.example is away" in failure.reason and "secret" not in str(failure)


def test_without_a_hook_nobody_is_told_and_nothing_fails():
    failed(None)


@pytest.mark.parametrize("name", ["nowhere_at_all:send", "json:no_such_function", "json", "json:decoder"])
def test_a_hook_that_is_none_is_refused_when_the_code_location_loads(name):
    with pytest.raises(FusionError, match="FUSION_ON_FAILURE"):
        build_definitions(SYSTEMS, {"on_failure": name})


def test_a_hook_is_found_by_its_name():
    assert hook_of("json:dumps")([1]) == "[1]"
    assert hook_of("") is None
