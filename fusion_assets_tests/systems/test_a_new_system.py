"""The system that docs/development.md shows: it appears everywhere, and no file of the package changes for it."""

import re
from pathlib import Path

import pystac
import pytest
import yaml

from fusion_assets.cli import doctor, main, run
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.demo_study import demo_study

PAGE = Path(__file__).parents[2] / "docs" / "development.md"


@pytest.fixture(scope="module")
def systems():
    """Those there are, and the one of the page."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(code.splitlines()) <= 75
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return (*SYSTEMS, names["BRIGHTNESS"])


@pytest.fixture
def person(systems, tmp_path, catalog, monkeypatch, capsys):
    """Someone at the command line, with a study of two years: the output of a command that ends well."""
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(demo_study(catalog)))
    for name, value in {
        "FUSION_STUDY": tmp_path / "study.yaml",
        "FUSION_ARCHIVE": catalog,
        "FUSION_STORAGE": tmp_path / "data",
        "DAGSTER_HOME": tmp_path / "home",
    }.items():
        monkeypatch.setenv(name, str(value))
    for module in (main, run, doctor):
        monkeypatch.setattr(module, "SYSTEMS", systems)

    def type_in(*words):
        code = main.main(words)
        output = capsys.readouterr()
        assert code == 0, output
        return output.out

    return type_in


def test_the_code_location_has_its_assets_and_its_job(person, systems):
    definitions = build_definitions(systems)
    names = {asset.key.to_user_string() for asset in definitions.assets}
    assert {"brightness", "brightness_mean", "built_up_prediction"} <= names
    assert "brighten" in {job.name for job in definitions.jobs}


def test_it_is_run_looked_at_summed_up_and_published(person, tmp_path):
    assert "nothing is needed but red" in person("doctor")
    chosen = ("--select", "+group:brightness")
    foreseen = person("status", *chosen)
    assert "missing brightness here|2015: not made yet" in foreseen and "9 missing" in foreseen
    assert person("run", "--dry-run", *chosen) == foreseen
    made = person("run", *chosen)
    assert "9 made" in made and "made brightness here|2015" in made
    assert "9 fresh" in person("status", *chosen)
    means = re.findall(r"brightness in (\d+): (0\.\d+)", person("brightness"))
    assert [year for year, _ in means] == ["2015", "2016"] and all(0.01 < float(mean) < 0.5 for _, mean in means)

    catalog = pystac.Catalog.from_file(str(tmp_path / "data" / "stac" / "catalog.json"))
    (collection,) = catalog.get_children()
    assert collection.id == "small-brightness" and len(list(collection.get_items(recursive=True))) == 2


def test_the_command_line_names_its_command(person, capsys):
    with pytest.raises(SystemExit):
        main.main(["--help"])
    assert "brightness" in capsys.readouterr().out
