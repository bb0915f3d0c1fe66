"""Evaluations and corpora that nobody made: documents and tables as the report takes them."""

import numpy as np
import pandas as pd

from fusion_assets.systems.embeddings.evidence.evaluation import FLOOR, LEARNT, TRANSFER, WITH_STATISTICS

METHODS = (FLOOR, "untrained", LEARNT, WITH_STATISTICS)
PROBES = (("neighbours", 300, "macro_f1"), ("neighbours", 100, "macro_f1"), ("linear", 300, "macro_f1"),
          ("linear", 100, "macro_f1"), ("ridge", 300, "r2"))  # fmt: skip
DOUBT = "no clear optical scene within 72 h of a radar pass"


def around(value, half=0.03):
    """A figure with its interval."""
    return {"value": value, "low": value - half, "high": value + half}


def evaluation(gains=None, **changes):
    """The document of an evaluation.

    Args:
        gains: by use, or by method, use and probe: what the encoder differs by from statistics; 0.06 elsewhere.
        changes: to the document.
    """
    gains = gains or {}
    rows = []
    for method in METHODS:
        for use, floor in (("radar", 0.43), ("optics", 0.63), ("both", 0.66)):
            for probe, labels, figure in PROBES:
                gain = gains.get((method, use, probe), gains.get(use, 0.06))
                gain = {FLOOR: 0.0, "untrained": -0.06}.get(method, gain)
                row = {"method": method, "use": use, "probe": probe, "labels": labels, "figure": figure, "setting": ""}
                row |= around(floor + gain)
                rows.append(row if method == FLOOR else row | {"difference": around(gain, 0.02)})
    for probe in ("neighbours", "linear"):
        row = {"method": LEARNT, "use": TRANSFER, "probe": probe, "labels": 300, "figure": "macro_f1", "setting": ""}
        rows.append(row | around(0.46) | {"kept": around(0.64)})
    document = {
        "probes": rows,
        "partners": [
            {"method": name, "gallery": 169.0, "r1": r1, "r5": 2 * r1, "median_rank": rank, "chance": 1 / 169}
            for name, r1, rank in (("statistics, canonical", 0.08, 20.0), (LEARNT, 0.21, 6.0))
        ],
        "few_shot": [{"method": LEARNT, "use": "both", "shots": 5, "classes": 3.0, **around(0.7)}],
        "task": {"learnt": 300, "tested": 150, "cells": 12, "classes": ["Water", "Trees"], "labels": "land_cover"},
        "encoder": {
            "parameters": 368_000,
            "pretext": "vicreg",
            "steps": 1000,
            "history": [{"loss": 25.0}, {"loss": 12.0}, {"loss": 9.5}],
        },
    }
    return document | changes


def index(count=40, lacking=4):
    """The table of an index, its document, and that of its plan."""
    random = np.random.default_rng(0)
    lon, lat = random.uniform(80.6, 81.3, count), random.uniform(26.7, 27.2, count)
    day = pd.Timestamp("2022-01-05 05:00", tz="UTC")
    table = pd.DataFrame(
        {
            "patch": np.arange(count),
            "shard": np.arange(count) // 20,
            "position": np.arange(count) % 20,
            "lon": lon,
            "lat": lat,
            "cell": [f"cell {number % 6}" for number in range(count)],
            "split": [("train", "train", "test", "buffer")[number % 4] for number in range(count)],
            "state": ["got"] * (count - lacking) + [DOUBT] * lacking,
            "optics_time": day,
            "radar_time": day,
            "clear_share": 0.97,
            "cloudy": False,
            "unit": "sigma0",
            "direction": ["ascending", None] * (count // 2),
            "gap_hours": random.normal(0, 20, count),
            "shift_x": 0.25,
            "shift_y": -0.5,
            "correlation": [0.4] * (count - lacking) + [np.nan] * lacking,
            "flag": "",
        }
    )
    got = table[table["state"] == "got"]
    alignment = {"patches": 20, "shift_x": 0.2, "shift_y": -0.4, "correlation": 0.41, "flag": ""}
    document = {
        "asked": count,
        "got": len(got),
        "missing": {DOUBT: lacking} if lacking else {},
        "splits": got["split"].value_counts().to_dict(),
        "flags": {"none": len(got)},
        "shards": {"0000": {"alignment": alignment, "size": 1000}, "0001": {"alignment": alignment, "size": 900}},
    }
    plan = {
        "period": ["2021-12-01", "2022-02-28"],
        "archives": {"optics": "/somewhere/pairs/catalog.json", "radar": "https://stac.example/v1"},
        "bands": ["B02", "B04"],
        "unit": "sigma0",
        "patch_size": 24,
        "gap_hours": 13.5,
        "unusable": {"count": 0, "first": []},
    }
    return table, document, plan
