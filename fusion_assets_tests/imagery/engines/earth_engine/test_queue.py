"""What a study says of tasks: limit, waiting, priority, workload tag."""

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions, connection
from fusion_assets.imagery.engines.protocol import QueueFull
from fusion_assets.imagery.engines.waiting import submit_when_possible
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study import study_of
from fusion_assets.study.earth_engine_use import workload_tag
from fusion_assets_tests.imagery.engines.earth_engine.cases import demo_request
from fusion_assets_tests.study.samples import TODAY, changed


@pytest.fixture
def demo(catalog, buckets, monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    with EarthEngineService(catalog, buckets, Clock(manual=True)) as service:
        service.operations.pending_seconds = service.operations.running_seconds = 10
        yield service, [demo_request(catalog, "viirs_monthly", 2), demo_request(catalog, "viirs_monthly", 4)]


def engine_for(service, folder, **options):
    connection = Connection("demo", service.url)
    return EarthEngine(
        Storage(folder), connection, ExportOptions(bucket=f"exports/{folder.name}", way="batch", **options)
    )


def test_a_full_queue_stops_or_is_waited_for_as_the_study_says(demo, tmp_path):
    service, (first, second) = demo
    engine_for(service, tmp_path).submit(first)
    with pytest.raises(FusionError, match=r"1 task .* waiting or running") as caught:
        engine_for(service, tmp_path, most_tasks=1, when_full="stop").submit(second)
    assert not isinstance(caught.value, QueueFull)
    waiting, told = engine_for(service, tmp_path, most_tasks=1, when_full="wait"), []
    export = submit_when_possible(waiting, second, 3600, told.append, sleep=lambda _: service.advance(15))
    assert export.state == "PENDING" and len(told) == 2 and "1 task " in told[0]


def test_waiting_for_the_queue_has_an_end(demo, tmp_path):
    service, (first, second) = demo
    engine_for(service, tmp_path).submit(first)
    with pytest.raises(QueueFull):
        submit_when_possible(
            engine_for(service, tmp_path, most_tasks=1, when_full="wait"), second, 180, print, sleep=lambda _: None
        )


def test_priority_and_workload_tag_of_the_study_reach_earth_engine(demo, tmp_path):
    service, (request, _) = demo
    content = changed(name="My.Study", earth_engine={"way": "batch", "priority": 7})
    settings = Settings(engine="earth_engine", storage=str(tmp_path), ee_project="demo", ee_url=service.url,
                        ee_bucket=f"exports/{tmp_path.name}")  # fmt: skip
    export = EngineResource.of(settings, study_of(content, today=TODAY)).client().submit(request)
    (asked,) = (task.request for task in service.operations.all())
    assert export.id in asked["requestId"]
    assert (asked["priority"]["value"], asked["workloadTag"]) == (7, "my-study")


def test_how_exports_are_run_changes_no_digest():
    one, other = (study_of(changed(earth_engine=use), today=TODAY) for use in ({}, {"way": "direct"}))
    assert one.digest() == other.digest()


@pytest.mark.parametrize(("name", "tag"), [("demo", "demo"), ("Île de France.2", "le-de-france-2"), ("ß", "fusion")])
def test_names_become_tags_that_earth_engine_allows(name, tag):
    assert workload_tag(name) == tag


def test_an_export_whose_files_were_removed_is_started_anew(demo, tmp_path):
    service, (request, _) = demo
    first = engine_for(service, tmp_path).submit(request)
    service.advance(60)
    assert engine_for(service, tmp_path).submit(request).state == "SUCCEEDED"
    for name in service.buckets.names("exports", tmp_path.name):
        service.buckets.delete("exports", name)
    again = engine_for(service, tmp_path).submit(request)
    assert (again.id, again.state) == (first.id, "PENDING")
    service.advance(60)
    made = engine_for(service, tmp_path)
    assert made.collect(again).sizes == made.collect(again).compute().sizes


def test_signing_in_is_tried_again_while_earth_engine_is_busy(demo, tmp_path):
    service, (request, _) = demo
    connection.sign_out()
    service.faults.add("503", endpoint="discovery", times=2)
    assert engine_for(service, tmp_path).submit(request).state == "PENDING"


def test_another_bucket_is_another_task(demo, tmp_path):
    service, (request, _) = demo
    for folder in ("one", "other"):
        made = EarthEngine(
            Storage(tmp_path / folder), Connection("demo", service.url),
            ExportOptions(bucket=f"exports/{tmp_path.name}-{folder}", way="batch"),
        )  # fmt: skip
        export = made.submit(request)
        service.advance(60)
        assert made.states([export])[0].state == "SUCCEEDED"
