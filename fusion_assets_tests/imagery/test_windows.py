"""What overlaps a window of time."""

import datetime as dt

import pytest

from fusion_assets.imagery.windows import bounds, overlaps

YEAR = (dt.date(2019, 1, 1), dt.date(2019, 12, 31))


def moment(text):
    return dt.datetime.fromisoformat(text)


def test_a_window_lasts_from_midnight_to_midnight():
    assert bounds(YEAR) == (moment("2019-01-01T00:00:00+00:00"), moment("2020-01-01T00:00:00+00:00"))


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        ("2019-01-01T00:00Z", "2020-01-01T00:00Z", True),
        ("2018-01-01T00:00Z", "2019-01-01T00:00Z", False),
        ("2020-01-01T00:00Z", "2021-01-01T00:00Z", False),
        ("2018-01-01T00:00Z", "2018-12-31T23:59:59Z", False),
        ("2018-01-01T00:00Z", "2019-01-01T00:00:01Z", True),
        ("2019-12-31T00:00Z", "2020-12-31T00:00Z", True),
        ("2015-01-01T00:00Z", "2025-01-01T00:00Z", True),
        ("2018-12-31T20:00-02:00", "2019-01-01T02:00+02:00", False),
        ("2019-01-01T00:00Z", "2019-01-01T00:00Z", True),
        ("2020-01-01T00:00Z", "2020-01-01T00:00Z", False),
        ("2019-12-31T23:59:59.5Z", "2019-12-31T23:59:59.5Z", True),
        ("2020-01-01T01:00+02:00", "2020-01-01T01:00+02:00", True),
    ],
)
def test_ends_are_exclusive_and_instants_belong_to_the_window_they_begin(start, end, inside):
    assert overlaps(moment(start), moment(end), *bounds(YEAR)) is inside
