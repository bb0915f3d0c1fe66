"""What a patch may hold."""

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.corpus.layout import Layout


def test_level_2a_has_twelve_bands_and_level_1c_thirteen():
    assert len(Layout(252).bands) == 12 and "B10" not in Layout(252).bands
    assert len(Layout(252, "sentinel2_l1c").bands) == 13
    shapes = {part.name: part.shape for part in Layout(252).parts}
    assert shapes == {
        "b10": (4, 252, 252), "b20": (6, 126, 126), "b60": (2, 42, 42), "scl": (126, 126), "radar": (2, 252, 252),
    }  # fmt: skip
    assert "scl" not in {part.name for part in Layout(252, "sentinel2_l1c").parts}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"size": 256}, "choose 252 or 258"),
        ({"size": 0}, "multiple of 6"),
        ({"size": 252, "bands": ("B02", "B10")}, "use sentinel2_l1c for B10"),
        ({"size": 252, "radar": "sentinel2_l2a"}, "sentinel1_grd or sentinel1_rtc"),
    ],
)
def test_what_cannot_be_is_refused_by_name(said, told):
    with pytest.raises(FusionError, match=told):
        Layout(**said)


def test_a_layout_comes_back_as_it_was_written():
    layout = Layout(24, "sentinel2_l1c", "sentinel1_grd", ("B10", "B02"))
    assert layout.bands == ("B02", "B10")
    assert Layout.of(layout.to_dict()) == layout and layout.digest != Layout(24).digest
