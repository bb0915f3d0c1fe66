"""Partitions of other dimensions than region and year, and assets without any: stored, planned, made, looked at."""

import dagster as dg
import pytest

from fusion_assets.cli.runner import foreseen_steps, run_steps
from fusion_assets.cli.steps import plan
from fusion_assets.cli.verification import verdict
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.orchestration.io_managers import io_managers
from fusion_assets.orchestration.partitions import Axis, dimension_names, dimensions_of, regions_by_years
from fusion_assets.settings import Settings
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.small_maps import small_study

RUNS = dg.MultiPartitionsDefinition(
    {"configuration": Axis("configuration", ["all.0", "all.1"]), "seed": Axis("seed", ["0", "1"])}
)


class Small:
    """Trainings by configuration and seed, figures by configuration, a study of all, and maps that rest on it."""

    def __init__(self, folder):
        self.study = small_study()
        settings = Settings.from_environment({"storage": str(folder / "data"), "archive": "unused"})
        self.site = site_of(SYSTEMS, self.study, settings).of("zones")
        self.given = {"all.0|0": 1}
        self.definitions = dg.Definitions(
            assets=self.assets(),
            resources=io_managers(settings.storage, self.site.facts),
            executor=dg.in_process_executor,
        )

    def assets(self):
        regions = regions_by_years([region.name for region in self.study.regions], self.study.prediction_years)
        by_year = dg.MultiToSingleDimensionPartitionMapping("year")
        by_configuration = dg.MultiToSingleDimensionPartitionMapping("configuration")

        @self.site.asset("documents", RUNS, ["1"])
        def training(configuration: str, seed: str):
            """A training."""
            if configuration == "all.1" and seed == "1" and self.given.get("broken"):
                raise FusionError("a loss that is no number", "a number", "begin anew")
            return dg.Output({"of": f"{configuration} {seed}"})

        @self.site.asset(
            "documents",
            Axis("configuration", ["all.0", "all.1"]),
            ["1"],
            ins={"training": dg.AssetIn(partition_mapping=by_configuration)},
        )
        def scores(configuration: str, training: dict):
            """Figures."""
            return dg.Output({"of": sorted(training)})

        @self.site.asset("documents", None, ["1"])
        def answer(scores: dict):
            """All figures."""
            return dg.Output({"of": sorted(scores)})

        @self.site.asset("documents", Axis("year", list(map(str, self.study.prediction_years))), ["1"])
        def season(year: int, answer: dict):
            """What holds for a year."""
            return dg.Output({"of": [year, *answer["of"]]})

        @self.site.asset("documents", regions, ["1"], ins={"season": dg.AssetIn(partition_mapping=by_year)})
        def zones(region: str, year: int, season: dict, answer: dict):
            """A map."""
            return dg.Output({"of": [region, year, *season["of"]]})

        return [training, scores, answer, season, zones]

    def run(self, instance, **wanted):
        steps = plan(self.definitions, self.study, **wanted)
        outcomes = list(run_steps(self.definitions, instance, self.site.managers, steps, lambda *place: None))
        return {outcome.step.name: outcome.state for outcome in outcomes}

    def stored(self, asset, region=None, year=None, **others):
        return self.site.managers["documents"].load(Artifact(asset, region, year, others))


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path)


def test_names_of_dimensions():
    assert dimension_names(RUNS) == ("configuration", "seed")
    assert dimensions_of("all.1|0", RUNS) == {"configuration": "all.1", "seed": "0"}
    assert dimension_names(None) == () and dimensions_of(None, None) == {}
    artifact = Artifact.of(dg.AssetKey("training"), "all.1|0", RUNS)
    assert (artifact.region, artifact.year, artifact.partition) == (None, None, "all.1|0")
    assert artifact.command == "fusion run --select training"


def test_all_is_made_once_and_found_again(small):
    with dg.DagsterInstance.ephemeral() as instance:
        steps = plan(small.definitions, small.study)
        told = list(foreseen_steps(small.definitions, instance, small.site.managers, steps, lambda *place: None))
        assert {each.state for each in told} == {"missing"}
        made = small.run(instance)
        assert set(made.values()) == {"made"} and "answer" in made and "training all.1|0" in made
        assert set(small.run(instance).values()) == {"fresh"}
        assert {verdict(step, instance, small.site.managers)[0] for step in steps} == {"as made"}
    assert small.stored("scores", configuration="all.0")["of"] == ["all.0|0", "all.0|1"]
    assert small.stored("answer")["of"] == ["all.0", "all.1"]
    assert small.stored("zones", "west", "2017")["of"] == ["west", 2017, 2017, "all.0", "all.1"]
    root = small.site.managers["documents"].storage
    assert root.exists(f"{root.root}/training/all.0/1.json") and root.exists(f"{root.root}/answer.json")


def test_what_is_of_all_regions_or_years_waits_for_a_plan_with_all(small):
    names = [step.name for step in plan(small.definitions, small.study, regions=["west"])]
    assert names == [f"zones west|{year}" for year in small.study.prediction_years]
    names = [step.name for step in plan(small.definitions, small.study, years=[2016])]
    assert names == ["season 2016", *(f"zones {region.name}|2016" for region in small.study.regions)]
    with pytest.raises(FusionError, match="leave --region out"):
        plan(small.definitions, small.study, regions=["west"], select="answer")


def test_a_failure_stops_what_rests_on_it_alone(small):
    small.given["broken"] = True
    with dg.DagsterInstance.ephemeral() as instance:
        made = small.run(instance)
        assert [name for name, state in made.items() if state == "failed"] == ["training all.1|1"]
        assert made["scores all.0"] == "made" and made["scores all.1"] == "skipped" and made["answer"] == "skipped"
        steps = plan(small.definitions, small.study)
        told = list(foreseen_steps(small.definitions, instance, small.site.managers, steps, lambda *place: None))
        assert {each.step.name: each.state for each in told}["training all.1|1"] == "failed"
        small.given.clear()
        assert set(small.run(instance).values()) == {"made", "fresh"}
