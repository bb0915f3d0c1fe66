"""Tables of the report about agreement: scores beside their baselines, errors by class, sensors, other regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_assets.reports.tables import UNKNOWN, table_of, with_interval

_ANSWERS = {
    "model": "model",
    "baseline": "random forest",
    "neighbourhood": "neighbourhood forest",
    "baseline_at_half": "forest at 0.5",
    "majority": "more frequent class",
}
_FIGURES = {
    "accuracy": "accuracy",
    "mcc": "MCC",
    "average_precision": "average precision",
    "precision": "precision (built-up)",
    "recall": "recall (built-up)",
    "ece": "calibration error",
}
# Error: what it is 1 less, and the confusion counts that it is a share of.
_ERRORS = {
    "built-up, omission": ("recall", ("tp", "fn")),
    "built-up, commission": ("precision", ("tp", "fp")),
    "not built-up, omission": ("recall_not_built_up", ("tn", "fp")),
    "not built-up, commission": ("precision_not_built_up", ("tn", "fn")),
}


def quality_tables(metrics: Mapping[str, Any], ablation: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Scores beside their baselines, paired differences, errors by class, the truth, what each sensor contributes."""
    yield _scores_table("Agreement with the labels, with 95 % intervals", metrics)
    yield _differences_table("How much better the model is than each of the others, with 95 % intervals", metrics)
    counts = metrics["model"]["confusion"]
    yield table_of(
        "Samples by class, judged by models that did not see them",
        ("", "mapped not built-up", "mapped built-up"),
        (
            ("labelled not built-up", f"{counts['tn']:,}", f"{counts['fp']:,}"),
            ("labelled built-up", f"{counts['fn']:,}", f"{counts['tp']:,}"),
        ),
        (1, 2),
    )
    yield _errors_table(metrics)
    if "truth" in metrics:
        yield _scores_table("Against the synthetic truth of the same samples, with 95 % intervals", metrics["truth"])
    if ablation is not None:
        yield _ablation_table(ablation)


def transfer_tables(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A region mapped by what was learnt in the others."""
    yield _scores_table("Learnt from other regions only, with 95 % intervals", metrics)
    yield _differences_table("How much better that model is than each of the others, with 95 % intervals", metrics)


def _scores_table(caption: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    rows = [(title, *(_figure(metrics, answer, figure) for answer in _ANSWERS)) for figure, title in _FIGURES.items()]
    columns = list(_ANSWERS.values())
    if "labels" in metrics:
        columns.append("labels")
        labels = metrics["labels"]
        rows = [
            (*row, f"{labels[key]:.3f}" if key in labels else UNKNOWN) for row, key in zip(rows, _FIGURES, strict=True)
        ]
    return table_of(caption, ("", *columns), rows, range(1, 1 + len(columns)))


def _figure(metrics: Mapping[str, Any], answer: str, figure: str) -> str:
    interval = metrics["intervals"][answer].get(figure)
    counts = metrics[answer]["confusion"]
    nothing = figure == "precision" and counts["tp"] + counts["fp"] == 0
    return UNKNOWN if nothing else with_interval(interval)


def _differences_table(caption: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    others = [name for name in _ANSWERS if name != "model"]
    pairs = [metrics["intervals"][f"model_minus_{other}"] for other in others]
    rows = [
        (_FIGURES[figure], *(with_interval(differences.get(figure), signed=True) for differences in pairs))
        for figure in ("accuracy", "mcc", "average_precision")
    ]
    return table_of(caption, ("", *(f"than {_ANSWERS[other]}" for other in others)), rows, range(1, 1 + len(others)))


def _errors_table(metrics: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for title, (figure, parts) in _ERRORS.items():
        cells = []
        for answer in _ANSWERS:
            right, counts = metrics["intervals"][answer][figure], metrics[answer]["confusion"]
            error = {"value": 1 - right["value"], "low": 1 - right["high"], "high": 1 - right["low"]}
            cells.append(with_interval(error if sum(counts[part] for part in parts) else None))
        rows.append((title, *cells))
    return table_of("Errors by class, with 95 % intervals", ("", *_ANSWERS.values()), rows, range(1, 1 + len(_ANSWERS)))


def _ablation_table(ablation: Mapping[str, Any]) -> dict[str, Any]:
    figures, figure_names = ("mcc", "average_precision"), ("MCC", "average precision")
    rows = []
    for name, entry in ablation["sets"].items():
        less = entry.get("minus_whole", {})
        cells = [with_interval(entry["intervals"][figure]) for figure in figures]
        rows.append((name, *cells, *(with_interval(less.get(figure), signed=True) for figure in figures)))
    whole = ablation["whole"]
    columns = ("features", *figure_names, *(f"{name}, less that of {whole}" for name in figure_names))
    return table_of("What each sensor contributes, with 95 % intervals", columns, rows, (1, 2, 3, 4))
