"""What `why_stale` says of one asset and another made from it, as code, inputs and records change."""

import dagster as dg
import pytest

from fusion_assets.orchestration.staleness import why_stale

YEARS = dg.StaticPartitionsDefinition(["2016", "2017"])
DOWN = dg.AssetKey("down")


def definitions(code="1"):
    @dg.asset(partitions_def=YEARS, code_version=code)
    def up(context):
        return dg.MaterializeResult(data_version=dg.DataVersion(context.run.tags["version"]))

    @dg.asset(partitions_def=YEARS, code_version="1", deps=[up])
    def down():
        return dg.MaterializeResult(data_version=dg.DataVersion("same"))

    return dg.Definitions(assets=[up, down])


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def make(instance, *names, year="2016", version="a", code="1"):
    job = definitions(code).resolve_implicit_global_asset_job_def()
    keys = [dg.AssetKey(name) for name in names]
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    tags = {"version": version}
    job.execute_in_process(asset_selection=keys, partition_key=year, instance=instance, tags=tags, run_config=quiet)


def test_what_was_never_made_is_not_made_yet(instance):
    assert why_stale(definitions(), instance, DOWN, "2016") == "not made yet"
    make(instance, "up", "down")
    assert why_stale(definitions(), instance, DOWN, "2016") == ""
    assert why_stale(definitions(), instance, DOWN, "2017") == "not made yet"


def test_a_new_version_of_an_input_is_a_reason_and_the_same_again_is_none(instance):
    make(instance, "up", "down")
    make(instance, "up")
    assert why_stale(definitions(), instance, DOWN, "2016") == ""
    make(instance, "up", version="b")
    assert why_stale(definitions(), instance, DOWN, "2016") == "down has a new dependency data version"
    make(instance, "down")
    assert why_stale(definitions(), instance, DOWN, "2016") == ""


def test_other_code_is_a_reason(instance):
    make(instance, "up", "down")
    reason = why_stale(definitions(code="2"), instance, dg.AssetKey("up"), "2016")
    assert reason == "up has a new code version"
