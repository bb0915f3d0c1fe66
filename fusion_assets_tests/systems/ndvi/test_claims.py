"""What docs/ndvi.md claims of real places is what was measured: `benchmarks/ndvi_places.csv`."""

import re
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[3]
CASE = ["place", "position", "gap_days"]


def test_the_page_gives_the_range_over_places_and_all_losses():
    table = pd.read_csv(ROOT / "benchmarks" / "ndvi_places.csv")
    rmse = table.pivot(index=CASE, columns="estimator", values="rmse")
    ratio = rmse["fused"] / rmse[["interpolation", "random_forest"]].min(axis=1)
    covered = table[table["estimator"] == "fused"]["coverage"]
    page = " ".join((ROOT / "docs" / "ndvi.md").read_text(encoding="utf-8").split())
    count, places = f"{len(ratio)} kinds of gaps", f"{table['place'].nunique()} places"
    assert f"In {count} on {places}" in page
    assert f"{ratio.min():.2f} to {ratio.max():.2f} times the better" in page
    assert f"hold {covered.min():.0%} to {covered.max():.0%}".replace("%", " %") in page
    assert f"in {(ratio > 1.02).sum()} it loses by more than 2 %" in page
    said = {(place, position, int(days)) for place, position, days in re.findall(r"`(\w+)`, (\w+) (\d+) days", page)}
    assert said == set(ratio[ratio > 1.02].index)
