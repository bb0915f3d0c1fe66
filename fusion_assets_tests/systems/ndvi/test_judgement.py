"""What is said where the method is worse than a straight line."""

import pandas as pd
import pytest

from fusion_assets.systems.ndvi.defs.checks import no_worse_result
from fusion_assets.systems.ndvi.judgement import worse_than_interpolation


def _evaluation(**errors):
    rows = [(name, "within", gap, rmse, 100) for name, of in errors.items() for gap, rmse in of.items()]
    return pd.DataFrame(rows, columns=["estimator", "position", "gap_days", "rmse", "n"])


@pytest.mark.parametrize(
    ("fused", "words"),
    [
        ({0: 0.05, 60: 0.10}, ""),
        ({0: 0.05, 60: 0.1029}, ""),
        ({0: 0.05, 60: 0.106}, "by 6% in gaps of 60 days (0.106 against 0.100)"),
        ({0: 0.06, 60: 0.106}, "by 20% in single scenes (0.060 against 0.050), by 6% in gaps of 60 days"),
    ],
)
def test_losses_beyond_a_tie_are_said(fused, words):
    lost = worse_than_interpolation(_evaluation(fused=fused, interpolation={0: 0.05, 60: 0.1}), "fused")
    assert words in lost and bool(lost) == bool(words)
    result = no_worse_result(lost)
    assert result.passed == (not words) and (result.description or "") == lost


def test_interpolation_is_not_compared_with_itself():
    assert not worse_than_interpolation(_evaluation(interpolation={0: 0.05}), "interpolation")
    assert not worse_than_interpolation(_evaluation(whittaker={0: 0.05}), "fused")
