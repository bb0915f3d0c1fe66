"""Who is waited for, how long, and what is told meanwhile."""

import logging
import subprocess
import sys
import time
from functools import partial

import pytest

from fusion_assets.errors import Unreachable
from fusion_assets.imagery import retries
from fusion_assets.imagery.retries import bounded, deadline


def test_long_waits_are_told_by_whom_and_since_when(monkeypatch, caplog):
    monkeypatch.setattr(retries, "HEARTBEAT_SECONDS", 0.05)
    with caplog.at_level(logging.WARNING), deadline(5):
        assert bounded(lambda: time.sleep(0.3) or 5, "https://user:secret@host/a") == 5
    told = [record.getMessage() for record in caplog.records]
    assert 2 <= len(told) <= 6 and all("waiting for https://host/a: " in text for text in told)


def test_short_waits_are_not_told(caplog):
    with caplog.at_level(logging.WARNING), deadline(5):
        assert bounded(lambda: 5, "host") == 5
    assert not caplog.records


def test_what_is_left_behind_does_not_keep_a_process_from_ending():
    code = """
import time
from fusion_assets.imagery.retries import bounded, deadline
try:
    with deadline(0.2):
        bounded(lambda: time.sleep(600))
except TimeoutError:
    print("over")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "over\n"


@pytest.mark.parametrize("seconds", [0, -1])
def test_nothing_is_waited_for_when_no_time_is_left(seconds):
    with pytest.raises(TimeoutError), deadline(seconds):
        bounded(lambda: time.sleep(5))


def test_those_who_say_nothing_are_asked_less_often_than_those_who_say_no(monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    asked = []

    def silent(seconds):
        asked.append(seconds)
        time.sleep(seconds)
        raise Unreachable("no answer")

    policy = retries.RetryPolicy(attempts=5, pause=0.01, growth=1, patience=0.3)
    for seconds, times in ((0.0, 5), (0.2, 2)):
        asked.clear()
        with pytest.raises(Unreachable):
            policy.ask(partial(silent, seconds))
        assert len(asked) == times
