"""The report on the comparison: what stands on top and beside scores, and that pictures and tables agree."""

import copy
import re

import pytest

from fusion_assets.systems.climate_zones import judgement, pictures, tables
from fusion_assets.systems.climate_zones.report import HEADINGS, Subject, build_report
from fusion_assets.systems.climate_zones.summary import lines_of
from fusion_assets.systems.climate_zones.wording import overlap_text, stage_text
from fusion_assets_tests.chromium import reading
from fusion_assets_tests.systems.climate_zones.comparisons import CITIES, PATCHES, compared

SUBJECT = Subject("zones", "Zones of eight cities", "abc", "2024-05-06", "quick", 12, 5, "all")
OVERLAP = "98.0% of the tested patches overlap one learnt from, by 68% of their area in the median"


@pytest.fixture(scope="module")
def document():
    return compared()


@pytest.fixture(scope="module")
def text(document):
    return build_report(SUBJECT, document, PATCHES)


def with_verdict(document, verdict, p_none):
    """The comparison, every point with this verdict."""
    changed = copy.deepcopy(document)
    for entry in changed["settings"].values():
        for found in entry["differences"].values():
            for figure in found.values():
                figure |= {"verdict": verdict, "p_none": p_none}
    return changed


def test_one_file_with_everything_on_it(text):
    assert not re.search(r'(src|href)="(?!data:|#)', text.replace("xlink:", "").replace('href="#', 'href="data:'))
    assert "<script" not in text
    assert all(f">{heading}</h2>" in text for heading in HEADINGS.values())
    assert text.count("<svg") == 8 and text.index("finding verdict") < text.index("<main>")
    assert "doi:10.1109/MGRS.2020.2964708" in text and "Cite as: Zones of eight cities" in text
    assert "Synthetic." not in text and "not on So2Sat LCZ42 itself" in text
    assert all(f'<td class="d">{city}</td>' in text or f"<td>{city}</td>" in text for city in CITIES)


def test_simulated_patches_are_named_on_top(document):
    page = build_report(Subject(**{**vars(SUBJECT), "synthetic": True, "maps": "Nobody knows."}), document, PATCHES)
    assert "How right the maps of this study are. Nobody knows." in page
    assert "<strong>Synthetic.</strong>" in page.split("<main>")[0] and "not on So2Sat LCZ42 itself" not in page


def test_the_overlap_stands_beside_every_random_score(document, text):
    entry = document["settings"]["random"]
    made = [make("random", entry) for make in (tables.points_table, tables.zones_table, tables.cities_table)]
    made.append(tables.differences_table("random", entry))
    assert all(OVERLAP in table["caption"] for table in made)
    assert OVERLAP in tables.calibration_table(document)["rows"][0][0]
    drawn = [draw(document)[0] for draw in (pictures.draw_stages, pictures.draw_confusion, pictures.draw_reliability)]
    assert all(OVERLAP in each.caption for each in drawn)
    assert OVERLAP in text.split("<main>")[0] and OVERLAP in " ".join(" ".join(lines_of(document)).split())
    assert "no tested patch overlaps" in text
    assert "is unknown" in overlap_text({"overlap": None})


def test_pictures_show_what_tables_say(document):
    entry = document["settings"]["city"]
    rows = tables.points_table("city", entry)["rows"]
    (marks,) = pictures.lines_of(entry, "average_accuracy").values()
    assert [mark.stage for mark in marks] == [0, 3, 6, 7]
    told = [f"{m.figure['value']:.3f} ({m.figure['low']:.3f} to {m.figure['high']:.3f})" for m in marks]
    assert [row[3] for row in rows][:4] == told
    shares = pictures.shares_of(entry["points"]["sensors.0"]["confusion"])
    recall = [float(row[2].split()[0]) for row in tables.zones_table("city", entry)["rows"]]
    assert shares.diagonal().tolist() == pytest.approx(recall, abs=6e-4)
    dots = document["settings"]["random"]["points"]["sensors.0"]
    assert sum(dots["of_runs"]["accuracy"]) / 2 == pytest.approx(dots["figures"]["accuracy"]["value"])


@pytest.mark.parametrize(
    ("verdict", "p_none", "said"),
    [
        ("equivalent", 0.9, "It does not matter where branches are joined: on 8 cities not learnt from"),
        ("better", 0.001, "It does matter where branches are joined: on 8 cities not learnt from"),
        ("worse", 0.04, "cannot be told"),
        ("cannot tell", 0.5, "cannot be told"),
    ],
)
def test_the_answer_claims_what_was_shown_among_all_that_was_looked_at(document, verdict, p_none, said):
    answer = judgement.answer(with_verdict(document, verdict, p_none))
    assert said in answer
    assert ("better or worse when looked at alone, but not among so many" in answer) == (verdict == "worse")


def test_the_answer_is_that_of_the_strictest_setting(document):
    alone = copy.deepcopy(document)
    del alone["settings"]["city"]
    assert judgement.strongest(document) == "city" and judgement.strongest(alone) == "random"
    assert "says nothing of other places" in judgement.answer(alone) and judgement.gap(alone) == ""
    assert "points lie between what is remembered and what is known" in judgement.gap(document)


def test_what_speaks_against_figures_is_said(document):
    def failed(changed):
        return {each.name for each in judgement.of_document(changed) if not each.passed}

    assert {"several_runs", "every_city_tested"} & failed(document) == {"several_runs"}
    assert "every_city_tested" in failed({**document, "seeds": 2})
    assert "no_worse_than_forest" not in failed(document)
    high = copy.deepcopy(document)
    high["settings"]["city"]["points"]["sensors.0"]["figures"]["accuracy"]["value"] = 0.9
    assert "not_above_labels" in failed(high) - failed(document)
    low = copy.deepcopy(document)
    city = low["settings"]["city"]
    city["baselines"]["forest"] = document["settings"]["random"]["points"]["sensors.0"]
    city["points"]["sensors.0"]["calibration"]["coverage_by_city"]["city a"]["coverage"] = 0.5
    assert {"no_worse_than_forest", "covered"} <= failed(low)


def test_random_calibration_promises_more_than_it_keeps(document, text):
    promise = document["settings"]["city"]["promises"]["sensors.0"]
    assert promise["promised"] == pytest.approx(0.9, abs=0.06) and promise["kept"] < promise["promised"] - 0.15
    assert f"in {promise['kept']:.1%}. Calibrated on other cities instead" in text
    assert document["settings"]["random"]["promises"] == {}


def test_few_cities_have_a_report_without_intervals():
    few = compared(cities=CITIES[:1], overlap=None)
    page = build_report(SUBJECT, few, PATCHES)
    assert "too few cities to tell" in page and "too few cities to calibrate" in page and "interval unknown" in page
    assert "cannot be told" in judgement.answer(few)


def test_stages_have_names():
    assert stage_text("0") == "at once (0)" and stage_text("3m") == "after block 3, as small as stage 0"
    assert stage_text("sum") == "trained apart, answers averaged"


@pytest.mark.slow
def test_the_page_fits_a_telephone_and_asks_for_nothing(text, tmp_path):
    with reading(tmp_path) as opened:
        for width in (390, 1400):
            driver = opened(text, width)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width, "scrolls sideways"
