"""The report on embeddings: what its verdict claims, that nothing is left out, and what speaks against it."""

import copy
import re

import numpy as np
import pytest

from fusion_assets.orchestration.assembly import site_of
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.systems.embeddings import judgement, pictures, tables
from fusion_assets.systems.embeddings.corpus.shards import TABLE, make_shard
from fusion_assets.systems.embeddings.defs.report import page_of, report_assets
from fusion_assets.systems.embeddings.evidence.evaluation import LEARNT, WITH_STATISTICS
from fusion_assets.systems.embeddings.pictures import Example
from fusion_assets.systems.embeddings.report import HEADINGS, Findings, Subject, build_report
from fusion_assets.systems.embeddings.system import EMBEDDINGS
from fusion_assets.systems.embeddings.wording import verdict_of
from fusion_assets_tests.chromium import reading
from fusion_assets_tests.systems.embeddings.corpus.small_archive import LAYOUT, archive_reader
from fusion_assets_tests.systems.embeddings.corpus.small_archive import plan as archive_plan
from fusion_assets_tests.systems.embeddings.evaluations import DOUBT, around, evaluation, index
from fusion_assets_tests.systems.embeddings.test_section import study

SUBJECT = Subject("pairs", "Embeddings of pairs", "abc", "2024-05-06", ("sentinel1_grd", "sentinel2_l2a", "land_cover"))


def examples(table, count=2):
    random = np.random.default_rng(0)
    rows = table.iloc[:count].to_dict("records")
    return [Example(random.uniform(0, 0.3, (12, 12, 3)), random.normal(-12, 3, (12, 12, 2)), row) for row in rows]


def page(document, subject=SUBJECT, **of_index):
    table, corpus, plan = index(**of_index)
    return build_report(subject, Findings(document, table, corpus, plan, examples(table)))


@pytest.fixture(scope="module")
def text():
    return page(evaluation())


def test_one_file_with_everything_on_it(text):
    assert not re.search(r'(src|href)="(?!data:|#)', text.replace("xlink:", "").replace('href="#', 'href="data:'))
    assert "<script" not in text and "Synthetic." not in text
    assert all(f">{heading}</h2>" in text for heading in HEADINGS.values())
    assert text.index('class="finding"') < text.index("<main>")
    assert text.count("<svg") == 3 and text.count('src="data:image/png') == 1 + 2 * 2
    for said in ("arXiv:2105.04906", "Cite as: Embeddings of pairs", "Natural Earth", "Copernicus Sentinel data 2021"):
        assert said in text
    assert (
        "/somewhere" not in text
        and "pairs/catalog.json" in text
        and "https://stac.example/v1" in text
        and DOUBT in text
    )


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (0.06, "beats tuned statistics (5 of 5 figures)"),
        (0.01, "is not shown to beat tuned statistics (0 of 5 figures)"),
        (-0.06, "does worse than tuned statistics (0 of 5 figures)"),
    ],
)
def test_the_verdict_claims_what_whole_intervals_show(gain, said):
    document = evaluation({"radar": gain})
    assert judgement.answer(document, "radar").claim == f"Radar alone: the encoder {said}."
    assert "the encoder beats tuned statistics (5 of 5 figures)" in judgement.answer(document, "both").claim


def test_a_verdict_in_part_names_both_sides():
    document = evaluation({(LEARNT, "both", "linear"): -0.05, (LEARNT, "both", "ridge"): 0.0})
    answer = judgement.answer(document, "both")
    assert "beats tuned statistics in part (2 of 5 figures)" in answer.claim
    said = answer.figures
    better, worse, unknown = (said.index(f"{word}: ") for word in ("Better", "worse", "cannot tell"))
    assert better < said.index("five nearest neighbours (300 labels) +0.060 (+0.040 to +0.080)") < worse
    assert worse < said.index("linear probe (300 labels) -0.050") < unknown < said.index("shares, ridge")
    only_worse = {(LEARNT, "radar", "linear"): -0.05} | {
        (LEARNT, "radar", name): 0.0 for name in ("neighbours", "ridge")
    }
    assert (
        "does not beat tuned statistics, and does worse in part"
        in judgement.answer(evaluation(only_worse), "radar").claim
    )


def test_what_was_not_paired_is_not_claimed():
    document = evaluation()
    for row in document["probes"]:
        row.pop("difference", None)
    assert "is not shown to beat" in judgement.answer(document, "both").claim and verdict_of(None) == "cannot tell"
    assert verdict_of(around(0.01, 0.01)) == "cannot tell"


def test_the_verdict_is_of_radar_and_both_and_of_statistics_with_the_encoder(text):
    said = judgement.answers(evaluation())
    assert [each.claim.partition(":")[0] for each in said] == ["Radar alone", "Both sensors"] * 2
    assert ["the encoder with statistics beats" in each.claim for each in said] == [False, False, True, True]
    top = text.split("<main>")[0]
    assert all(each.claim in top and each.figures in top for each in said)


def test_every_method_stands_in_tables_and_picture_with_the_same_figures():
    document = evaluation({(WITH_STATISTICS, "radar", "neighbours"): 0.111})
    made = list(tables.probes_tables(document))
    captions = [each["caption"].partition(":")[0] for each in made]
    assert captions == [
        "Five nearest neighbours, 300 labels", "Five nearest neighbours, 100 labels", "Linear probe, 300 labels",
        "Linear probe, 100 labels", "Shares, ridge, 300 labels",
    ]  # fmt: skip
    assert [row[0] for row in made[0]["rows"]] == [
        "statistics of each band", "the encoder, untrained", "the encoder", "the encoder with statistics",
    ]  # fmt: skip
    assert made[0]["rows"][3][1] == "0.541 (0.511 to 0.571)"
    drawing = pictures.draw_methods(document).drawing
    assert drawing == pictures.draw_methods(document).drawing and drawing.startswith("<svg")
    differences = tables.differences_table(document)["rows"]
    assert len(differences) == 2 * 3 * 5 and {row[-1] for row in differences} == {"better"}


def test_partners_heads_and_shots_are_told_with_their_floors(text):
    said = " ".join(judgement.findings(evaluation()))
    assert "among 169 places in 21.0% of cases at once (by chance 0.6%)" in said
    assert "the best floor, statistics of each band, in directions that agree" in said and "finds 8.0%" in said
    assert "keeps 64% (61% to 67%) of its macro F1" in said
    assert "Classes that were never shown, 5 labelled places of each, both sensors" in said
    (row, _) = tables.transfer_table(evaluation())["rows"]
    assert row[2:5] == ("0.720 (0.690 to 0.750)", "0.460 (0.430 to 0.490)", "0.490 (0.460 to 0.520)")
    nothing = evaluation(partners=[], few_shot=[])
    assert tables.partners_table(nothing) is None and "No class was held back" in page(nothing)
    assert "No class was held back" not in text


def test_what_is_missing_is_counted_and_named():
    table, corpus, _ = index()
    rows = tables.states_table(corpus)["rows"]
    assert rows == [("asked for", "40", "100.0%"), ("got", "36", "90.0%"), (f"missing: {DOUBT}", "4", "10.0%")]
    got = table[table["state"] == "got"]
    assert [row[1] for row in tables.splits_table(got)["rows"]] == ["18", "9", "9"]
    (patches, *shards) = tables.alignment_table(got, corpus)["rows"]
    assert patches[1:4] == ("+0.25", "-0.50", "0.40") and len(shards) == 2 and shards[0][1] == "+0.20"


def failed(document, corpus=None, plan=None):
    _, own, its_plan = index()
    judged = [*judgement.of_evaluation(document), *judgement.of_corpus(corpus or own, plan or its_plan)]
    return {each.name for each in judged if not each.passed}


def test_what_speaks_against_figures_is_said():
    assert failed(evaluation()) == set()
    few = evaluation(task={**evaluation()["task"], "cells": 4})
    flat = evaluation(encoder={**evaluation()["encoder"], "history": [{"loss": 9.0}, {"loss": 9.5}]})
    idle = evaluation({"radar": -0.07})
    lost = copy.deepcopy(evaluation())
    lost["partners"][1]["r1"] = 0.01
    assert (failed(few), failed(flat)) == ({"enough_cells"}, {"learnt_something"})
    assert (failed(idle), failed(lost)) == ({"better_than_untrained"}, {"partners_found", "partners_beyond_floors"})
    lost["partners"][1]["r1"] = 0.07
    assert failed(lost) == {"partners_beyond_floors"}
    assert "in 4 cells were tested" in page(few).split("<main>")[0]


def test_what_speaks_against_the_corpus_is_said():
    _, corpus, plan = index(lacking=8)
    corpus["shards"]["0001"]["alignment"] = {"patches": 20, "shift_x": 3.0, "shift_y": 0.0, "flag": "shifted"}
    corpus["splits"].pop("test")
    doubtful = {**plan, "unusable": {"count": 2, "first": ["a", "b"]}}
    assert failed(evaluation(), corpus, doubtful) == {
        "as_many_as_asked", "sensors_aligned", "some_test", "scenes_usable",
    }  # fmt: skip


def test_simulated_scenes_and_layers_of_their_own_licence_are_named(text):
    changed = page(evaluation(), Subject(**{**vars(SUBJECT), "synthetic": True, "osm": True}))
    assert "<strong>Synthetic.</strong>" in changed.split("<main>")[0] and "OpenStreetMap contributors" in changed
    assert "OpenStreetMap" not in text


def test_a_corpus_without_patches_to_show_has_a_page():
    table, corpus, plan = index(lacking=40)
    text = build_report(SUBJECT, Findings(evaluation(), table, corpus, plan))
    assert "No patch can be shown" in text and "no patch is learnt from" in text


def test_the_end_of_a_run_says_what_the_encoder_is_worth():
    lines = list(judgement.headline(evaluation({"radar": -0.06})))
    assert lines[0] == "Radar alone: the encoder against tuned statistics: worse in 5"
    assert lines[1].endswith("five nearest neighbours (300 labels) -0.060 (-0.080 to -0.040): worse")
    assert "Both sensors: the encoder against tuned statistics: better in 5" in lines


@pytest.mark.parametrize("shards", [1, 2])
def test_patches_are_those_of_the_first_shard_stored(tmp_path, shards):
    table, corpus, plan = index(lacking=31)
    table = table.assign(shard=np.arange(len(table)) // (40 // shards), optics="optics")
    made = make_shard(
        storage := Storage(tmp_path),
        storage.path("patches", None, None, "json", ("0000",)),
        archive_plan(9), archive_reader(tmp_path), LAYOUT, tmp_path / "work", facts={},
    )  # fmt: skip
    files = {TABLE: str(tmp_path / "patches" / made.name / TABLE)}
    chosen = study(count=40, shard_size=40 // shards, labels={"land_cover": "land_cover"})
    settings = Settings.from_environment({"archive": "unused", "storage": str(tmp_path)})
    patches = {"0000": files, "0001": {}} if shards == 2 else files
    site = site_of([EMBEDDINGS], chosen, settings)
    page = page_of(site, "2024-05-06", evaluation(), plan, (table, corpus), patches)
    assert page.count('src="data:image/png') == 1 + 2 * 6 and "<strong>Synthetic." not in page
    assert "Annual land cover" in page and f"digest {chosen.digest('embeddings')}" in page


def test_there_is_no_report_without_labels_to_judge_by():
    settings = Settings.from_environment({"archive": "unused", "storage": "unused"})
    assert report_assets(site_of([EMBEDDINGS], study(), settings)) == []
    assert "labels" in EMBEDDINGS.lacking(study())["embeddings_report"]


@pytest.mark.slow
def test_the_page_fits_a_telephone_and_asks_for_nothing(text, tmp_path):
    with reading(tmp_path) as opened:
        for width in (390, 1400):
            driver = opened(text, width)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width, "scrolls sideways"
