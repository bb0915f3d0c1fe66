"""Zones: order, codes and colours."""

from fusion_assets.systems.climate_zones.legend import BUILT, PALETTES, ZONES


def test_zones_are_1_to_10_then_a_to_g_and_codes_begin_at_1():
    assert [zone.sign for zone in ZONES] == [*map(str, range(1, 11)), *"ABCDEFG"]
    assert [zone.sign for zone in ZONES[BUILT:]] == list("ABCDEFG")
    classes = PALETTES["lcz"]
    assert list(classes) == list(range(1, 18))
    assert classes[1].colour == (140, 0, 0) and classes[15].colour == (0, 0, 0)
    assert classes[17] == ("LCZ G: Water", (106, 106, 255))


def test_no_two_zones_look_alike():
    assert len({zone.colour for zone in ZONES}) == len({zone.title for zone in ZONES}) == 17
