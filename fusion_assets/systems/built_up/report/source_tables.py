"""Tables of the report about what went in, study and software, and about how years differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fusion_assets.evaluation import drift
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.redaction import public_url
from fusion_assets.reports.source_tables import software
from fusion_assets.reports.tables import UNKNOWN, table_of
from fusion_assets.systems.built_up.features.labels import BUILT_UP

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_PACKAGES = ("fusion-assets", "dagster", "tensorflow", "scikit-learn", "rasterio", "xarray", "numpy")


def versions_table(study: str, predictions: Mapping[int, xr.Dataset], exports: Sequence[Export]) -> dict[str, Any]:
    """Study, archive, maps and software."""
    tags = {year: mapped.attrs for year, mapped in sorted(predictions.items())}
    archives = sorted({public_url(export.request.archive) for export in exports if export.request.archive})
    collections = sorted({name for export in exports for name in export.request.collections})
    rows = [
        ("study", study),
        *(("archive", archive) for archive in archives),
        ("collections asked for", ", ".join(collections)),
        *(
            (f"map of {year}", f"model {facts.get('model', '')}, threshold {facts.get('threshold', '')}")
            for year, facts in tags.items()
        ),
        software(*_PACKAGES),
    ]
    return table_of("Study, maps, software", ("", ""), rows, unbroken=(0,), anywhere=(1,))


def year_tables(
    stacks: Mapping[int, xr.Dataset], predictions: Mapping[int, xr.Dataset], table: pd.DataFrame, metrics: Mapping
) -> Iterator[dict[str, Any]]:
    """How each year differs from the label year: features and map at the samples, and what cleaning did to lights.

    Args:
        stacks: fused stacks by year, lazy.
        predictions: maps of the same years, lazy.
        table: of `evaluation.evaluate`.
        metrics: likewise; without `features` there is nothing to compare with.
    """
    years = sorted(predictions)
    moved = {year: drift.feature_drift(metrics.get("features", {}), stacks[year], table) for year in years}
    names = [name for name in metrics.get("features", {}) if any(name in drifts for drifts in moved.values())]
    if names:
        rows = [
            (name, *(f"{moved[year][name]['psi']:.3f}" if name in moved[year] else UNKNOWN for year in years))
            for name in names
        ]
        caption = "Drift of each feature since the label year (population stability index)"
        yield table_of(caption, ("feature", *map(str, years)), rows, range(1, 1 + len(years)))
    differs = {year: drift.disagreement(predictions[year][BUILT_UP], table) for year in years}
    if any(differs.values()):
        kinds = {"gained": "mapped, not labelled", "lost": "labelled, not mapped", "disagree": "either"}
        rows = [
            (title, *(f"{differs[year][key]:.1%}" if differs[year] else UNKNOWN for year in years))
            for key, title in kinds.items()
        ]
        caption = "Samples where a year's map and the labels of the label year differ"
        yield table_of(caption, ("", *map(str, years)), rows, range(1, 1 + len(years)))
    yield from _lights_table({year: json.loads(stacks[year].attrs.get("lights") or "{}") for year in years})


def _lights_table(reports: Mapping[int, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What each step of cleaning did, where the stacks say so."""
    rows = [
        (
            str(year), step["step"], f"{step['changed']:,}", f"{step['share']:.1%}", f"{step['mean_change']:+.3f}",
            f"{report['offset']:+.3f}", f"{report['gain']:.3f}",
        )
        for year, report in reports.items()
        for step in report.get("steps", ())
    ]  # fmt: skip
    if rows:
        columns = ("year", "step", "pixels changed", "share", "mean change", "offset", "gain")
        yield table_of("Cleaning of night lights, nW/cm2/sr", columns, rows, (0, 2, 3, 4, 5, 6))
