"""The yearly schedules, evaluated as the daemon does."""

import datetime as dt

import dagster as dg
import pytest

from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.orchestration.test_definitions import study

NAMES = ["north", "east", "south", "west"]
REGIONS = [{"name": name, "bbox": [84.4 + i / 10, 27.6, 84.5 + i / 10, 27.7]} for i, name in enumerate(NAMES)]
SECTIONS = {"night_radiance": {"reserved": ["west"], "years": [2017]}, "ndvi": {"years": [2016, 2017]}}
SCHEDULES = ("yearly_exports", "yearly_radiance", "yearly_fill_ndvi")


@pytest.fixture(scope="module")
def definitions():
    return build_definitions(SYSTEMS, {"study": study(regions=REGIONS, **SECTIONS)})


def tick(definitions, name, year):
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=dt.datetime(year, 2, 15, 6, tzinfo=dt.UTC),
            repository_def=definitions.get_repository_def(),
        )
        return definitions.resolve_schedule_def(name).evaluate_tick(context)


def test_systems_that_a_study_has_not_are_not_scheduled():
    plain = build_definitions(SYSTEMS, {"study": study()})
    assert [schedule.name for schedule in plain.schedules] == ["yearly_exports"]


@pytest.mark.parametrize("name", SCHEDULES)
def test_last_year_is_asked_for_in_every_region(definitions, name):
    requests = tick(definitions, name, 2018).run_requests
    assert [request.partition_key for request in requests] == [f"{region}|2017" for region in NAMES]
    assert len({request.run_key for request in requests}) == 4


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_year_that_is_not_covered_is_skipped_with_the_reason(definitions, name):
    result = tick(definitions, name, 2026)
    assert not result.run_requests
    assert "2025" in result.skip_message and "2017" in result.skip_message and "prediction_years" in result.skip_message


def test_a_system_may_cover_fewer_years_than_the_study(definitions):
    assert tick(definitions, "yearly_fill_ndvi", 2017).run_requests
    assert "covers (2017)" in tick(definitions, "yearly_radiance", 2017).skip_message
