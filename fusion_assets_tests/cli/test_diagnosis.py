"""Findings are collected to the end, whatever a look raises."""

from functools import partial

import pytest

from fusion_assets.cli import interruption
from fusion_assets.cli.diagnosis import Diagnosis
from fusion_assets.errors import FusionError


def raising(error):
    raise error


def test_whatever_a_look_raises_is_a_finding_and_the_others_go_on(monkeypatch):
    monkeypatch.setenv("SH_CLIENT_SECRET", "MARKED-SECRET")
    diagnosis = Diagnosis()
    odd = ValueError("no \x1b[2J of https://user:MARKED-SECRET@host/a\nand more")
    diagnosis.look("odd", partial(raising, odd))
    diagnosis.look("silent", partial(raising, KeyError()))
    diagnosis.look("refused", partial(raising, FusionError("a", "b", "c")))
    diagnosis.look("after odd", lambda: "not reached", "odd")

    def several():
        diagnosis.look("first", lambda: "well")
        raise RecursionError("too deep")

    diagnosis.gather("several", several)
    diagnosis.look("last", lambda: "well")
    found = {finding.subject: finding for finding in diagnosis.findings}
    assert {subject: finding.state for subject, finding in found.items()} == {
        "odd": "FAIL", "silent": "FAIL", "refused": "FAIL", "after odd": "--", "first": "ok", "several": "FAIL",
        "last": "ok",
    }  # fmt: skip
    text = found["odd"].text
    assert text.startswith("could not be looked at: ValueError: no ") and "and more" not in text
    assert text.isprintable() and "MARKED" not in text
    assert found["silent"].text == "could not be looked at: KeyError"
    assert found["refused"].text == "a\n  expected: b\n  to do: c"


def test_a_signal_ends_it_before_the_next_look(monkeypatch):
    monkeypatch.setattr(interruption, "_noted", [2])
    with pytest.raises(KeyboardInterrupt):
        Diagnosis().gather("several", lambda: Diagnosis().look("first", lambda: pytest.fail("looked")))
