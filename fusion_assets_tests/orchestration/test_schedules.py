"""The yearly schedule, evaluated as the daemon does."""

import datetime as dt

import dagster as dg

from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.orchestration.test_definitions import study

REGIONS = [
    {"name": "here", "bbox": [84.4, 27.6, 84.5, 27.7]},
    {"name": "there", "bbox": [84.5, 27.6, 84.6, 27.7]},
]


def tick(year):
    definitions = build_definitions(SYSTEMS, {"study": study(regions=REGIONS)})
    schedule = definitions.resolve_schedule_def("yearly_exports")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=dt.datetime(year, 2, 15, 6, tzinfo=dt.UTC),
            repository_def=definitions.get_repository_def(),
        )
        return schedule.evaluate_tick(context)


def test_requests_last_year_for_every_region():
    requests = tick(2018).run_requests
    assert [request.partition_key for request in requests] == ["here|2017", "there|2017"]
    assert len({request.run_key for request in requests}) == 2


def test_skips_a_year_outside_the_study_and_says_why():
    result = tick(2026)
    assert not result.run_requests
    assert "2025" in result.skip_message and "prediction_years" in result.skip_message
