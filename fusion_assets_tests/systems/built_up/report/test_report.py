"""The report: self-contained, small, and what it shows is what is stored."""

import base64
import dataclasses
import io
import re

import numpy as np
import pytest
from markupsafe import escape
from PIL import Image
from sklearn.metrics import average_precision_score, matthews_corrcoef

from fusion_assets.evaluation.area_estimation import estimated_total
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.reports import map_layers
from fusion_assets.systems.built_up.areas.trend_words import headline
from fusion_assets.systems.built_up.report import CHANGE_COLOURS, MOST_BYTES, build_report, maps, words
from fusion_assets_tests.imagery.archives import small_request
from fusion_assets_tests.systems.built_up.report_cases import (
    BANDS,
    SOURCE,
    SUBJECT,
    YEARS,
    Page,
    findings,
    sample,
    sensors,
    whole,
)

AREAS, ERRORS = "Built-up area, km²", "Errors by class, with 95 % intervals"
SENSORS = "What each sensor contributes, with 95 % intervals"
LABELS = "Agreement with the labels, with 95 % intervals"
AGREEMENT = "Maps against the reference sample, with 95 % intervals"


@pytest.fixture(scope="module")
def found():
    return findings()


@pytest.fixture(scope="module")
def text(found):
    return build_report(SUBJECT, found)


@pytest.fixture(scope="module")
def everything():
    return whole()


@pytest.fixture(scope="module")
def page(everything):
    return Page(build_report(SUBJECT, everything))


def numbers(cell):
    """All numbers of a cell."""
    return [float(number) for number in re.findall(r"[+-]?\d+(?:\.\d+)?", cell)]


def ends(known):
    return [known["value"], known["low"], known["high"]]


def test_nothing_is_asked_of_the_network(text):
    links = [attrs.get(key, "") for _, attrs in Page(text).tags for key in ("src", "href") if key in attrs]
    assert links and all(link.startswith(("data:", "#")) for link in links)
    assert "url(" not in text and "@import" not in text


def test_it_stays_small_however_large_the_region_and_many_the_scenes(text, found):
    assert len(text.encode()) < 1_000_000
    many = [
        Export(f"op{i}", small_request("c.json"), tuple(f"SCENE_OF_A_LONG_NAME_{i}_{k:06}" for k in range(5000)),
               "SUCCEEDED", "archive", "2020", "2020")
        for i in range(12)
    ]  # fmt: skip
    large = build_report(SUBJECT, dataclasses.replace(findings(edge=1300, chunk=650), exports=many))
    assert len(large.encode()) < MOST_BYTES
    assert "SCENE_OF_A_LONG_NAME_11_000000" in large and re.search(r"and [\d,]+ more, named in the ticket", large)


def test_every_picture_has_an_alternative_text_that_says_what_it_shows(page):
    pictures = [attrs["alt"] for tag, attrs in page.tags if tag == "img"]
    assert len(pictures) > 15 and all(len(alt) > 8 for alt in pictures)
    assert not [alt for alt in pictures if "hold the figures" in alt]
    assert any(alt.startswith("Predicted probability and share labelled") for alt in pictures)


def test_what_people_write_is_shown_and_not_run(text):
    assert "Small &lt;places&gt; &amp; others" in text and "<places>" not in text and "<b>scene" not in text


def test_areas_and_scores_are_those_that_are_stored(text, found):
    tables = Page(text).tables
    table, document = found.trend
    for row in table.itertuples():
        shown = [number for cell in tables[AREAS][str(row.year)] for number in numbers(cell)]
        assert shown == pytest.approx([row.area_km2, row.low, row.high, row.mapped_km2], abs=0.051)
    metrics = found.evaluation[1]
    answers = ("model", "baseline", "neighbourhood", "baseline_at_half", "majority")
    for cell, key in zip(tables[LABELS]["MCC"], answers, strict=True):
        assert numbers(cell) == pytest.approx(ends(metrics["intervals"][key]["mcc"]), abs=6e-4)
    assert str(escape(headline(document["statement"]))) in text and "40 rows x 40 columns of 100 m pixels" in text
    assert "section above" not in text and "without a reference sample" in text
    assert "op1" in text and "&lt;b&gt;scene" in text


def test_areas_and_agreement_with_a_sample_can_be_recomputed(page, everything):
    reference, predictions = sample(), everything.predictions
    probability = np.stack([predictions[year]["probability"].to_numpy() for year in YEARS])
    valid = np.isfinite(probability).all(axis=0)
    mean = np.where(valid, probability.mean(axis=0, dtype="float64"), 0)
    area = everything.trend[1]["valid_km2"] / valid.sum()
    for year in YEARS:
        points = reference[reference["year"] == year]
        at = points["row"].to_numpy(), points["col"].to_numpy()
        domain, weight, label = valid[at], points["weight"].to_numpy(), points["label"].to_numpy() == 1
        mapped = predictions[year]["built_up"].to_numpy()[at] == 1
        overall = weight @ (domain & (mapped == label)) / (weight @ domain)
        users, producers = (weight @ (domain & mapped & label) / (weight @ (domain & m)) for m in (mapped, label))
        cells = page.tables[AGREEMENT][str(year)]
        assert [numbers(cell)[0] for cell in cells] == pytest.approx([overall, users, producers], abs=6e-4)
        stored = everything.trend[1]["agreement"][str(year)].values()
        assert sorted(map(numbers, cells)) == [pytest.approx(end, abs=6e-4) for end in sorted(map(ends, stored))]
        adjusted, interval, drawn, direct = page.tables[AREAS][str(year)]
        estimate = estimated_total(
            points.assign(value=(label & domain).astype(float)),
            np.column_stack([domain, mean[at]]).astype(float),
            np.array([valid.sum() * area, mean.sum() * area]),
        ).estimate
        shown = [*numbers(adjusted), *numbers(interval)]
        assert shown == pytest.approx([estimate.value, estimate.low, estimate.high], abs=0.06)
        assert numbers(direct)[0] == pytest.approx(weight @ (domain & label), abs=0.06)
        assert numbers(drawn)[0] == pytest.approx(
            (predictions[year]["built_up"].to_numpy() == 1).sum() * area, abs=0.06
        )


def test_what_each_sensor_contributes_can_be_recomputed(page, everything):
    table = everything.evaluation[0]
    for name, (predicted, probability) in sensors(table).items():
        mcc, precision, *less = page.tables[SENSORS][name]
        assert numbers(mcc)[0] == pytest.approx(matthews_corrcoef(table["label"], predicted), abs=6e-4)
        assert numbers(precision)[0] == pytest.approx(average_precision_score(table["label"], probability), abs=6e-4)
        if name == "both":
            assert less == ["–", "–"]
        else:
            known = everything.ablation["sets"][name]["minus_whole"]
            assert numbers(less[0]) == pytest.approx(ends(known["mcc"]), abs=6e-4)


def test_errors_of_both_classes_can_be_recomputed(page, everything):
    table = everything.evaluation[0]
    label, mapped = table["label"] == 1, table["predicted"]
    for kind, truth, said in (("built-up", label, mapped), ("not built-up", ~label, ~mapped)):
        omission, commission = (page.tables[ERRORS][f"{kind}, {name}"] for name in ("omission", "commission"))
        assert numbers(omission[0])[0] == pytest.approx((truth & ~said).sum() / truth.sum(), abs=6e-4)
        assert numbers(commission[0])[0] == pytest.approx((said & ~truth).sum() / said.sum(), abs=6e-4)
        low, high = numbers(omission[0])[1:]
        assert low < numbers(omission[0])[0] < high


def test_a_majority_that_never_says_built_up_has_no_precision(page):
    assert page.tables[LABELS]["precision (built-up)"][4] == "–" == page.tables[ERRORS]["built-up, commission"][4]
    assert numbers(page.tables[LABELS]["recall (built-up)"][4]) == [0, 0, 0]


def test_the_sample_its_source_and_estimator_are_named(page, everything):
    design = everything.trend[1]["reference"]
    points = page.tables["The reference sample"]["2016"]
    assert points[:3] == ["300", str(design["built_up_points"]["2016"]), "2"] and "west" in points[3]
    assert all(part in page.text for part in (*SOURCE.values(), "model-assisted", "Olofsson et al. 2014", "People"))


@pytest.mark.parametrize(
    ("title", "region", "heading"),
    [("Built-up land in Kenya", "Kiambu", "Built-up land in Kenya: Kiambu"), ("Lands of Kiambu", "kiambu", "")],
)
def test_the_heading_names_the_region_once(everything, title, region, heading):
    text = build_report(dataclasses.replace(SUBJECT, title=title, region=region), everything)
    assert f"<h1>{heading or title}</h1>" in text


def test_a_sample_of_the_synthetic_truth_is_called_one(everything):
    table, document = everything.trend
    document = document | {"reference": document["reference"] | {"source": "archive"}}
    ticket = dataclasses.replace(everything.exports[0], scenes=("SYNTHETIC_1",))
    text = build_report(SUBJECT, dataclasses.replace(everything, trend=(table, document), exports=[ticket]))
    assert "drawn from the synthetic truth, not interpreted by people" in text and "People interpreted" not in text
    assert "holds nothing of these sources" in text


def test_other_regions_truth_drift_and_cleaning_are_shown(page, everything):
    transferred = page.tables["Learnt from other regions only, with 95 % intervals"]["MCC"][0]
    assert numbers(transferred)[0] == pytest.approx(everything.transfer["model"]["mcc"], abs=6e-4)
    truth = page.tables["Against the synthetic truth of the same samples, with 95 % intervals"]["MCC"]
    known = everything.evaluation[1]["truth"]
    assert numbers(truth[0]) == pytest.approx(ends(known["intervals"]["model"]["mcc"]), abs=6e-4)
    assert numbers(truth[5]) == pytest.approx([known["labels"]["mcc"]], abs=6e-4)
    assert set(page.tables["Drift of each feature since the label year (population stability index)"]) == {
        "B02",
        "avg_rad",
    }
    assert page.tables["Cleaning of night lights, nW/cm2/sr"]["2018"][:3] == ["outliers", "12", "0.8%"]


def test_a_transfer_that_is_not_made_yet_is_said_to_be_missing(found, text):
    assert "region_transfer" in build_report(SUBJECT, dataclasses.replace(found, transfer={}))
    assert "region_transfer" not in text and "never seen" not in text


def test_one_kind_of_sensor_is_said_to_be_one(found):
    text = build_report(dataclasses.replace(SUBJECT, sensors="optics"), found)
    assert "one kind of sensor (optics)" in text and SENSORS not in text


def test_where_imagery_lies_is_told_without_credentials(found):
    request = small_request("https://me:secret@example.org/catalog.json?sig=abc")
    ticket = Export("op1", request, ("s1", "s2"), "SUCCEEDED", "archive", "2020", "2020")
    text = build_report(SUBJECT, dataclasses.replace(found, exports=[ticket]))
    assert "https://example.org/catalog.json" in text and "secret" not in text and "sig=abc" not in text
    assert "s1, s2" in text


def test_growth_without_gained_pixels_is_explained(everything):
    change = {"from": 2016, "to": 2019, "km2": 186.0, "verdict": "grew"}
    document = everything.trend[1] | {"changes": [change]}
    assert "grew by 186 km² from 2016 to 2019 while" in words.change_caption(everything.change, YEARS, document)
    told = words.change_caption(everything.change, YEARS, document | {"changes": [change | {"verdict": "cannot tell"}]})
    assert "no contradiction" not in told and "the section above" in told


def test_one_year_has_no_change(everything):
    text = build_report(SUBJECT, findings(years=(2019,)))
    assert "Where it changed" not in text and 'id="swipe"' not in text and "<script" not in text
    assert "2019 to 2019" not in text and text.count("km² are mapped as built-up in 2019") == 1
    assert "km² in 2019;" not in text
    of_year = sample()[lambda t: t["year"] == 2019]
    assert "95 % interval" in Page(build_report(SUBJECT, findings(years=(2019,), reference=of_year))).text


def test_small_areas_have_three_digits(found):
    table, document = found.trend
    small = table.assign(**{name: table[name] * 0.01 for name in ("area_km2", "low", "high", "mapped_km2")})
    cells = Page(build_report(SUBJECT, dataclasses.replace(found, trend=(small, document)))).tables[AREAS]["2016"]
    assert numbers(cells[0])[0] == pytest.approx(small["area_km2"].iloc[0], rel=0.005)


def test_classes_of_change_differ_in_grey():
    def lightness(colour):
        return float(np.dot(colour, (0.299, 0.587, 0.114)))

    greys = sorted([255.0, *map(lightness, CHANGE_COLOURS.values())])
    assert min(np.diff(greys)) >= 20
    assert lightness(CHANGE_COLOURS[4]) - lightness(CHANGE_COLOURS[3]) > 50


def test_snow_is_told_from_no_data(found):
    year = YEARS[0]
    stack = found.stacks[year].copy()
    bright = np.linspace(0, 1, 1600, dtype="f4").reshape(40, 40)
    bright[30:, :20], bright[30:, 20:] = 5, np.nan
    stack = stack.assign(dict.fromkeys(BANDS, (("y", "x"), bright)))
    layer = next(
        layer for layer in maps.layers({year: found.predictions[year]}, {year: stack}, 10**7) if "colour" in layer.name
    )
    picture = Image.open(io.BytesIO(base64.b64decode(layer.pictures[year].split(",")[1])))
    values = np.asarray(picture.resize((40, 40), Image.Resampling.NEAREST))
    assert values[32:38, 2:18].min() >= 250
    np.testing.assert_allclose(values[32:38, 22:38].reshape(-1, 3).mean(axis=0), map_layers.UNSEEN, atol=4)


def test_what_did_not_pass_stands_on_top(everything):
    table = everything.trend[0].assign(mapped_km2=[100.0, 101.0, 160.0, 161.0][: len(everything.trend[0])])
    text = build_report(SUBJECT, dataclasses.replace(everything, trend=(table, everything.trend[1])))
    sentence = "The mapped area moves by up to 58%"
    assert text.index(sentence) < text.index('class="finding"') < text.index('<h2 id="maps">'), text[:3000]
    assert sentence not in build_report(SUBJECT, everything)


def test_maps_worse_than_a_blank_one_do_not_open_with_their_area(everything):
    evaluation, metrics = everything.evaluation
    wrong = evaluation.assign(predicted=1 - evaluation["label"])
    text = build_report(SUBJECT, dataclasses.replace(everything, evaluation=(wrong, metrics)))
    assert "Do not use these maps as they are." in text and 'class="finding"' not in text
    statement = str(escape(everything.trend[1]["statement"]))
    assert text.index("Do not use these maps") < text.index('<h2 id="trend">') < text.index(statement)


def test_the_verdict_on_a_change_stands_where_a_phone_shows_it(everything, page):
    changes = page.tables["Change of built-up area, km²"]
    for change in everything.trend[1]["changes"]:
        verdict, value, *_ = changes[f"{change['from']} to {change['to']}"]
        assert verdict == change["verdict"] and numbers(value) == pytest.approx([change["km2"]], abs=0.51)


def test_a_page_can_be_handed_on(everything):
    request = dataclasses.replace(everything.exports[0].request, archive="/home/somebody/work/archive/catalog.json")
    ticket = dataclasses.replace(everything.exports[0], request=request)
    page = Page(build_report(SUBJECT, dataclasses.replace(everything, exports=[ticket])))
    assert "/home/somebody" not in page.text and "archive/catalog.json" in page.text
    assert "Contains modified Copernicus Sentinel data" in page.text
    assert "holds nothing of these sources" not in page.text
    assert "Made 2026-01-31 with fusion_assets" in page.text


def test_contents_lead_to_every_section(text):
    targets = re.findall(r'<li><a href="#(\w+)">', text)
    assert targets and targets == re.findall(r'<h2 id="(\w+)">', text)


def test_the_same_inputs_give_the_same_page(text, found):
    assert build_report(SUBJECT, found) == text
