"""The section `night_radiance` of a study: defaults, mistakes, and what its digests depend on."""

import datetime as dt

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.settings import Settings
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance.section import (
    NIGHT_RADIANCE_SECTION,
    announcing_years,
    grid_of,
    places_of,
    settlement_of,
    use_of,
    years_of,
)
from fusion_assets_tests.systems.night_radiance.nights import PLACES, YEAR, content, study
from fusion_assets_tests.whole_studies import study_of


def test_defaults():
    made = study_of({**content(), "night_radiance": {"reserved": ["kept"]}})
    use = use_of(made)
    assert (use.resolution, use.method, use.footprint, use.rounds) == (30, "auto", 742, None)
    assert (use.optics.product, use.lights.product) == ("landsat_c2_l2", "viirs_annual")
    assert years_of(made) == (YEAR,) and places_of(made) == PLACES[:3]
    assert grid_of(made, "west").resolution == 30 and made.grid("west").resolution == 100


def test_nothing_is_learnt_from_reserved_regions_wherever_they_stand():
    first = content(reserved=["west"])
    assert places_of(study_of(first)) == PLACES[1:]


def test_years_are_those_of_the_section_in_order():
    whole = content(years=[YEAR, 2021, YEAR]) | {"prediction_years": [2020, 2021, YEAR]}
    assert years_of(study_of(whole)) == (2021, YEAR)


def test_a_study_without_the_section_has_none_of_it_and_the_same_digests():
    plain = study_of({key: value for key, value in content().items() if key != "night_radiance"})
    assert plain.section("night_radiance") is None and years_of(plain) == ()
    assert plain.digest() == study(footprint=900).digest()
    assert list(NIGHT_RADIANCE_SECTION.problems(plain, dt.date(2026, 1, 1))) == []


CHANGES = [
    {"footprint": 900},
    {"footprint": "estimate"},
    {"rounds": 5},
    {"method": "trees"},
    {"reserved": ["west"]},
    {"resolution": 60},
    {"lights": "viirs_monthly"},
    {"optics": "sentinel2_l2a"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_another_section_makes_what_is_stored_another_studys(change):
    before, after, settings = study(), study(**change), Settings(study="nights")
    assert before.digest("night_radiance") != after.digest("night_radiance")

    def facts(made, asset):
        return requests.facts_of(made, settings, asset, "middle", YEAR)

    # What is learnt or mapped depends on all of it; what is collected on what is asked of the engine alone.
    for asset in (requests.EVALUATION, requests.MODEL, requests.MAP):
        assert facts(before, asset) != facts(after, asset)
    differs = {asset: facts(before, asset) != facts(after, asset) for asset in (requests.OPTICS, requests.CELLS)}
    (key,) = change
    expected = {requests.OPTICS: key in ("resolution", "optics"), requests.CELLS: key == "lights"}
    if key == "resolution":  # another grid may end in another cell
        expected[requests.CELLS] = differs[requests.CELLS]
    assert differs == expected


@pytest.mark.parametrize(
    ("section", "key", "remedy"),
    [
        ({"years": [2019]}, "night_radiance.years", "prediction_years"),
        ({"years": []}, "night_radiance.years", "write for example [2019]"),
        ({"years": YEAR}, "night_radiance.years", "write for example [2019]"),
        ({"years": [True]}, "night_radiance.years", "[2019]"),
        ({"years": ["soon"]}, "night_radiance.years", "[2019]"),
        ({"resolution": 0}, "night_radiance.resolution", "resolution: 30"),
        ({"resolution": float("nan")}, "night_radiance.resolution", "resolution: 30"),
        ({"resolution": 0.001}, "regions[0]", "raise night_radiance.resolution"),
        ({"optics": "viirs_annual"}, "night_radiance.optics.product", "change it"),
        ({"optics": "landsat"}, "night_radiance.optics", "landsat_c2_l2"),
        ({"lights": "landsat_c2_l2"}, "night_radiance.lights.product", "change it"),
        ({"lights": {"product": "viirs_annual", "band": ["avg_rad"]}}, "night_radiance.lights.band", "`bands`"),
        ({"method": "tree"}, "night_radiance.method", "did you mean trees"),
        ({"method": None}, "night_radiance.method", "auto"),
        ({"footprint": 299}, "night_radiance.footprint", "footprint: 742"),
        ({"footprint": 1501}, "night_radiance.footprint", "footprint: 742"),
        ({"footprint": "742 m"}, "night_radiance.footprint", "footprint: 742"),
        ({"footprint": float("inf")}, "night_radiance.footprint", "footprint: 742"),
        ({"footprint": "estimated"}, "night_radiance.footprint", "300 to 1500, or estimate"),
        ({"footprint": None}, "night_radiance.footprint", "footprint: 742"),
        ({"footprint": True}, "night_radiance.footprint", "footprint: 742"),
        ({"rounds": 0}, "night_radiance.rounds", "rounds: 5"),
        ({"rounds": 31}, "night_radiance.rounds", "rounds: 5"),
        ({"rounds": 5.5}, "night_radiance.rounds", "rounds: 5"),
        ({"reserved": []}, "night_radiance.reserved is empty", "nothing is learnt from"),
        ({"reserved": "kept"}, "night_radiance.reserved", "mumbai"),
        ({"reserved": ["kept", "north"]}, "night_radiance.reserved names north", "nothing is learnt from"),
        ({"reserved": ["kept", "east"]}, "leave 2", "cut a large one into several"),
        ({"reserved": list(PLACES)}, "leave 0", "cut a large one into several"),
        ({"fires": "remove"}, "night_radiance.fires is remove", "add a year"),
        ({"fires": "some"}, "night_radiance.fires", "remove"),
        ({"reserve": ["kept"]}, "night_radiance.reserve", "did you mean `reserved`"),
    ],
)
def test_mistakes(section, key, remedy):
    with pytest.raises(FusionError) as error:
        study(**section)
    assert key in error.value.found and remedy in str(error.value)


@pytest.mark.parametrize("section", [None, [], "landsat_c2_l2", 30, True, {}, {"resolution": 30}])
def test_sections_that_are_none(section):
    whole = {**content(), "night_radiance": section}
    if section is None:
        assert study_of(whole).section("night_radiance") is None
        return
    with pytest.raises(FusionError, match="night_radiance"):
        study_of(whole)


def test_every_problem_is_named_at_once():
    with pytest.raises(FusionError) as error:
        study(years=[2019], reserved=["north", "east"], optics="viirs_annual")
    for key in ("night_radiance.years", "night_radiance.reserved", "night_radiance.optics.product"):
        assert key in error.value.found


def test_fires_are_told_by_the_nearest_other_years():
    whole = content(fires="remove") | {"prediction_years": [2015, 2019, 2020, 2021, 2023]}
    found = {year: announcing_years(study_of(whole), year) for year in years_of(study_of(whole))}
    assert found == {2015: (2019,), 2019: (2020,), 2020: (2019, 2021), 2021: (2020,), 2023: (2021,)}


def test_other_years_are_facts_of_cells_without_fires():
    settings = Settings(study="nights")

    def facts(years, **section):
        made = study_of(content(**section) | {"prediction_years": years})
        return requests.facts_of(made, settings, requests.CELLS, "middle", 2020)

    assert facts([2019, 2020]) == facts([2020, 2021]) == facts([2020])
    assert len({tuple(facts(years, fires="remove").items()) for years in ([2019, 2020], [2020, 2021])}) == 2
    assert facts([2019, 2020], fires="remove") != facts([2019, 2020])


def test_another_systems_map_may_tell_settled_land_where_it_sees_no_lights():
    whole = content(settlement="built_up_prediction") | {"features": "optics"}
    made = study_of(whole)
    assert settlement_of(made) == ("built_up_prediction",) and settlement_of(study()) == ()
    with pytest.raises(FusionError, match="the very cells that methods are judged by"):
        study(settlement="built_up_prediction")
    fewer = whole | {"prediction_years": [2020, YEAR]}
    fewer["night_radiance"] = {**whole["night_radiance"], "years": [YEAR]}
    with pytest.raises(FusionError, match="the same years"):
        study_of(fewer)
    with pytest.raises(FusionError, match="write for example built_up_prediction"):
        study(settlement="Built up")
