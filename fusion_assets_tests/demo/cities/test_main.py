"""The cities' command line."""

import sys

import pytest

from fusion_assets.demo.cities import __main__ as command


def test_options_reach_the_build_and_errors_are_told(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(command, "build", lambda *given, **named: asked.append((given, named)) or given[0])
    monkeypatch.setattr(sys, "argv", ["cities", str(tmp_path / "one"), "--seed", "7", "--shift", "0", "--clean"])
    command.main()
    assert asked == [((tmp_path / "one", 7), {"cities": 12, "shift": 0.0, "noise": False})]
    assert capsys.readouterr().out.strip() == str(tmp_path / "one")
    monkeypatch.undo()
    monkeypatch.setattr(sys, "argv", ["cities", str(tmp_path / "two"), "--cities", "2"])
    with pytest.raises(SystemExit):
        command.main()
    assert "2 synthetic cities" in capsys.readouterr().err and not (tmp_path / "two").exists()
