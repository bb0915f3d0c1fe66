"""`fusion verify`: a small study's maps, changed in every way in which files of a storage change."""

import argparse
import json
import os
import re

import dagster as dg
import pytest
from rich.console import Console

from fusion_assets.cli import interruption, run, verification
from fusion_assets.cli.steps import plan
from fusion_assets.cli.verification import foreign, odd_operations, verdict
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.settings import Settings
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.orchestration.test_content_records import aged, overwritten
from fusion_assets_tests.small_maps import small_study, store_map


@pytest.fixture
def site(tmp_path):
    settings = Settings.from_environment({"storage": str(tmp_path / "data"), "archive": "unused"})
    study = small_study()
    for year in study.prediction_years:
        store_map(study, settings, "west", year)
    return site_of(SYSTEMS, study, settings)


@pytest.fixture
def steps(site):
    definitions = build_definitions(SYSTEMS, {"study": site.study, "storage": site.settings.storage})
    return plan(definitions, site.study)


def states(site, steps, instance):
    told = {step.name: verdict(step, instance, site.managers) for step in steps}
    return {name: (state, problem) for name, (state, problem) in told.items() if state != "not made yet"}


def recorded(instance, site, year, digest):
    event = dg.AssetMaterialization("built_up_prediction", partition=f"west|{year}", metadata={"digest": digest})
    instance.report_runless_asset_event(event)


def path_of(site, year):
    return f"{site.settings.storage}/built_up_prediction/west/{year}.tif"


def test_what_is_changed_is_named_with_what_to_do(site, steps):
    name = "built_up_prediction west|2016"
    with dg.DagsterInstance.ephemeral() as instance:
        assert {state for state, _ in states(site, steps, instance).values()} == {"not recorded"}
        overwritten(path_of(site, 2016))
        aged(path_of(site, 2016))
        state, problem = states(site, steps, instance)[name]
        assert state == "different" and "as the file says itself" in problem.expected
        assert "fusion run --select built_up_prediction --region west --years 2016" in problem.remedy


def test_a_raster_whose_tags_were_changed_with_it_differs_from_the_record(site, steps):
    with dg.DagsterInstance.ephemeral() as instance:
        recorded(instance, site, 2016, "0" * 64)
        aged(path_of(site, 2016))
        state, problem = states(site, steps, instance)["built_up_prediction west|2016"]
        assert state == "different" and "as recorded" in problem.expected


def test_what_was_made_and_is_not_there_is_missing(site, steps):
    with dg.DagsterInstance.ephemeral() as instance:
        recorded(instance, site, 2099, "0" * 64)
        recorded(instance, site, 2017, "0" * 64)
        site.managers["rasters"].storage.remove(path_of(site, 2017))
        assert states(site, steps, instance)["built_up_prediction west|2017"][0] == "missing"


def test_files_of_nothing_and_odd_operations_are_named(site, steps, tmp_path):
    for name in ("built_up_prediction/west/2031.tif", "other/x.json", "maps/west.png", "maps/elsewhere.png",
                 "built_up_prediction/west/.a.partial"):  # fmt: skip
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "data" / "_operations").mkdir()
    (tmp_path / "data" / "_operations" / "a.json").write_text(json.dumps({"id": "b"}))
    strange = foreign(site, steps, ("_operations",))
    assert [name.removeprefix(f"{tmp_path}/data/") for name in strange] == [
        "built_up_prediction/west/2031.tif",
        "maps/elsewhere.png",
        "other/x.json",
    ]
    (tmp_path / "data" / "_ingestions").mkdir()
    (tmp_path / "data" / "_ingestions" / "c.json").write_text(json.dumps({"id": "d"}))
    export, upload = odd_operations(site)
    assert "_operations/a.json" in export.found and "_ingestions/c.json" in upload.found


@pytest.fixture
def verified(site, steps, tmp_path, monkeypatch):
    """`fusion verify` of the small study: its exit code."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    prepared = run.Prepared(site, build_definitions(SYSTEMS, {"study": site.study}), steps, lambda *asked: None)
    monkeypatch.setattr(run, "prepare", lambda *asked: prepared)
    return lambda: verification.verify(argparse.Namespace(region=[], years=[], select=""))


def test_a_signal_ends_it_before_the_next_artifact(verified, monkeypatch):
    monkeypatch.setattr(interruption, "_noted", [2])
    monkeypatch.setattr(verification, "verdict", lambda *of: pytest.fail("looked"))
    with pytest.raises(KeyboardInterrupt):
        verified()


def test_a_bar_is_drawn_on_a_terminal_alone(verified, steps, capsys, monkeypatch):
    assert verified() == 0
    assert re.fullmatch("study two: .*\n", capsys.readouterr().out)
    monkeypatch.setattr(run, "screen", lambda: Console(force_terminal=True))
    assert verified() == 0
    assert f"{len(steps)}/{len(steps)}" in capsys.readouterr().out


def test_names_of_files_steer_no_terminal_and_break_no_line(verified, tmp_path, capsys):
    for folder in ("other", "_operations"):
        (tmp_path / "data" / folder).mkdir()
        name = os.fsencode(tmp_path / "data" / folder) + b"/\x1b[2Jodd\n\xff\x9b.json"
        with open(name, "wb") as file:
            file.write(b"[]")
    assert verified() == 1
    said = capsys.readouterr().out
    assert "/other/odd   .json belongs to nothing" in said and "operation: " in said
    assert all(line.isprintable() for line in said.splitlines())
