"""The command line of a world of pairs, and what it refuses."""

import sys

import pytest

from fusion_assets.demo import pairs
from fusion_assets.demo.pairs import __main__ as command
from fusion_assets.errors import FusionError


def test_options_reach_the_build_and_errors_are_told(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(command, "build", lambda *given, **named: asked.append((given, named)) or given[0])
    monkeypatch.setattr(sys, "argv", ["pairs", str(tmp_path / "one"), "--seed", "7", "--world", "1"])
    command.main()
    assert asked == [((tmp_path / "one", 7), {"world": 1, "places": 6})]
    assert capsys.readouterr().out.strip() == str(tmp_path / "one")
    monkeypatch.undo()
    monkeypatch.setattr(sys, "argv", ["pairs", str(tmp_path / "two"), "--world", "2"])
    with pytest.raises(SystemExit):
        command.main()
    assert "world of the pairs = 2" in capsys.readouterr().err and not (tmp_path / "two").exists()


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 0.5}, {"world": 2}, {"places": 0}, {"places": 7}])
def test_parameters_out_of_range_are_refused(wrong, tmp_path):
    with pytest.raises(FusionError):
        pairs.build(tmp_path / "world", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FusionError, match="holds no synthetic pairs"):
        pairs.build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
