"""Numbers with their nouns."""

from fusion_assets.counts import number_of


def test_one_is_no_plural():
    told = [number_of(n, "region") for n in (0, 1, 2, 12345)]
    assert told == ["0 regions", "1 region", "2 regions", "12,345 regions"]
    assert number_of(3, "copy", "copies") == "3 copies" and number_of(1, "copy", "copies") == "1 copy"
