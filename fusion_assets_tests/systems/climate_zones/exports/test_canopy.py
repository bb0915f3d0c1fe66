import pandas as pd

from fusion_assets.systems.climate_zones.exports.canopy import (
    COLUMNS,
    W2W,
    canopy_parameters,
    write_canopy_parameters,
    write_w2w_parameters,
)
from fusion_assets.systems.climate_zones.legend import BUILT, SIGNS

TABLE = canopy_parameters()


def test_ranges_of_all_zones_are_ordered_and_possible():
    assert list(TABLE["sign"]) == list(SIGNS)
    for name in COLUMNS:
        low, high = TABLE[f"{name}_low"], TABLE[f"{name}_high"]
        assert not (low > high).any()
        if name.endswith("share") or name in ("sky_view", "albedo"):
            assert low.between(0, 1).all() and high.between(0, 1).all()
    shares = [f"{name}_share" for name in ("building", "impervious", "pervious")]
    assert (TABLE[[f"{name}_low" for name in shares]].sum(axis=1) <= 1).all()
    assert (TABLE[[f"{name}_high" for name in shares]].sum(axis=1) >= 1).all()


def test_values_of_w2w_lie_within_the_published_ranges():
    built = TABLE[:BUILT].fillna({"height_m_high": 1000, "aspect_ratio_high": 10})
    assert built["BLDFR_URB2D"].between(built["building_share_low"], built["building_share_high"]).all()
    assert built["H2W"].between(built["aspect_ratio_low"], built["aspect_ratio_high"]).all()
    paved = 1 - built["FRC_URB2D"]  # what is neither built nor paved
    assert paved.between(built["pervious_share_low"], built["pervious_share_high"]).all()
    # Of lightweight buildings, W2W's are higher than those that the paper saw.
    heights = built[built["sign"] != "7"]
    assert heights["MH_URB2D"].between(heights["height_m_low"], heights["height_m_high"]).all()
    assert (built["MH_URB2D_MIN"] < built["MH_URB2D"]).all() and (built["MH_URB2D"] < built["MH_URB2D_MAX"]).all()


def test_tables_as_files(tmp_path):
    write_canopy_parameters(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), TABLE)
    write_w2w_parameters(tmp_path / "b.csv")
    theirs = pd.read_csv(tmp_path / "b.csv", index_col=0)
    assert list(theirs.columns) == list(W2W) and list(theirs.index) == list(range(1, 18))
    assert theirs.loc[15, "FRC_URB2D"] == 0.95 and not theirs.loc[[11, 12, 13, 14, 16, 17]].to_numpy().any()
