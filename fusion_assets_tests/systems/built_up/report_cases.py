"""Small findings to make reports from, with and without a reference sample, and what a page holds, parsed."""

import dataclasses
import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import shapely

from fusion_assets.evaluation.bootstrap import Resamples, differences, intervals
from fusion_assets.evaluation.drift import feature_reference
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.systems.built_up.accuracy import evaluation
from fusion_assets.systems.built_up.areas import trend
from fusion_assets.systems.built_up.areas.change_map import change_map
from fusion_assets.systems.built_up.report import Findings, Subject
from fusion_assets_tests.imagery.archives import small_request

YEARS = (2016, 2018, 2019)
OUTLINE = shapely.box(86.9, 26.9, 87.3, 27.3)
BANDS = ("B02", "B03", "B04", "B08", "avg_rad")
SUBJECT = Subject("small", "Small <places> & others", "here", 2015, "abc", "2026-01-31")
SOURCE = {"source": "points.csv", "digest": "aa11bb22cc33"}
LIGHTS = {
    "steps": [{"step": "outliers", "changed": 12, "share": 0.0075, "mean_change": -0.031}],
    "offset": 0.021,
    "gain": 1.07,
}


def findings(edge=40, chunk=16, years=YEARS, reference=None, source=None):
    """Findings of noise on 100 m pixels, without a sample and with one kind of sensor, unless told otherwise."""
    random = np.random.default_rng(0)
    grid = Grid.from_bounds((500000, 2990000, 500000 + edge * 100, 2990000 + edge * 100), "EPSG:32645", 100)
    predictions, stacks = {}, {}
    for year in years:
        probability = random.random(grid.shape).astype("f4")
        probability[:3] = np.nan
        built = np.where(np.isnan(probability), np.nan, probability >= 0.6).astype("f4")
        predictions[year] = grid.dataset({"probability": probability, "built_up": built}).chunk(chunk)
        predictions[year].attrs = {"model": "0123456789ab", "threshold": "0.6"}
        stacks[year] = grid.dataset({band: random.random(grid.shape).astype("f4") for band in BANDS}).chunk(chunk)
    label = random.random(400) < 0.3
    probability = np.clip(label * 0.4 + random.random(400) * 0.6, 0, 1)
    x, y = grid.centres()
    table = pd.DataFrame(
        {
            "x": random.choice(x, 400), "y": random.choice(y, 400), "label": label.astype("int8"),
            "block": random.integers(0, 20, 400), "probability": probability, "predicted": probability > 0.5,
            "baseline_probability": random.random(400), "baseline_predicted": random.random(400) > 0.5,
            "neighbourhood_probability": random.random(400), "neighbourhood_predicted": random.random(400) > 0.5,
        }
    )  # fmt: skip
    ticket = Export("op1", small_request("catalog.json"), ("<b>scene", "s2"), "SUCCEEDED", "archive", "2020", "2020")
    return Findings(
        predictions=predictions,
        stacks=stacks,
        change=change_map(predictions),
        trend=trend.built_up_trend(predictions, table, OUTLINE, "GHSL labels", reference, source),
        evaluation=(table, evaluation.measured(table)),
        ablation=None,
        exports=[ticket],
    )


def sample(edge=40, count=150):
    """A panel of interpreted points on the grid of `findings`, in two strata, as `checked_reference` gives it."""
    random = np.random.default_rng(1)
    cell = random.choice(edge * edge, 2 * count, replace=False)
    row, col = cell // edge, cell % edge
    stratum = np.where(col < edge // 2, "west", "east")
    chance = pd.Series(stratum).map(pd.Series(stratum).value_counts() / (edge * edge / 2)).to_numpy()
    place = np.arange(len(cell))
    facts = {"place": place, "stratum": stratum, "chance": chance, "weight": 0.01 / chance, "row": row, "col": col}
    level = random.random(len(cell))
    return pd.concat(
        [
            pd.DataFrame({**facts, "year": year, "label": (level < 0.2 + 0.05 * i).astype(int), "inside": True})
            for i, year in enumerate(YEARS)
        ],
        ignore_index=True,
    )


def whole():
    """Findings of a study that has everything: a sample, two sensors, several regions, a known truth."""
    found = findings(reference=sample(), source=SOURCE)
    table, metrics = found.evaluation
    random = np.random.default_rng(2)
    truth = np.where(random.random(len(table)) < 0.9, table["label"], 1 - table["label"]).astype("uint8")
    values = random.random((len(table), 2))
    metrics = metrics | {
        "truth": evaluation.against_truth(table, truth),
        "features": feature_reference(values, ["B02", "avg_rad"]),
    }
    other = evaluation.measured(table.assign(predicted=table["baseline_predicted"]))
    for stack in found.stacks.values():
        stack.attrs = {"lights": json.dumps(LIGHTS)}
    return dataclasses.replace(
        found,
        evaluation=(table, metrics),
        ablation=ablation(table),
        transfer=other | {"trained_on": ["there"], "trained_samples": 321, "minus_local": other["intervals"]["model"]},
    )


def sensors(table):
    """Prediction and probability of each set of features, made up."""
    probability = {
        "both": table["probability"],
        "optics": table["baseline_probability"],
        "lights": table["probability"] ** 2,
    }
    return {name: ((p > 0.5).to_numpy(), p.to_numpy()) for name, p in probability.items()}


def ablation(table):
    """The document of `ablation.ablate_features` for the predictions of `sensors`."""
    label, resamples = table["label"].to_numpy(), Resamples.of(table["block"].to_numpy())
    answers = sensors(table)
    both = {name: evaluation.scored(label, *answer, resamples) for name, answer in answers.items()}
    figures = {name: arrays for name, (_, arrays) in both.items()}
    sets = {}
    for name, (document, arrays) in both.items():
        sets[name] = {**document, "intervals": intervals(arrays, 20)}
        if name != "both":
            sets[name]["minus_whole"] = intervals(differences(figures[name], figures["both"]), 20)
    return {"n": len(label), "prevalence": float(label.mean()), "blocks": 20, "whole": "both", "sets": sets}


class Page(HTMLParser):
    """Tables by caption, as rows of cells by what the first cell says; all tags with their attributes; the text."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.tags, self.text = {}, [], ""
        self._inside, self._caption, self._rows = "", "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self._caption, self._rows = "", []
        elif tag == "tr":
            self._rows.append([])
        elif tag == "td":
            self._rows[-1].append("")
        if tag in ("td", "th", "caption", "style", "script"):
            self._inside = tag

    def handle_endtag(self, tag):
        if tag == "table":
            self.tables[self._caption] = {row[0]: row[1:] for row in self._rows if row}
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data):
        if self._inside == "td":
            self._rows[-1][-1] += data
        elif self._inside == "caption":
            self._caption += data
        if self._inside not in ("style", "script"):
            self.text += data
