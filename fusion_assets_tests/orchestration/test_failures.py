"""Which errors an asset's retry policy applies to, and what `fusion run` says of its attempts."""

import contextlib
import pickle

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from fusion_assets.cli.run_results import failed_attempts, failure_text, was_interrupted
from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.engines.tolerance import tolerating
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.orchestration import failures
from fusion_assets.orchestration.failures import NETWORK_RETRIES, explained
from fusion_assets.orchestration.partitions import Axis
from fusion_assets.orchestration.site import Site
from fusion_assets.settings import Settings
from fusion_assets.storage import addresses
from fusion_assets_tests.whole_studies import load_study


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(failures, "NETWORK_RETRIES", dg.RetryPolicy(max_retries=NETWORK_RETRIES.max_retries))


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run(errors):
    """The result of an asset that meets these errors one after the other, and how often it was tried."""
    tries = []
    site = Site(load_study("demo"), Settings.from_environment(), lambda *_: {}, "group")

    @site.asset("documents", Axis("region", ["here"]), ["1"])
    def stumbling():
        tries.append(1)
        if errors:
            raise errors.pop(0)
        return dg.Output({})

    with dg.DagsterInstance.ephemeral() as instance:
        definitions = dg.Definitions([stumbling], resources={"documents": dg.mem_io_manager})
        job = definitions.resolve_implicit_global_asset_job_def()
        with contextlib.suppress(KeyboardInterrupt, DagsterExecutionInterruptedError):
            result = job.execute_in_process(
                instance=instance, raise_on_error=False, run_config=QUIET, partition_key="here"
            )
            return result, len(tries)
        return None, len(tries)


def busy(number):
    return Unreachable(f"the archive is busy ({number})", "an answer", "try again later")


def test_what_may_pass_is_tried_again_and_said():
    result, tries = run([busy(1), busy(2)])
    assert result.success and tries == 3
    first, second = failed_attempts(result)
    assert first.startswith("attempt 1 failed") and "the archive is busy (1)" in first
    assert second.startswith("attempt 2 failed") and "the archive is busy (2)" in second and "\n" not in second


def test_what_does_not_pass_fails_with_its_own_text():
    result, tries = run([busy(number) for number in range(1, 9)])
    assert not result.success and tries == 1 + NETWORK_RETRIES.max_retries
    assert failure_text(result) == str(busy(3)) and len(failed_attempts(result)) == 2


def test_what_stays_wrong_is_not_tried_again():
    result, tries = run([FusionError("there is no such collection", "one", "choose one")])
    assert not result.success and tries == 1 and not failed_attempts(result)
    assert failure_text(result).startswith("there is no such collection")


@pytest.mark.parametrize("error", [KeyError("coordinates"), TypeError("a bug"), OSError(5, "disk")])
def test_mistakes_are_not_tried_again(error):
    result, tries = run([error])
    assert not result.success and tries == 1 and not failed_attempts(result)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DagsterExecutionInterruptedError()])
def test_interruptions_are_not_tried_again(error):
    assert run([error])[1] == 1


def test_the_pauses_between_attempts_grow_and_differ(monkeypatch):
    monkeypatch.setattr(failures, "NETWORK_RETRIES", NETWORK_RETRIES)
    waits = []
    for attempts in (0, 1) * 10:
        with pytest.raises(dg.RetryRequested) as caught, explained(attempts):
            raise busy(1)
        waits.append(caught.value.seconds_to_wait)
    assert len(set(waits)) > 10 and min(waits) > 0 and max(waits) <= 30 and caught.value.max_retries == 2
    assert sum(waits[1::2]) > sum(waits[::2])


def test_errors_stay_transient_on_their_way_through_processes():
    assert pickle.loads(pickle.dumps(busy(1))).transient and not pickle.loads(pickle.dumps(FusionError("a"))).transient


class EndpointConnectionError(ConnectionError):
    """As object stores' clients have their own."""


@pytest.mark.parametrize(
    ("error", "transient"),
    [(EndpointConnectionError("https://bucket?key=secret"), True), (TimeoutError(), True),
     (ConnectionResetError(), True),
     (FileNotFoundError(), False), (PermissionError(), False), (ValueError(), False)],
)  # fmt: skip
def test_storage_that_breaks_off_may_be_tried_again(error, transient):
    with pytest.raises(FusionError) as caught, addresses.io_errors("read", "s3://bucket", "an object", "check it"):
        raise error
    assert caught.value.transient is transient and "secret" not in str(caught.value)


@pytest.mark.parametrize("transient", [True, False])
def test_scenes_beyond_the_tolerance_may_be_tried_again_where_one_of_them_may(transient):
    bad = UnreadableFile("a.tif", "broken")
    bad.transient = transient

    def make(left_out):
        raise bad

    with pytest.raises(FusionError, match="1 of 2 scenes") as caught:
        tolerating(make, lambda: {"a": bad, "b": None}, "here|2019", 0.1)
    assert caught.value.transient is transient


class Interrupting(dg.ConfigurableIOManager):
    """A storage at which Ctrl-C is pressed."""

    def handle_output(self, context, obj):
        pass

    def load_input(self, context):
        with explained():
            raise KeyboardInterrupt


@pytest.mark.parametrize("loading", [True, False])
def test_an_interruption_ends_the_run_and_is_not_tried_again(loading):
    tries = []

    @dg.asset(io_manager_key="storage")
    def upstream():
        return 1

    @dg.asset(ins={"upstream": dg.AssetIn()} if loading else {}, retry_policy=NETWORK_RETRIES)
    def stopped(**inputs):
        with explained():
            tries.append(1)
            raise KeyboardInterrupt

    with dg.DagsterInstance.ephemeral() as instance:
        definitions = dg.Definitions([upstream, stopped], resources={"storage": Interrupting()})
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, raise_on_error=False, asset_selection=[dg.AssetKey("stopped")], run_config=QUIET
        )
        assert [each.status for each in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
    assert len(tries) == (0 if loading else 1) and not failed_attempts(result)
    assert was_interrupted(result) and not was_interrupted(run([FusionError("wrong")])[0])
