"""Tables of the report on embeddings, made from the documents that its pictures are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.reports.tables import UNKNOWN, table_of, with_interval
from fusion_assets.systems.embeddings.evidence.evaluation import LEARNT, TRANSFER, WITH_STATISTICS
from fusion_assets.systems.embeddings.judgement import Row, rows_of
from fusion_assets.systems.embeddings.wording import (
    FIGURES,
    METHODS,
    PRETEXTS,
    PROBES,
    SPLITS,
    USES,
    method_text,
    probe_text,
    verdict_of,
)

if TYPE_CHECKING:
    import pandas as pd

ALONE = ("radar", "optics", "both")
_MOST_ROWS = 24
"""Shards that are named one by one."""


def probes_tables(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A table a probe and number of labels: every method by what it looks at, whatever it reaches."""
    by_probe: dict[tuple[str, int], dict[tuple[str, str], Row]] = {}
    for row in document["probes"]:
        if row["use"] in ALONE:
            by_probe.setdefault((row["probe"], row["labels"]), {}).setdefault((row["method"], row["use"]), row)
    for (probe, labels), found in sorted(by_probe.items(), key=lambda each: (_place(PROBES, each[0][0]), -each[0][1])):
        methods = sorted({method for method, _ in found}, key=lambda name: _place(METHODS, name))
        rows = [
            (METHODS.get(method, method), *(with_interval(found.get((method, use))) for use in ALONE))
            for method in methods
        ]
        figure = FIGURES[next(iter(found.values()))["figure"]]
        caption = f"{PROBES.get(probe, probe).capitalize()}, {labels:,} labels: {figure}, 95 % intervals over cells"
        yield table_of(caption, ("method", *(USES[use] for use in ALONE)), rows, (1, 2, 3))


def _place(order: Mapping[str, Any], name: str) -> int:
    """Where a name stands in an order; those that it does not know, last."""
    return list(order).index(name) if name in order else len(order)


def differences_table(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the encoder, alone and with statistics, differs by from tuned statistics, and what that shows."""
    rows = [
        (METHODS[method], USES[use], probe_text(row), with_interval(row.get("difference"), signed=True), shows)
        for method in (LEARNT, WITH_STATISTICS)
        for use in ALONE
        for row in rows_of(document, method, use)
        for shows in (verdict_of(row.get("difference")),)
    ]
    columns = ("method", "looks at", "probe", "difference to tuned statistics", "shows")
    return table_of("Against tuned statistics, on the same places and resamples of cells", columns, rows, (3,), (1, 4))


def transfer_table(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Heads that learnt from both sensors and are asked about radar alone; None where none was."""
    rows = []
    for method in METHODS:
        for row in rows_of(document, method, TRANSFER):
            same = {
                use: next((each for each in rows_of(document, method, use) if _alike(each, row)), None)
                for use in ("both", "radar")
            }
            kept = row.get("kept")
            ends = UNKNOWN if kept is None else f"{kept['value']:.0%} ({kept['low']:.0%} to {kept['high']:.0%})"
            figures = (with_interval(each) for each in (same["both"], row, same["radar"]))
            rows.append((METHODS[method], PROBES[row["probe"]], *figures, ends))
    columns = ("method", "probe", "asked about both", "asked about radar", "a head of radar's own", "share kept")
    caption = "Heads fitted on both sensors and asked about radar alone, macro F1"
    return table_of(caption, columns, rows, range(2, 6)) if rows else None


def _alike(one: Row, other: Row) -> bool:
    return bool(one["probe"] == other["probe"] and one["labels"] == other["labels"])


def partners_table(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Retrieval of what optics saw by what radar saw; None where there were no partners."""
    rows = [
        (
            method_text(row["method"]),
            f"{row['r1']:.1%}",
            f"{row['r5']:.1%}",
            f"{row['median_rank']:.1f}",
            f"{row['gallery']:.0f}",
            f"{row['chance']:.1%}",
        )
        for row in document["partners"]
    ]
    columns = ("method", "found at once (R@1)", "among five (R@5)", "median rank", "places", "at once by chance")
    return table_of("From radar to optics of the same place", columns, rows, range(1, 6)) if rows else None


def shots_table(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """A few labelled places of classes that nothing was learnt from; None where a study holds back none."""
    rows = [
        (
            method_text(row["method"]),
            USES[row["use"]],
            f"{row['shots']:,}",
            f"{row['classes']:.0f}",
            with_interval(row),
        )
        for row in document.get("few_shot") or ()
    ]
    columns = ("method", "looks at", "labelled places of each class", "classes", "macro F1")
    return table_of("Classes never shown, in cells not learnt from", columns, rows, (2, 3, 4)) if rows else None


def encoder_table(document: Mapping[str, Any]) -> dict[str, Any]:
    """The encoder and what it was judged on."""
    encoder, task = document["encoder"], document["task"]
    losses = [each["loss"] for each in encoder.get("history") or ()]
    classes = task["classes"]
    named = classes.values() if isinstance(classes, dict) else classes
    rows = [
        ("parameters", f"{encoder['parameters']:,}"),
        ("learnt by", PRETEXTS.get(encoder["pretext"], encoder["pretext"])),
        ("batches", f"{encoder['steps']:,}"),
        ("loss, first and last pass", f"{losses[0]:.4g}, {losses[-1]:.4g}" if losses else UNKNOWN),
        ("patches that probes learn from", f"{task['learnt']:,}"),
        ("patches tested, and their cells", f"{task['tested']:,}, {task['cells']:,}"),
        ("classes asked about", ", ".join(map(str, named))),
    ]
    if encoder.get("seconds") is not None:
        rows.insert(3, ("trained for", f"{encoder['seconds']:,.0f} s"))
    return table_of("Encoder and task", ("", ""), rows, anywhere=(1,))


def states_table(index: Mapping[str, Any]) -> dict[str, Any]:
    """What became of the places that were asked for."""
    asked = index["asked"]
    counts = {"asked for": asked, "got": index["got"], **{f"missing: {k}": n for k, n in index["missing"].items()}}
    rows = [(what, f"{count:,}", f"{count / asked:.1%}" if asked else UNKNOWN) for what, count in counts.items()]
    return table_of("Places asked for, got and missing", ("", "places", "share"), rows, (1, 2))


def splits_table(index: pd.DataFrame) -> dict[str, Any]:
    """Patches and cells by split; rows of the index that have a patch."""
    rows = []
    for split, title in SPLITS.items():
        here = index[index["split"] == split]
        rows.append((title, f"{len(here):,}", f"{here['cell'].nunique():,}"))
    return table_of("Patches by split; nothing is learnt near a test cell", ("split", "patches", "cells"), rows, (1, 2))


def pairs_table(index: pd.DataFrame) -> dict[str, Any]:
    """How near the two scenes of a pair are in time and how clear; rows of the index that have a patch."""
    gaps = index["gap_hours"].abs()
    rows = [
        ("hours between the two scenes, median", _number(gaps.median(), ".1f")),
        ("hours between the two scenes, longest", _number(gaps.max(), ".1f")),
        ("clear share of a patch, mean", _number(index["clear_share"].mean(), ".1%")),
        ("cloudy on purpose", f"{int(index['cloudy'].sum()):,}"),
        ("unit of radar", ", ".join(sorted(index["unit"].dropna().unique())) or UNKNOWN),
    ]
    passes = index["direction"].fillna("unknown").value_counts()
    rows += [(f"passes, {direction}", f"{count:,}") for direction, count in passes.items()]
    return table_of("Pairs of scenes", ("", ""), rows, (1,))


def alignment_table(index: pd.DataFrame, document: Mapping[str, Any]) -> dict[str, Any]:
    """How the two sensors lie on each other: the median of patches that tell, and the mean of every shard.

    Args:
        index: rows that have a patch.
        document: beside the index.
    """
    told = index[np.isfinite(index["correlation"].to_numpy(float))]
    medians = (_number(told[name].median(), "+z.2f") for name in ("shift_x", "shift_y"))
    row = (f"patches alone, median of {len(told):,} that tell", *medians, _number(told["correlation"].median(), ".2f"))
    rows = [(*row, UNKNOWN)]
    shards = list(document["shards"].items())
    for key, shard in shards[:_MOST_ROWS]:
        about = shard["alignment"]
        shifts = (_number(about.get(name), "+z.2f") for name in ("shift_x", "shift_y"))
        flag = about.get("flag") or "none"
        rows.append(
            (f"shard {key}, {about['patches']:,} together", *shifts, _number(about.get("correlation"), ".2f"), flag)
        )
    more = f"; the first {_MOST_ROWS} of {len(shards):,} shards" if len(shards) > _MOST_ROWS else ""
    columns = ("", "east, pixels of 10 m", "south, pixels", "correlation of edges", "doubt")
    return table_of(f"Radar against optics{more}", columns, rows, (1, 2, 3))


def flags_table(document: Mapping[str, Any]) -> dict[str, Any]:
    """Doubts about the alignment of single patches."""
    rows = [(flag, f"{count:,}") for flag, count in document["flags"].items()]
    return table_of("Doubts about the alignment of single patches", ("doubt", "patches"), rows, (1,))


def _number(value: Any, form: str) -> str:
    return UNKNOWN if value is None or not np.isfinite(value) else format(float(value), form)
