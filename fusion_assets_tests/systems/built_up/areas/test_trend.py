"""Areas by year: the same pixels in all years, honest intervals by simulation, and words that fit the figures."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from scipy.ndimage import gaussian_filter

from fusion_assets.evaluation.area_estimation import Estimate, estimated_change, estimated_ratio, estimated_total
from fusion_assets.evaluation.probability_sample import draw_points, strata_of
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.built_up.areas.measuring import measure
from fusion_assets.systems.built_up.areas.trend import ADJUSTED, MAPPED, built_up_trend
from fusion_assets.systems.built_up.areas.trend_picture import trend_markdown
from fusion_assets.systems.built_up.areas.trend_words import CANNOT_TELL, headline, of_change

GRID = Grid("EPSG:32645", Affine(1000, 0, 460_000, 0, -1000, 3_000_000), 80, 80)
YEARS = (2016, 2017, 2018, 2019)


def outline(grid=GRID):
    west, south, east, north = grid.bounds
    corners = [(west + 50, south + 50), (east - 50, south + 50), (east - 50, north - 50), (west + 50, north - 50)]
    return shapely.Polygon([to_lonlat(grid.crs).transform(*corner) for corner in corners])


def maps(probabilities, grid=GRID, threshold=0.5):
    """Predictions by year."""
    return {
        year: grid.dataset({
            "probability": p.astype("float32"),
            "built_up": np.where(np.isnan(p), np.nan, p >= threshold).astype("float32"),
        })
        for year, p in probabilities.items()
    }  # fmt: skip


def evaluation(n=400, seed=0):
    """Out-of-fold probabilities of a fair model."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.4, 0.8, n)
    return pd.DataFrame({"label": (rng.random(n) < p).astype(int), "probability": p, "block": np.arange(n) % 20})


def world(seed, growth=1.0):
    """Truth by year, noisy probabilities by year that overstate growth, and an old map."""
    rng = np.random.default_rng(seed)

    def field(width):
        values = gaussian_filter(rng.standard_normal(GRID.shape), width)
        return values / values.std()

    land, common = field(3), field(1.5)
    truth = {year: land > 1.0 - 0.035 * growth * k for k, year in enumerate(YEARS)}
    p = {year: 1 / (1 + np.exp(-(3 * (land - 1) + 0.4 * k + common + 0.7 * field(1)))) for k, year in enumerate(YEARS)}
    old = land + 0.5 * field(1.5) > 1.05
    return truth, p, old


def interpreted(truth, old, seed, points=400, panel=True, drawable=None):
    """What `checked_reference` gives for a sample stratified by the old map; by default of all pixels."""
    strata = strata_of(old, np.ones(GRID.shape, bool) if drawable is None else drawable)
    parts = []
    for k, year in enumerate(YEARS):
        drawn = draw_points(GRID, strata, points, seed if panel else 1000 * k + seed, "built_up")
        row = ((GRID.transform.f - drawn["y"]) // 1000).astype(int).to_numpy()
        col = ((drawn["x"] - GRID.transform.c) // 1000).astype(int).to_numpy()
        parts.append(pd.DataFrame({
            "place": row * GRID.width + col, "year": year, "stratum": drawn["stratum"],
            "chance": drawn["inclusion_probability"], "weight": drawn["area_km2"] / drawn["inclusion_probability"],
            "label": truth[year][row, col].astype(int), "row": row, "col": col, "inside": True,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_years_are_compared_on_the_pixels_valid_in_all_of_them_and_as_areas():
    """Mistake 5: a year with fewer valid pixels must not look like a year with more or less built-up land."""
    rng = np.random.default_rng(0)
    built = rng.random(GRID.shape) < 0.2
    p = np.where(built, 0.9, 0.1)
    gaps = {2016: 0.0, 2017: 0.3, 2018: 0.15, 2019: 0.05}
    cloudy = {year: np.where(rng.random(GRID.shape) < share, np.nan, p) for year, share in gaps.items()}
    table, _ = built_up_trend(maps(cloudy), evaluation(), outline(), "GHSL")
    everywhere = np.logical_and.reduce([np.isfinite(values) for values in cloudy.values()])
    area = GRID.pixel_areas_km2()
    assert table["area_km2"].to_numpy() == pytest.approx((area * (built & everywhere)).sum())
    assert table["share"].to_numpy() == pytest.approx((area * everywhere).sum() / area.sum())
    assert (table["n_valid"] == everywhere.sum()).all()
    # Ratios of each year's own sum, as the tutorial has them, differ by the masked pixels alone.
    assert np.ptp([1 / np.isfinite(values).sum() for values in cloudy.values()]) > 0


def test_a_large_map_is_measured_in_tiles_as_if_whole():
    _, p, _ = world(1)
    whole = measure(maps(p), outline(), (0.4, 0.6), [3, 70], [79, 0])
    tiled = measure(maps(p), outline(), (0.4, 0.6), [3, 70], [79, 0], tile=23)
    assert tiled.mapped_km2 == pytest.approx(whole.mapped_km2) and tiled.n_valid == whole.n_valid
    assert tiled.mean_km2 == pytest.approx(whole.mean_km2) and (tiled.mean == whole.mean).all()
    least, most = tiled.range_km2[2016]
    assert least < tiled.mapped_km2[2016] < most


def test_without_a_reference_sample_there_is_no_interval_and_the_words_say_so():
    _, p, _ = world(2)
    table, document = built_up_trend(maps(p), evaluation(), outline(), "GHSL P2016")
    columns = ["year", "area_km2", "low", "high", "standard_error", "share", "n_valid", "mapped_km2", "kind"]
    assert list(table) == columns and table["standard_error"].isna().all()
    assert (table["kind"] == MAPPED).all() and document["changes"] == document["pairs"] == []
    assert (table["low"] < table["area_km2"]).all() and (table["area_km2"] < table["high"]).all()
    assert "elative to GHSL P2016" in document["statement"] and "cannot tell" in document["statement"]
    assert "95 %" not in document["statement"]
    assert headline(document["statement"]).startswith("By the labels that the maps were learnt from (GHSL P2016), ")
    for title in ("GHSL built-up surface R2023A, square metres a cell", "GHSL grid (SMOD), 1 km, codes 0 to 3"):
        told = headline(document["statement"].replace("GHSL P2016", title))
        assert told == headline(document["statement"]).replace("GHSL P2016", title.split(",")[0])
    assert "data:image/png;base64," in trend_markdown(table, document, "here")


def test_with_strata_of_the_map_itself_the_estimate_is_olofssons():
    """Olofsson et al. (2014), equations 9 to 11, and the finite population correction."""
    sizes, drawn, wrong = np.array([1000, 5000]), np.array([60, 140]), np.array([9, 6])
    label = np.concatenate([np.arange(60) >= 9, np.arange(140) < 6]).astype(float)
    stratum = np.repeat([0, 1], drawn)
    points = pd.DataFrame({
        "place": np.arange(200), "stratum": stratum, "weight": (sizes / drawn)[stratum],
        "chance": (drawn / sizes)[stratum], "value": label,
    })  # fmt: skip
    mapped = np.column_stack([np.ones(200), stratum == 0]).astype(float)
    found = estimated_total(points, mapped, np.array([6000.0, 1000.0])).estimate
    share = np.array([51 / 60, 6 / 140])
    variance = sizes**2 * (1 - drawn / sizes) * share * (1 - share) / (drawn - 1)
    assert found.value == pytest.approx((sizes * share).sum())
    assert found.error == pytest.approx(variance.sum() ** 0.5)
    users = estimated_ratio(points, label * (stratum == 0), (stratum == 0) * 1.0)
    assert users.value == pytest.approx(51 / 60) and wrong[0] / 60 == pytest.approx(1 - users.value)


def test_a_map_that_knows_makes_the_interval_narrower_and_a_worthless_one_does_no_harm():
    truth, p, old = world(3)
    sample = interpreted(truth, old, 0)
    points = sample[sample["year"] == 2016].assign(value=lambda t: t["label"])
    at = points["row"], points["col"]
    noise = np.random.default_rng(0).random(GRID.shape)
    errors = {}
    for name, helper in (("none", np.zeros(GRID.shape)), ("noise", noise), ("map", p[2016])):
        total = estimated_total(points, helper[at][:, None], np.array([(helper * GRID.pixel_areas_km2()).sum()]))
        errors[name] = total.estimate.error
    assert errors["map"] < 0.9 * errors["none"]
    assert errors["noise"] == pytest.approx(errors["none"], rel=0.05)


def test_a_sample_without_an_error_does_not_claim_certainty():
    points = pd.DataFrame({"place": range(100), "stratum": "rest", "weight": 50.0, "chance": 0.02, "value": 0})
    nothing = estimated_total(points, np.zeros((100, 1)), np.zeros(1)).estimate
    assert nothing.value == 0 and nothing.high == pytest.approx(1.98 * 50, rel=0.02)


def test_the_same_places_without_any_change_give_a_change_of_nothing_that_is_not_certain():
    truth, p, old = world(4, growth=0)
    table, document = built_up_trend(maps(p), evaluation(), outline(), "GHSL", interpreted(truth, old, 0))
    assert table["mapped_km2"].iloc[-1] > 1.2 * table["mapped_km2"].iloc[0]  # the maps claim growth
    for change in document["changes"]:
        assert change["km2"] == pytest.approx(0, abs=1e-6) and change["low"] < -20 and change["high"] > 20
        assert change["verdict"] == "cannot tell" and "cannot tell" in change["statement"]


@pytest.mark.slow
@pytest.mark.parametrize("panel", [True, False])
def test_intervals_cover_and_false_alarms_are_rare(panel):
    """Many samples of several worlds, the maps of which overstate growth: no pipeline, the whole of the estimation."""
    covered, changes, alarms, widths = [], [], [], []
    for seed in range(30):
        truth, p, old = world(seed, growth=seed % 2)
        area = GRID.pixel_areas_km2()
        true = {year: (area * truth[year]).sum() for year in YEARS}
        for draw in range(2):
            sample = interpreted(truth, old, 100 * seed + draw, panel=panel)
            table, document = built_up_trend(maps(p), evaluation(), outline(), "GHSL", sample)
            covered += [low <= true[y] <= high for y, low, high in zip(*(table[n] for n in ("year", "low", "high")))]  # noqa: B905
            widths.append((table["high"] - table["low"]).mean() / table["area_km2"].mean())
            for change in document["changes"]:
                grown = true[change["to"]] - true[change["from"]]
                changes.append(change["low"] <= grown <= change["high"])
                if grown == 0:
                    alarms.append(change["verdict"] != "cannot tell")
    assert np.mean(covered) > 0.93 and np.mean(changes) > 0.93
    assert np.mean(alarms) <= (0.0 if panel else 0.08)
    assert np.mean(widths) < 0.35


def a_hole(truth):
    """15 % of the region that a map knows nothing about, where much is built up."""
    corners = [(row, col) for row in range(0, 49, 12) for col in range(0, 49, 12)]
    row, col = max(corners, key=lambda at: truth[2019][at[0] : at[0] + 31, at[1] : at[1] + 31].sum())
    hole = np.zeros(GRID.shape, bool)
    hole[row : row + 31, col : col + 31] = True
    return hole


@pytest.mark.slow
def test_a_sample_stratified_by_a_map_with_a_hole_covers_what_is_in_the_hole():
    covered, errors, area = [], [], GRID.pixel_areas_km2()
    for seed in range(15):
        truth, p, old = world(seed)
        sample = interpreted(truth, old & ~a_hole(truth), seed)
        table, _ = built_up_trend(maps(p), evaluation(), outline(), "GHSL", sample)
        true = np.array([(area * truth[year]).sum() for year in YEARS])
        covered += ((table["low"] <= true) & (true <= table["high"])).tolist()
        errors += (table["area_km2"] / true - 1).tolist()
    assert np.mean(covered) >= 0.93 and abs(np.mean(errors)) < 0.03


def test_where_the_domain_is_whole_strata_the_points_stand_for_its_area():
    truth, _, old = world(3)
    everything = interpreted(truth, old, 0)
    one_percent_lost = everything.drop(everything[everything["stratum"] == "rest"].index[::40])
    for points in (everything, one_percent_lost):
        year = points[points["year"] == 2016].assign(value=1)
        ones, known = np.ones((len(year), 1)), GRID.pixel_areas_km2().sum()
        found = estimated_total(year, ones, np.array([known]))
        assert found.value == pytest.approx(known) and found.points["weight"].sum() == pytest.approx(known)
    # Where it cuts through strata, regression does it, and weights stay as they are.
    half = (year["col"].to_numpy() < 40).astype(float)[:, None]
    found = estimated_total(year.assign(value=half[:, 0]), half, np.array([known / 2]))
    assert found.value == pytest.approx(known / 2) and found.points["weight"].equals(year["weight"])


def test_beside_the_estimate_stands_what_the_sample_alone_says():
    truth, p, old = world(5)
    sample = interpreted(truth, old, 0)
    named = {"source": "points.csv", "digest": "0123456789ab"}
    table, document = built_up_trend(maps(p), evaluation(), outline(), "GHSL", sample, named)
    design = document["reference"]
    assert (
        design["source"] == "points.csv" and design["digest"] == "0123456789ab" and "regression" in design["estimator"]
    )
    for year, width in zip(YEARS, table["high"] - table["low"], strict=True):
        rows, direct = sample[sample["year"] == year], design["direct"][str(year)]
        assert direct["km2"] == pytest.approx((rows["weight"] * rows["label"]).sum())
        assert width < direct["high"] - direct["low"]
        assert design["strata"][str(year)] == rows["stratum"].value_counts().to_dict()
        assert design["points"][str(year)] == 400 and design["built_up_points"][str(year)] == rows["label"].sum()


def test_growth_is_said_in_words_with_its_interval():
    truth, p, old = world(5, growth=3)
    _, document = built_up_trend(maps(p), evaluation(), outline(), "GHSL", interpreted(truth, old, 0))
    first = document["changes"][0]
    assert (first["from"], first["to"], first["verdict"]) == (2016, 2019, "grew") and first["low"] > 0
    words = f"From 2016 to 2019 built-up land grew by {first['km2']:.0f} km² (95 % interval {first['low']:.0f} to"
    assert words in document["statement"]
    assert document["kind"] == ADJUSTED and document["reference"]["places_in_every_year"] == 400
    accuracy = document["agreement"]["2016"]
    assert accuracy["users_accuracy"]["low"] < accuracy["users_accuracy"]["value"] <= 1


def test_points_outside_the_valid_pixels_count_as_outside():
    truth, p, old = world(6)
    west = np.zeros(GRID.shape, bool)
    west[:, :40] = True
    p[2018] = np.where(west, p[2018], np.nan)
    table, _ = built_up_trend(maps(p), evaluation(), outline(), "GHSL", interpreted(truth, old, 0))
    area = GRID.pixel_areas_km2()
    assert table["share"].iloc[0] == pytest.approx(0.5, abs=0.01)
    for year, low, high in zip(table["year"], table["low"], table["high"], strict=True):
        assert low <= (area * (truth[year] & west)).sum() <= high


def test_partly_shared_places_help_in_proportion():
    truth, _, old = world(7, growth=2)
    panel, fresh = interpreted(truth, old, 0), interpreted(truth, old, 0, panel=False)

    def error(before, after):
        totals = [
            estimated_total(t.assign(value=t["label"]), np.zeros((len(t), 1)), np.zeros(1)) for t in (before, after)
        ]
        return estimated_change(*totals).error

    first = panel[panel["year"] == 2016]
    same, other = panel[panel["year"] == 2019], fresh[fresh["year"] == 2019]
    half = pd.concat([part.iloc[::2] for part in (same, other)]).drop_duplicates("place")
    assert error(first, same) < 0.8 * error(first, half) < 0.8 * error(first, other)


@pytest.mark.parametrize("sampled", [False, True])
def test_a_single_year_has_an_area_and_says_nothing_of_change(sampled):
    truth, p, old = world(8)
    sample = interpreted(truth, old, 0) if sampled else None
    sample = sample[sample["year"] == 2016] if sampled else None
    table, document = built_up_trend(maps({2016: p[2016]}), evaluation(), outline(), "GHSL", sample)
    assert len(table) == 1 and document["changes"] == []
    said = document["statement"]
    assert said.endswith("One year tells nothing about change.") and said.count("2016") == 1
    assert "grew" not in said and ("95 % interval" in said) == sampled


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((185.6, 64.1, 307.1), "grew by 186 km² (95 % interval 64 to 307 km²)"),
        ((0.4567, 0.1234, 0.7891), "grew by 0.457 km² (95 % interval 0.123 to 0.789 km²)"),
        ((-4.44, -7.77, -1.11), "shrank by 4.44 km² (95 % interval 1.11 to 7.77 km²)"),
        ((-0.0, -2.5, 2.5), "is +0.00 km², 95 % interval -2.50 to +2.50 km²"),
        ((0.0, 0.0, 0.0), "is +0 km², 95 % interval +0 to +0 km²"),
    ],
)
def test_small_areas_are_said_to_three_digits(change, words):
    value, low, high = change
    verdict = "grew" if low > 0 else "shrank" if high < 0 else CANNOT_TELL
    assert words in of_change(2016, 2019, verdict, Estimate(value, 1.0, low, high))


def test_every_pair_of_years_is_tested_and_has_its_error():
    truth, p, old = world(5)
    table, document = built_up_trend(maps(p), evaluation(), outline(), "GHSL", interpreted(truth, old, 1))
    area = dict(zip(table["year"], table["area_km2"], strict=True))
    assert [(pair["from"], pair["to"]) for pair in document["pairs"]] == list(combinations(YEARS, 2))
    for pair in document["pairs"]:
        assert pair["km2"] == pytest.approx(area[pair["to"]] - area[pair["from"]])
        assert pair["low"] < pair["km2"] < pair["high"] and pair["standard_error"] > 0
        assert pair["verdict"] == ("grew" if pair["low"] > 0 else "shrank" if pair["high"] < 0 else "cannot tell")
    told = [{key: value for key, value in each.items() if key != "statement"} for each in document["changes"]]
    assert all(each in document["pairs"] for each in told) and len(told) == 2
    assert (table["standard_error"] > 0).all()
