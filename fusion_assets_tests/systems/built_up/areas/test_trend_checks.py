"""The checks of the trend: which tables they warn about."""

import pandas as pd
import pytest

from fusion_assets.orchestration.site import Site
from fusion_assets.settings import Settings
from fusion_assets.systems.built_up.defs.checks import built_up_checks
from fusion_assets_tests.orchestration.test_definitions import study


@pytest.mark.parametrize(
    ("name", "areas", "share", "passed"),
    [
        ("no_area_jumps", [100, 108, 101], 1.0, True),
        ("no_area_jumps", [100, 108, 130], 1.0, False),
        ("no_area_jumps", [0, 0, 0], 1.0, False),
        ("no_area_jumps", [100], 1.0, True),
        ("valid_in_all_years", [100, 101], 0.9, True),
        ("valid_in_all_years", [100, 101], 0.3, False),
    ],
)
def test_trend_checks(name, areas, share, passed):
    chosen = study()
    checks = built_up_checks(Site(chosen, Settings(), lambda asset, region, year: {}))
    (check,) = (c for c in checks if [spec.name for spec in c.check_specs] == [name])
    years = [2016 + k for k in range(len(areas))]
    table = pd.DataFrame({"year": years, "mapped_km2": areas, "share": share}).astype({"mapped_km2": float})
    assert check(built_up_trend=(table, {})).passed is passed
