"""One short schedule of kills; `python -m fusion_assets_tests.chaos --seed N --kills K` plays longer ones."""

import pytest

from fusion_assets_tests.chaos.__main__ import run
from fusion_assets_tests.chaos.system import LIGHTS

pytestmark = pytest.mark.slow

# (seconds of peace before, victim, which worker and when in its life, seconds until it is started again)
KILLS = [(2, "loopback", 0, 0.5), (9, "machine", 0.3, 0.2)]


def test_what_is_killed_is_made_in_the_end_and_nothing_twice(tmp_path):
    assert run(tmp_path / "system", KILLS, {**LIGHTS, "prediction_years": [2016]}, size_km=12) == []
