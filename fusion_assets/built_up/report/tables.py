"""The tables of the report: a caption, column names, rows of text, and which columns hold numbers.

Does not belong here: sentences (`words.py`), the page (`templates/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.built_up import trend
from fusion_assets.imagery.exports import Export
from fusion_assets.imagery.products import PRODUCTS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_PACKAGES = ("fusion-assets", "dagster", "tensorflow", "scikit-learn", "rasterio", "xarray", "numpy")


def _table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> dict[str, Any]:
    return {"caption": caption, "columns": columns, "rows": rows, "numbers": set(numbers)}


def trend_table(table: pd.DataFrame) -> dict[str, Any]:
    """Area of each year."""
    adjusted = table["kind"].iloc[0] == trend.ADJUSTED
    range_name = "95 % interval" if adjusted else "range of thresholds"
    rows = [
        (str(row.year), f"{row.area_km2:,.0f}", f"{row.low:,.0f} to {row.high:,.0f}", f"{row.mapped_km2:,.0f}")
        for row in table.itertuples()
    ]
    return _table("Built-up area, km2", ("year", "area", range_name, "as mapped"), rows, (0, 1, 2, 3))


def agreement_tables(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each year's map against the reference sample, where there is one."""
    names = {
        "overall_accuracy": "overall accuracy",
        "users_accuracy": "user's accuracy of built-up",
        "producers_accuracy": "producer's accuracy of built-up",
    }
    rows = [
        (year, *(_with_interval(figures.get(name)) for name in names))
        for year, figures in document.get("agreement", {}).items()
    ]
    if rows:
        yield _table(
            "Maps against the reference sample, with 95 % intervals", ("year", *names.values()), rows, (1, 2, 3)
        )


def quality_tables(metrics: Mapping[str, Any], ablation: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Scores beside their baselines, errors by class, and what each sensor contributes."""
    names = {"model": "model", "baseline": "random forest", "majority": "more frequent class"}
    figures = {
        "accuracy": "accuracy",
        "mcc": "MCC",
        "average_precision": "average precision",
        "precision": "precision (built-up)",
        "recall": "recall (built-up)",
        "ece": "calibration error",
    }
    rows = [
        (title, *(_with_interval(metrics["intervals"][key].get(figure)) for key in names))
        for figure, title in figures.items()
    ]
    yield _table("Agreement with the labels, with 95 % intervals", ("", *names.values()), rows, (1, 2, 3))
    counts = metrics["model"]["confusion"]
    yield _table(
        "Samples by class, out of fold",
        ("", "mapped not built-up", "mapped built-up"),
        (
            ("labelled not built-up", f"{counts['tn']:,}", f"{counts['fp']:,}"),
            ("labelled built-up", f"{counts['fn']:,}", f"{counts['tp']:,}"),
        ),
        (1, 2),
    )
    if ablation is not None:
        rows = [
            (name, *(_with_interval(entry["intervals"][figure]) for figure in ("mcc", "average_precision")))
            for name, entry in ablation["sets"].items()
        ]
        yield _table("What each sensor contributes", ("features", "MCC", "average precision"), rows, (1, 2))


def _with_interval(known: Mapping[str, float] | None) -> str:
    if known is None or not np.isfinite(known["value"]):
        return ""
    return f"{known['value']:.3f} ({known['low']:.3f} to {known['high']:.3f})"


def exports_table(exports: Sequence[Export]) -> dict[str, Any]:
    """Everything that was asked of an engine."""
    rows = []
    for export in sorted(exports, key=lambda e: (e.request.asset, e.request.year)):
        request, (first, last) = export.request, export.request.window
        rows.append(
            (
                request.asset, str(request.year), PRODUCTS[request.product].title, f"{first} to {last}",
                f"{len(export.scenes):,}", export.engine, export.id, request.recipe_digest,
            )
        )  # fmt: skip
    columns = ("made into", "year", "product", "days", "scenes", "engine", "operation", "recipe")
    return _table("Imagery and labels", columns, rows, (1, 4))


def versions_table(study: str, predictions: Mapping[int, xr.Dataset]) -> dict[str, Any]:
    """Study, maps and software."""
    told = {year: mapped.attrs for year, mapped in sorted(predictions.items())}
    rows = [
        ("study", study),
        *(
            (f"map of {year}", f"model {facts.get('model', '')}, threshold {facts.get('threshold', '')}")
            for year, facts in told.items()
        ),
        ("software", ", ".join(f"{name} {version(name)}" for name in _PACKAGES)),
    ]
    return _table("Study, maps, software", ("", ""), rows, ())
