"""The judge of malformed input: it sees what it is there to see, and goes on after it."""

import pytest

from fusion_assets_tests.malformed import trial as judge


@pytest.mark.slow
def test_every_verdict_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "SECONDS", 3)
    verdicts = list(judge.trial("examples", seed=0, count=12))
    assert len(verdicts) == 12
    for each in verdicts:
        assert each.name.split()[0] == each.kind, each
