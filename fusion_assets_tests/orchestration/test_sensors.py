"""The sensor that watches exports: what it decides, and whole ticks on a real instance."""

import dataclasses
import datetime as dt
import json
from pathlib import Path

import dagster as dg
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.orchestration.engine_assets import OPERATION_METADATA
from fusion_assets.orchestration.export_records import OPERATION_TAG, Records
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.sensors import MAX_FAILED_RUNS, decide
from fusion_assets.orchestration.ticks import MAX_ATTEMPTS
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study.imagery_requests import request_for
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.orchestration.test_definitions import study

NOW = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)
PLACE = ("sentinel2_composite", "here|2016")


def export(tmp_path, year=2016, export_id="op1", state="SUCCEEDED", finished="2020-01-01T11:59:00+00:00"):
    settings = Settings.from_environment({"storage": str(tmp_path), "archive": "unused"})
    request = request_for(study(), settings, "sentinel2", "here", year)
    return Export(export_id, request, ("s1",), state, "archive", finished, finished)


@pytest.mark.parametrize(
    ("records", "state", "expected"),
    [
        (Records(ticket={PLACE: "op1"}), "SUCCEEDED", "request"),
        (Records(ticket={PLACE: "op1"}, made_from={PLACE: "op1"}), "SUCCEEDED", "made"),
        (Records(ticket={PLACE: "op1"}, made_from={PLACE: "op0"}), "SUCCEEDED", "request"),
        (Records(ticket={PLACE: "op2"}), "SUCCEEDED", "wait"),
        (Records(), "SUCCEEDED", "wait"),
        (Records(ticket={PLACE: "op1"}, running=frozenset({PLACE})), "SUCCEEDED", "wait"),
        (Records(ticket={PLACE: "op1"}, failures={"op1": MAX_FAILED_RUNS - 1}), "SUCCEEDED", "request"),
        (Records(ticket={PLACE: "op1"}, raised={"op1": MAX_FAILED_RUNS}), "SUCCEEDED", "given up"),
        (Records(ticket={PLACE: "op1"}), "FAILED", "failed"),
    ],
)
def test_decisions(tmp_path, records, state, expected):
    assert decide(export(tmp_path, state=state), records, NOW) == expected


def test_an_operation_without_ticket_is_abandoned_after_a_while(tmp_path):
    old = export(tmp_path, finished="2020-01-01T08:00:00+00:00")
    assert decide(old, Records(), NOW) == "superseded"


class Ticks:
    """A real instance, the real sensor, and operations recorded as the archive engine records them."""

    def __init__(self, tmp_path, instance):
        self.storage = Storage(tmp_path / "data")
        self.definitions = build_definitions(
            SYSTEMS, {"study": study(), "storage": str(tmp_path / "data"), "archive": "unused"}
        )
        self.instance = instance
        self.tmp_path = tmp_path
        self.cursor = None

    def record(self, year, export_id, ticket=True):
        now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")
        done = export(self.tmp_path, year, export_id, finished=now)
        self.storage.write_bytes(
            json.dumps(done.to_dict()).encode(), self.storage.path("_operations", export_id, None, "json")
        )
        if ticket:
            self.materialized("sentinel2_export", year, export_id)

    def materialized(self, asset, year, operation):
        event = dg.AssetMaterialization(asset, partition=f"here|{year}", metadata={OPERATION_METADATA: operation})
        self.instance.report_runless_asset_event(event)

    def tick(self):
        sensor = self.definitions.resolve_sensor_def("finished_exports")
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            definitions=self.definitions,
            resources=self.definitions.resources,
        ) as context:
            result = sensor.evaluate_tick(context)
        self.cursor = result.cursor
        return [(r.asset_selection[0].to_user_string(), r.partition_key, r.run_key) for r in result.run_requests]


@pytest.fixture
def ticks(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(tmp_path, instance)


def test_a_finished_export_requests_its_composite_alone(ticks):
    ticks.record(2016, "op1")
    assert ticks.tick() == [("sentinel2_composite", "here|2016", "op1-0")]


def test_nothing_is_requested_for_what_has_been_made(ticks):
    ticks.record(2016, "op1")
    ticks.materialized("sentinel2_composite", 2016, "op1")
    assert ticks.tick() == []


def test_a_lost_cursor_loses_nothing_and_repeats_the_same_keys(ticks):
    ticks.record(2016, "op1")
    ticks.record(2017, "op2")
    first = ticks.tick()
    ticks.cursor = None
    assert ticks.tick() == first
    assert len(first) == 2


@pytest.mark.parametrize("cursor", ["nonsense", "0001-01-01T00:00:00+00:00"])
def test_a_spoilt_cursor_counts_as_lost(ticks, cursor):
    ticks.record(2016, "op1")
    ticks.cursor = cursor
    assert len(ticks.tick()) == 1


def test_the_ticket_may_come_after_the_operation(ticks):
    ticks.record(2016, "op1", ticket=False)
    assert ticks.tick() == []
    ticks.materialized("sentinel2_export", 2016, "op1")
    assert ticks.tick() == [("sentinel2_composite", "here|2016", "op1-0")]


def test_a_failed_run_is_asked_again_under_another_key(ticks):
    ticks.record(2016, "op1")
    ticks.tick()
    ticks.instance.create_run_for_job(
        ticks.definitions.resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.FAILURE,
        tags={OPERATION_TAG: "op1"},
    )
    assert ticks.tick() == [("sentinel2_composite", "here|2016", "op1-1")]


def test_going_back_to_an_earlier_export_requests_its_pixels_anew(ticks):
    keys = []
    for operation in ("op1", "op2", "op1", "op2"):
        ticks.record(2016, operation)
        ((_, _, key),) = ticks.tick()
        keys.append(key)
        ticks.materialized("sentinel2_composite", 2016, operation)
        assert ticks.tick() == []
    assert len(set(keys)) == 4 and keys[0] == "op1-0"


def test_an_operation_of_another_study_is_left_alone(ticks):
    ticks.record(2016, "op1")
    path = ticks.storage.path("_operations", "op1", None, "json")
    facts = json.loads(ticks.storage.read_bytes(path))
    facts["request"]["region"] = "elsewhere"
    ticks.storage.write_bytes(json.dumps(facts).encode(), path)
    assert ticks.tick() == []


def test_ticks_before_there_is_any_export(ticks):
    assert ticks.tick() == []
    assert ticks.tick() == []
    ticks.record(2016, "op1")
    assert len(ticks.tick()) == 1


@dataclasses.dataclass(frozen=True)
class Scripted(EngineResource):
    """An engine whose one export has failed as the test says."""

    message: str = ""
    attempt: int = 1
    minutes_ago: int = 10

    def composites(self):
        return self

    def finished_since(self, cursor):
        finished = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=self.minutes_ago)).isoformat()
        failed = export(Path(self.settings["storage"]), export_id="op1", state="FAILED", finished=finished)
        return [dataclasses.replace(failed, message=self.message)], finished

    def facts(self, export):
        return {"attempt": self.attempt, "eecu_seconds": 12.5}

    def resubmit(self, export):
        RESUBMITTED.append(export.id)
        return export


RESUBMITTED = []


def failed_tick(ticks, **script):
    RESUBMITTED.clear()
    ticks.materialized("sentinel2_export", 2016, "op1")
    engine = Scripted(settings={"storage": str(ticks.tmp_path)}, **script)
    sensor = ticks.definitions.resolve_sensor_def("finished_exports")
    with dg.build_sensor_context(
        instance=ticks.instance, definitions=ticks.definitions, resources={"engine": engine}
    ) as context:
        result = sensor.evaluate_tick(context)
    for event in result.asset_events:
        ticks.instance.report_runless_asset_event(event)
    assert not result.run_requests
    return list(RESUBMITTED), [event.metadata["kind"].value for event in result.asset_events]


def test_a_transient_failure_is_asked_again_after_a_rest(ticks):
    assert failed_tick(ticks, message="Internal error.") == (["op1"], [])
    assert failed_tick(ticks, message="User memory limit exceeded.", attempt=2) == (["op1"], [])
    assert failed_tick(ticks, message="Internal error.", minutes_ago=0) == ([], [])


def test_a_failure_that_stays_is_shown_once_with_what_to_do(ticks):
    assert failed_tick(ticks, message="Permission denied") == ([], ["permission"])
    assert failed_tick(ticks, message="Permission denied") == ([], [])
    (record,) = ticks.instance.fetch_observations(dg.AssetKey("sentinel2_export"), limit=5).records
    shown = record.event_log_entry.asset_observation.metadata
    assert shown["message"].value == "Permission denied" and "account" in shown["to_do"].value
    assert shown["eecu_seconds"].value == 12.5


def test_attempts_end(ticks):
    assert failed_tick(ticks, message="Internal error.", attempt=MAX_ATTEMPTS) == ([], ["transient"])


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[]", b"{}", b"", b'{"id": "odd", "state": "SUCCEEDED"}'])
def test_an_odd_file_keeps_no_other_operation_waiting_and_is_told_once_it_is_mended(ticks, content):
    operations.forget()
    ticks.record(2016, "op1")
    path = Path(ticks.storage.path("_operations", "odd", None, "json"))
    path.write_bytes(content)
    assert ticks.tick() == [("sentinel2_composite", "here|2016", "op1-0")]
    (problem,) = operations.odd()
    assert str(path) in problem.found and "remove it" in problem.remedy
    ticks.record(2017, "odd")
    assert ("sentinel2_composite", "here|2017", "odd-0") in ticks.tick()
    assert operations.odd() == []


@pytest.mark.parametrize(
    "change",
    [
        {"scenes": []},
        {"scenes": "abc"},
        {"state": "DONE"},
        {"finished": "yesterday"},
        {"request": {}},
        {"request": None},
        {"flags": 3},
        {"engine": 5},
    ],
)
def test_a_ticket_that_is_none_is_refused(tmp_path, change):
    with pytest.raises(FusionError, match="cannot be used"):
        Export.from_dict(export(tmp_path).to_dict() | change)


def test_a_ticket_of_a_newer_version_is_refused(tmp_path):
    ticket = export(tmp_path).to_dict()
    for part in (ticket["request"], ticket["request"]["recipe"], ticket["request"]["recipe"]["mask"]):
        part["newer"] = 1
        with pytest.raises(FusionError, match="newer") as caught:
            Export.from_dict(ticket)
        assert "update" in caught.value.remedy
        del part["newer"]
    assert Export.from_dict(ticket).to_dict() == ticket
