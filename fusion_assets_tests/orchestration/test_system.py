"""What systems and commands share: years as people write them."""

from argparse import ArgumentTypeError

import pytest

from fusion_assets.orchestration.system import years_of


def test_years_are_read_as_people_write_them():
    assert years_of("2016") == [2016] and years_of("2018,2016-2017") == [2016, 2017, 2018]


@pytest.mark.parametrize(
    ("text", "words"),
    [("2020-2019", "ends before it begins; write 2019-2020"), ("x", "not a year"), ("20", "not a year")],
)
def test_what_is_no_year_is_told(text, words):
    with pytest.raises(ArgumentTypeError, match=words):
        years_of(text)
