"""Text of people in plots: drawn as it is, or not at all."""

import warnings

import pytest

from fusion_assets.reports.figures import drawn, new_figure, png


@pytest.mark.parametrize(
    ("text", "expected"),
    [("São Paulo", "São Paulo"), ("Łódź", "Łódź"), ("北京", "here"), ("US$ 5 $", r"US\$ 5 \$")],
)
def test_a_name_is_drawn_where_the_font_has_its_letters(text, expected):
    assert drawn(text, "here") == expected
    figure = new_figure(2, 2)
    figure.suptitle(drawn(text, "here"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png(figure)
