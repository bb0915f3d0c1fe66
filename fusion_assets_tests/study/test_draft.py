"""What a new study takes from archives that hold several products."""

import pytest
from shapely.geometry import box

from fusion_assets.imagery.engines.archive import holdings
from fusion_assets.imagery.engines.archive.holdings import Holding
from fusion_assets.study import draft


def held(product, first, last):
    return Holding(product, box(0, 0, 1, 1), first, last, 10)


@pytest.mark.parametrize(
    ("annual", "chosen"),
    [((2015, 2022), "viirs_annual"), ((2022, 2022), "viirs_monthly")],
    ids=["the better of two", "the one of the same years"],
)
def test_lights_are_those_that_share_years_with_the_optics(annual, chosen, monkeypatch):
    products = {
        "sentinel2": [held("sentinel2_l2a", 2015, 2019), held("landsat_c2_l2", 2022, 2022)],
        "night_lights": [held("viirs_monthly", 2015, 2019), held("viirs_annual", *annual)],
        "labels": [held("ghsl_smod_p2016", 2015, 2015)],
    }
    monkeypatch.setattr(holdings, "holdings", lambda archive, role: products[role])
    used = draft.holdings_of(dict.fromkeys(products, "catalog.json"))
    assert [each.product for each in used.values()] == ["sentinel2_l2a", chosen, "ghsl_smod_p2016"]
    assert draft.years_of(used) == (2015, 2015, 2019)
