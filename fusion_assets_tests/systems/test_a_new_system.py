"""The system that docs/development.md shows: it appears everywhere, and no file of the package changes for it."""

import re
from pathlib import Path

import pytest
import yaml

from fusion_assets.cli import doctor, main
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.demo_study import demo_study

PAGE = Path(__file__).parents[2] / "docs" / "development.md"


@pytest.fixture(scope="module")
def systems():
    """Those there are, and the one of the page."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(code.splitlines()) <= 55
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
    for module in (main, doctor):
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


def test_it_is_run_looked_at_and_summed_up(person):
    assert "nothing is needed but red" in person("doctor")
    assert "8 made" in person("run", "--select", "+group:brightness")
    means = re.findall(r"brightness in (\d+): (0\.\d+)", person("brightness"))
    assert [year for year, _ in means] == ["2015", "2016"] and all(0.01 < float(mean) < 0.5 for _, mean in means)


def test_the_command_line_names_its_command(person, capsys):
    with pytest.raises(SystemExit):
        main.main(["--help"])
    assert "brightness" in capsys.readouterr().out
