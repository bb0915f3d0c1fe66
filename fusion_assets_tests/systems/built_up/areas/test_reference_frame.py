"""Whether a sample stands for the whole region: what is missing is said, and honest designs pass."""

import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.probability_sample import draw_points, strata_of
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.built_up.areas.reference_checks import checked_reference

STRATA = ("built_up", "near", "rest")
GRID = Grid("EPSG:32645", Affine(1000, 0, 460_000, 0, -1000, 3_000_000), 50, 60)
YEARS = (2016, 2017, 2018)
WHOLE = np.ones(GRID.shape, bool)


def outline():
    west, south, east, north = GRID.bounds
    corners = [(west + 50, south + 50), (east - 50, south + 50), (east - 50, north - 50), (west + 50, north - 50)]
    return shapely.Polygon([to_lonlat(GRID.crs).transform(*corner) for corner in corners])


def a_map(shift=0):
    """Towns on a tenth of the region; another year's map has them elsewhere and larger."""
    built = np.zeros(GRID.shape, bool)
    built[10 : 25 + shift, 10 + shift : 30 + shift] = True
    return built


def drawn(shift=0, seed=0, points=300, inside=WHOLE):
    return draw_points(GRID, strata_of(a_map(shift), inside), points, seed, "built_up")


def yearly(each):
    """A table of what `each(k)` gives for the k-th year."""
    return pd.concat([each(k).assign(year=year, label=0) for k, year in enumerate(YEARS)], ignore_index=True)


def panel():
    return yearly(lambda k: drawn())


def checked(table, wider=False):
    table = table.reset_index(drop=True)
    return checked_reference(table, "points.csv", GRID, outline(), YEARS, region="here", wider=wider)


def in_2017(table, stratum=None):
    return (table["year"] == 2017) & ((table["stratum"] == stratum) | (stratum is None))


@pytest.mark.parametrize("wider", [False, True])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t[~in_2017(t, "near")], ["stratum near stands for 0 km² in 2017", "100.0% are lacking"]),
        (lambda t: t.drop(t[in_2017(t)].sample(frac=0.18, random_state=0).index), ["in 2017", "2016", "lacking"]),
        (lambda t: t.drop(t[in_2017(t, "built_up")].index[::2]), ["stratum built_up", "in 2017", "50.0% are lacking"]),
    ],
)
def test_what_is_missing_from_a_panel_is_named_by_stratum_and_year(spoil, words, wider):
    with pytest.raises(FusionError) as caught:
        checked(spoil(panel()), wider)
    assert all(word in caught.value.found for word in words), caught.value.found
    assert "inclusion_probability" in caught.value.remedy and "2018" not in caught.value.found.split("stratum")[0]


def test_points_drawn_around_a_hole_do_not_stand_for_the_region():
    known = WHOLE.copy()
    known[:, :9] = False
    with pytest.raises(FusionError, match=r"points of 2016 stand for 25.. km², and the region has 29.. km² .*lacking"):
        checked(yearly(lambda k: drawn(inside=known)))


def test_rows_lost_from_a_single_years_own_sample_are_noticed_too():
    fresh = yearly(lambda k: drawn(shift=k, seed=k))
    with pytest.raises(FusionError, match=r"points of 2017 stand for .* lacking"):
        checked(fresh.drop(fresh[in_2017(fresh)].index[::8]))


def simple_random(seed, n=150):
    index = np.random.default_rng(seed).choice(WHOLE.size, n, replace=False)
    x, y = GRID.centres()
    place = {"x": x[index % GRID.width], "y": y[index // GRID.width]}
    return pd.DataFrame(place | {"stratum": "all", "inclusion_probability": n / WHOLE.size})


def by_size(seed, n=200):
    """Systematic, with probability in proportion to something that varies ninefold."""
    size = np.random.default_rng(9).uniform(0.5, 4.5, WHOLE.size)
    rng = np.random.default_rng(seed)
    order, chance = rng.permutation(WHOLE.size), n * size / size.sum()
    index = order[np.searchsorted(np.cumsum(chance[order]), rng.random() + np.arange(n))]
    x, y = GRID.centres()
    place = {"x": x[index % GRID.width], "y": y[index // GRID.width]}
    return pd.DataFrame(place | {"stratum": "all", "inclusion_probability": chance[index]})


def without_unusable(table, year, share):
    """Points taken out of every stratum of a year, and probabilities lowered as the remedy says."""
    out = []
    for _, rows in table[table["year"] == year].groupby("stratum"):
        out += list(rows.sample(frac=share, random_state=1).index)
        left = 1 - round(share * len(rows)) / len(rows)
        table.loc[rows.index, "inclusion_probability"] *= left
    return table.drop(out)


def half_exchanged(k):
    """Half of each stratum's places stay, half are drawn anew each year."""
    parts = []
    for stratum in STRATA:
        stay, new = (table[table["stratum"] == stratum] for table in (drawn(), drawn(seed=10 + k)))
        half = len(stay) // 2
        both = pd.concat([stay.iloc[:half], new.iloc[half : len(stay)]]).drop_duplicates(["x", "y"])
        chance = both["inclusion_probability"] * len(both) / len(stay)
        parts.append(both.assign(inclusion_probability=chance))
    return pd.concat(parts)


@pytest.mark.parametrize(
    "table",
    [
        panel(),
        panel().assign(area_km2=1.0),  # of pixels as the projection has them
        yearly(lambda k: drawn(shift=2 * k, seed=k)),
        yearly(lambda k: drawn(shift=2 * k, seed=k, points=250 + 50 * k)),
        yearly(lambda k: drawn(shift=2 * k, points=2000)),  # most places are common, by chance
        yearly(lambda k: simple_random(0)),
        yearly(simple_random),
        yearly(by_size),
        without_unusable(panel(), 2017, 0.15),
        without_unusable(panel(), 2016, 0.4),
        yearly(half_exchanged),
    ],
    ids=["panel", "nominal area", "fresh", "other numbers", "many", "simple", "simple, fresh", "by size", "taken out",
         "many taken out", "rotating"],
)  # fmt: skip
def test_honest_designs_pass(table):
    assert len(checked(table)) == len(table)


def with_chance(table, factor, rows):
    """A table some of whose inclusion probabilities are wrong by a factor."""
    return table.assign(inclusion_probability=table["inclusion_probability"].where(~rows, lambda p: p * factor))


def first_of(table, count=1, stratum="near", year=2017):
    """The first points of a stratum in a year."""
    own = (table["year"] == year) & (table["stratum"] == stratum)
    return own & (own.cumsum() <= count)


@pytest.mark.parametrize("wider", [False, True])
@pytest.mark.parametrize("factor", [1 / 300, 1e-4])
def test_a_weight_does_not_widen_what_it_is_measured_against(factor, wider):
    table = panel()
    with pytest.raises(FusionError, match=r"row 3\d\d \(x .*, year 2017, stratum near: \d+ km²\)"):
        checked(with_chance(table, factor, first_of(table)), wider)


def test_several_heavy_points_outside_a_region_do_not_hide_each_other():
    table = panel()
    table["x"] += 200_000 * first_of(table, 2)
    with pytest.raises(FusionError, match=r"outweighs the rest of its stratum .* row 3\d\d .*, 3\d\d "):
        checked(with_chance(table, 1e-5, first_of(table, 2)), wider=True)


def test_a_point_too_light_to_dominate_is_still_named_where_the_region_is_too_large():
    table = yearly(lambda k: drawn(shift=2 * k, seed=k))
    rows = first_of(table, stratum="rest")
    with pytest.raises(FusionError, match=r"too much\), all of it by row \d+ \(x .*, year 2017, stratum rest: "):
        checked(with_chance(table, 1 / 15, rows))


def test_uneven_weights_do_not_excuse_any_total():
    table = yearly(by_size)
    few = table.groupby("year").cumcount() < 12
    with pytest.raises(FusionError, match=r"points of 2016 stand for .* too much"):
        checked(with_chance(table, 1 / 15, few))
    with pytest.raises(FusionError, match=r"stratum all .* in 2017 .* lacking"):
        checked(with_chance(table.assign(**panel_places(table)), 1 / 15, few & (table["year"] == 2016)), wider=True)


def panel_places(table):
    """Coordinates of the first year's points, for every year."""
    return {name: np.tile(table.loc[table["year"] == 2016, name], len(YEARS)) for name in ("x", "y")}


def part_of_the_sampled_area(table):
    """A region of 25 by 30 pixels that a sample of the whole grid serves as well."""
    grid = GRID.window(10, 5, 25, 30)
    (west, south, east, north), to_degrees = grid.bounds, to_lonlat(GRID.crs)
    corners = [(west + 50, south + 50), (east - 50, south + 50), (east - 50, north - 50), (west + 50, north - 50)]
    area = shapely.Polygon([to_degrees.transform(*corner) for corner in corners])
    return checked_reference(table, "points.csv", grid, area, YEARS, region="here", wider=True)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (lambda p: 1.0, r"of 2016 within the region stand for \d+ km², and the region has 7.. km² \(.* are lacking"),
        (lambda p: (p * 10).clip(upper=1), r"are lacking"),
        (lambda p: p / 10, r"of 2016 within the region stand for \d+ km², and the region has 7.. km² \(.* too much"),
    ],
)
def test_the_points_of_a_wider_sample_stand_for_the_region_that_they_lie_in(changed, found):
    table = panel()
    wrong = table.assign(inclusion_probability=changed(table["inclusion_probability"]))
    with pytest.raises(FusionError, match=found):
        part_of_the_sampled_area(wrong)


@pytest.mark.slow
def test_honest_samples_of_a_wider_area_pass_whatever_is_drawn():
    for seed in range(20):
        table = yearly(lambda k, seed=seed: drawn(seed=seed))
        assert 0 < part_of_the_sampled_area(table)["inside"].sum() < len(table)


def test_honest_samples_with_uneven_chances_pass_whatever_is_drawn():
    for seed in range(20):
        table = yearly(lambda k, seed=seed: by_size(10 * seed + k))
        assert len(checked(table)) == len(table)
