import numpy as np
import pytest

from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.zone_spelling import code_of


@pytest.mark.parametrize("code", range(1, 18))
def test_every_zone_in_every_spelling(code):
    zone = ZONES[code - 1]
    spellings = [
        code, float(code), str(code), f"{code}.0", np.int64(code), zone.sign, zone.sign.lower(), zone.name,
        f"lcz_{zone.sign}", f"LCZ{zone.sign}", f"Class {zone.sign}", zone.title, f"{zone.name}: {zone.title}",
        f" {zone.sign} - {zone.title.upper()} ", zone.title.replace("-", ""),
        zone.title.replace(" or ", "/"),
    ]  # fmt: skip
    if code > 10:
        spellings += [90 + code, str(90 + code), f"LCZ {90 + code}"]
    assert {value: code_of(value) for value in spellings} == dict.fromkeys(spellings, code)


@pytest.mark.parametrize(
    "value",
    [
        0, 20, 100, 108, -3, 2.5, "2.5", np.nan, np.inf, None, True, "", " ", "H", "LCZ", "LCZ 0", "A1", "3-5", "E5",
        "a park near the river", "LCZ 3 to 5", "LCZ 3: Open low-rise", "Untitled polygon", "1e1", "3 3", "²",
    ],
)  # fmt: skip
def test_what_is_no_zone(value):
    assert code_of(value) is None


def test_classes_of_wudapt_that_are_no_zone():
    assert [code_of(value) for value in (18, "19", "LCZ 18")] == [18, 19, 18]
