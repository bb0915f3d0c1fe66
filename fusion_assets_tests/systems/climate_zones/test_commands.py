"""`fusion zones`: commands of two words."""

import pytest

from fusion_assets.cli import main as cli
from fusion_assets_tests.systems.climate_zones import so2sat_files


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    for name in ("FUSION_STUDY", "FUSION_ARCHIVE", "FUSION_STORAGE", "FUSION_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_files_are_told_of(tmp_path, capsys):
    so2sat_files.write_version(tmp_path / "v4", "v4", 34)
    assert cli.main(["zones", "inspect", "v4"]) == 0
    said = capsys.readouterr().out
    assert "So2Sat LCZ42, version 4" in said and "Nothing speaks against learning" in said


def test_what_is_wrong_with_files_is_an_error_after_what_is_told(tmp_path, capsys):
    def swapped(arrays):
        arrays["sen1"] = arrays["sen1"][..., [2, 3, 0, 1, 5, 4, 6, 7]]

    so2sat_files.write_version(tmp_path / "v4", "v4", 34, swapped)
    assert cli.main(["zones", "inspect", "v4"]) == 1
    said = capsys.readouterr()
    assert "SWAPPED" in said.out and said.err.startswith("error: ")


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_folders_without_files_are_refused(tmp_path, folder, capsys):
    (tmp_path / "empty").mkdir()
    assert cli.main(["zones", "inspect", folder]) == 1
    assert folder in capsys.readouterr().err


def test_a_study_without_maps_has_none_to_export(monkeypatch, capsys):
    monkeypatch.setenv("FUSION_STUDY", "demo_zones")
    assert cli.main(["zones", "export", "out", "--domain", "nowhere.nc"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    "words",
    [
        ["zones"],
        ["zones", "inspect"],
        ["zones", "look", "v4"],
        ["zones", "export"],
        ["zones", "export", "a", "--years", "x"],
    ],
)
def test_a_wrong_command_line_says_so(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2 and "usage: fusion zones" in capsys.readouterr().err
