"""What automation requests, evaluated on a real instance as the daemon does."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import dagster as dg
import pytest
from dagster._utils.caching_instance_queryer import CachingInstanceQueryer

from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.orchestration.test_definitions import study


def hollow(definitions, bodies):
    """The same graph, conditions, partitions and checks, with assets that do nothing but what `bodies` says."""

    def asset(spec):
        @dg.multi_asset(name=spec.key.to_user_string(), specs=[spec])
        def nothing():
            bodies.get(spec.key.to_user_string(), lambda: None)()
            return dg.MaterializeResult(asset_key=spec.key)

        return nothing

    def check(original):
        specs = list(original.check_specs)

        @dg.multi_asset_check(name=f"hollow_{specs[0].asset_key.to_user_string()}_{specs[0].name}", specs=specs)
        def passes():
            for spec in specs:
                yield dg.AssetCheckResult(check_name=spec.name, asset_key=spec.asset_key, passed=True)

        return passes

    return dg.Definitions(
        assets=[asset(spec) for original in definitions.assets for spec in original.specs],
        asset_checks=[check(original) for original in definitions.asset_checks],
    )


class World:
    """Definitions, an instance, and the automation cursor carried from tick to tick."""

    def __init__(self, instance):
        self.bodies = {}
        self.definitions = hollow(build_definitions(SYSTEMS, {"study": study()}), self.bodies)
        self.job = self.definitions.resolve_implicit_global_asset_job_def()
        self.instance = instance
        self.cursor = None

    def made(self, *assets, year):
        for asset in assets:
            self.job.execute_in_process(
                asset_selection=[dg.AssetKey(asset)],
                partition_key=f"here|{year}",
                instance=self.instance,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )

    def tick(self):
        result = dg.evaluate_automation_conditions(self.definitions, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        return {
            f"{key.to_user_string()} {partition}"
            for key in self.definitions.resolve_asset_graph().executable_asset_keys
            for partition in result.get_requested_partitions(key)
        }


@pytest.fixture
def world():
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance)


def test_nothing_is_requested_before_there_is_anything(world):
    assert world.tick() == set()


def test_tickets_do_not_request_composites(world):
    world.made("sentinel2_export", "night_lights_export", year=2016)
    assert world.tick() == set()
    assert world.tick() == set()


def test_a_stack_waits_for_both_sensors_and_is_requested(world):
    world.made("sentinel2_composite", year=2016)
    assert world.tick() == set()
    world.made("night_lights_composite", year=2016)
    assert world.tick() == set(), "lights are cleaned against those of the label year"
    world.made("night_lights_composite", year=2015)
    assert world.tick() == {"fused_stack here|2016"}
    world.made("fused_stack", year=2016)
    assert world.tick() == set()


def test_new_lights_of_the_label_year_make_all_stacks_again(world):
    for year in (2015, 2016, 2017):
        world.made("sentinel2_composite", "night_lights_composite", "fused_stack", year=year)
    world.tick()
    world.made("night_lights_composite", year=2015)
    assert world.tick() == {f"fused_stack here|{year}" for year in (2015, 2016, 2017)}


def test_what_was_made_before_the_first_tick_is_not_lost(world):
    world.made("fused_stack", "ghsl_labels", year=2015)
    world.tick()
    assert "training_samples here|2015" in world.tick()


def test_model_and_evaluation_lead_to_the_maps_of_every_year_that_has_a_stack(world):
    for year in (2015, 2016, 2017):
        world.made("sentinel2_composite", "night_lights_composite", "fused_stack", year=year)
    world.made("ghsl_labels", "training_samples", year=2015)
    world.tick()
    assert {"built_up_model here|2015", "model_evaluation here|2015"} <= world.tick()
    world.made("built_up_model", year=2015)
    assert not any("prediction" in name for name in world.tick())
    world.made("model_evaluation", year=2015)
    assert {"built_up_prediction here|2016", "built_up_prediction here|2017"} <= world.tick()


@pytest.mark.slow
def test_what_finishes_while_a_tick_is_under_way_is_not_made_twice(tmp_path, monkeypatch):
    """Between the moment when a tick learns what was made, and the one when it asks what is in progress."""
    begun, go_on, finished = Event(), Event(), Event()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance, ThreadPoolExecutor(1) as pool:
        world = World(instance)
        world.made("sentinel2_composite", "night_lights_composite", "fused_stack", "ghsl_labels", year=2015)
        world.made("training_samples", year=2015)
        world.tick()
        assert "model_evaluation here|2015" in world.tick()
        world.bodies["model_evaluation"] = lambda: (begun.set(), go_on.wait(20))
        run = pool.submit(world.made, "model_evaluation", year=2015)
        assert begun.wait(600)
        assert "model_evaluation here|2015" not in world.tick(), "it is being made"
        learn = CachingInstanceQueryer.prefetch_asset_records

        def learn_and_then_finish(queryer, keys):
            learn(queryer, keys)
            go_on.set()
            run.result(600)
            finished.set()

        with monkeypatch.context() as patch:
            patch.setattr(CachingInstanceQueryer, "prefetch_asset_records", learn_and_then_finish)
            requested = world.tick()
        assert finished.is_set()
        assert "model_evaluation here|2015" not in requested | world.tick() | world.tick()


def test_a_new_composite_makes_its_stack_again(world):
    world.made("night_lights_composite", year=2015)
    world.made("sentinel2_composite", "night_lights_composite", "fused_stack", year=2016)
    world.tick()
    world.made("sentinel2_composite", year=2016)
    assert world.tick() == {"fused_stack here|2016"}


def test_the_trend_waits_for_the_maps_of_all_years(world):
    for year in (2015, 2016, 2017):
        world.made("sentinel2_composite", "night_lights_composite", "fused_stack", year=year)
    world.made("ghsl_labels", "training_samples", "built_up_model", "model_evaluation", year=2015)
    world.made("built_up_prediction", year=2016)
    assert not {"built_up_trend here", "built_up_change here"} & world.tick()
    world.made("built_up_prediction", year=2017)
    assert {"built_up_trend here", "built_up_change here"} <= world.tick()
