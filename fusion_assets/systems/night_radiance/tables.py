"""Tables of the report on night radiance, and figures as their cells show them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.counts import number_of
from fusion_assets.grids.grid import Grid
from fusion_assets.reports.tables import UNKNOWN, table_of
from fusion_assets.systems.night_radiance.cells import without_fires
from fusion_assets.systems.night_radiance.judgement import MOST_OF_CELLS, MOST_OF_TOTAL, sensor_text
from fusion_assets.systems.night_radiance.methods.table import METHODS, NO_IMAGERY
from fusion_assets.systems.night_radiance.scores import BASELINE

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

UNIT = "nW/cm2/sr"
_FIGURES = {
    "rmse": f"RMSE, {UNIT}",
    "mae": f"MAE, {UNIT}",
    "r2": "R2",
    f"to_{BASELINE}": "RMSE by that of interpolation",
    f"to_{NO_IMAGERY}": "RMSE by that without imagery",
}
_COLUMNS = _FIGURES | {"spearman": "rank correlation"}
_BRIGHTNESS = (0.0, 0.5, 2.0, 10.0, 50.0, np.inf)


def interval(entry: Mapping[str, float] | None) -> str:
    """A figure with the ends of its interval, two decimals."""
    if entry is None or not np.isfinite(entry["value"]):
        return UNKNOWN
    return f"{entry['value']:z.2f} ({entry['low']:z.2f} to {entry['high']:z.2f})"


def methods_table(what: str, figures: Mapping[str, Any], chosen: str) -> dict[str, Any]:
    """Errors of every method, the simplest first.

    Args:
        what: was compared, for the caption.
        figures: of `evaluation.figures`.
        chosen: name of the method that maps are made with.
    """
    methods = figures["methods"]
    shown = {key: text for key, text in _COLUMNS.items() if any(key in entry for entry in methods.values())}
    rows = [
        (
            f"{METHODS[name].text}{' – chosen' if name == chosen else ''}",
            *(interval(methods[name].get(key)) for key in shown),
        )
        for name in METHODS
        if name in methods
    ]
    caption = f"{what}, with 95 % intervals over {number_of(figures['groups'], 'block')}"
    return table_of(caption, ("method", *shown.values()), rows, range(1, 1 + len(shown)))


def places_table(year: int, table: pd.DataFrame, method: str) -> dict[str, Any]:
    """Errors place by place: of interpolation, without imagery, and of the chosen method."""
    shown = list(dict.fromkeys((BASELINE, NO_IMAGERY, method)))
    kept = table[(table["sensor"] == "wald") & table["method"].isin(shown)]  # reserved places, too
    squared, cells = (
        kept.pivot_table(index="place", columns="method", values=name, aggfunc="sum", sort=False)
        for name in ("squared_error", "cells")
    )
    rows = [
        (
            str(place),
            f"{int(cells.loc[place, method]):,}",
            *(f"{(squared.loc[place, name] / cells.loc[place, name]) ** 0.5:.2f}" for name in shown),
        )
        for place in squared.index
    ]
    columns = ("place", "cells", *(METHODS[name].text for name in shown))
    return table_of(f"{year}: RMSE by place, {UNIT}, learnt elsewhere", columns, rows, range(1, 5))


def sensors_table(year: int, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Errors of the chosen method where the sensor is another than the one assumed; None where none was tried."""
    method, keys = document["method"], ("rmse", f"to_{BASELINE}", f"to_{NO_IMAGERY}")
    tried = {"as assumed": document["wald"]}
    tried |= {sensor_text(name): figures for name, figures in document.get("sensors", {}).items()}
    if len(tried) == 1:
        return None
    rows = [(text, *(interval(figures["methods"][method].get(key)) for key in keys)) for text, figures in tried.items()]
    caption = f"{year}: the chosen method, where the sensor is another than assumed"
    return table_of(caption, ("sensor", *(_FIGURES[key] for key in keys)), rows, (1, 2, 3))


def references_table(year: int, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """How finer sensors were put in place and brought to radiance; None where there are none."""
    rows = [
        (
            entry["name"],
            entry["region"],
            entry["date"] if entry["date"].startswith(str(year)) else f"{entry['date']}: ANOTHER YEAR than the maps",
            entry["unit"],
            f"{entry['shift']['east']:+z.0f}, {entry['shift']['north']:+z.0f}",
            f"{entry['gain']:.4g}",
            f"{entry['offset']:+z.2f}",
            f"{entry['correlation']:.3f}",
            f"{entry['fitted_on']:,}",
        )
        for entry in document.get("reference", ())
    ]
    columns = (
        "reference", "region", "seen on", "unit", "moved, metres east and north", f"gain, {UNIT} for one of its unit",
        f"offset, {UNIT}", "correlation with cells", "cells",
    )  # fmt: skip
    caption = f"{year}: finer sensors, put in place and brought to radiance by the product's own cells"
    return table_of(caption, columns, rows, range(4, 9), anywhere=(0, 3)) if rows else None


def conservation_table(kept: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    """How far maps are from the product.

    Args:
        kept: of `mapping.conservation` by year.
    """
    rows = [(str(year), f"{each['total']:+z.4%}", f"{each['cells']:.2%}") for year, each in sorted(kept.items())]
    rows.append(("at most", f"±{MOST_OF_TOTAL:.2%}", f"{MOST_OF_CELLS:.0%}"))
    columns = ("year", "total, against the product's", "cells that the sensor makes of the map: sum of differences")
    return table_of("What the maps keep of the product", columns, rows, (1, 2))


def brightness_table(maps: Mapping[int, xr.Dataset]) -> dict[str, Any]:
    """Radiance and its interval by how bright pixels are."""
    rows = []
    for year, mapped in sorted(maps.items()):
        radiance, low, high = (np.asarray(mapped[name].values) for name in ("radiance", "low", "high"))
        known = np.isfinite(radiance)
        for bottom, top in itertools.pairwise(_BRIGHTNESS):
            here = known & (radiance >= bottom) & (radiance < top)
            if not here.any():
                continue
            label = f"{bottom:g} to {top:g}" if np.isfinite(top) else f"{bottom:g} and more"
            medians = (f"{float(np.median(band[here])):.2f}" for band in (low, radiance, high))
            rows.append((str(year), label, f"{here.sum() / known.sum():.1%}", *medians))
    columns = ("year", f"radiance, {UNIT}", "pixels", "low, median", "radiance, median", "high, median")
    return table_of("90 % intervals of pixels, by brightness", columns, rows, (2, 3, 4, 5))


def inputs_table(optics: Mapping[int, xr.Dataset], cells: Mapping[int, xr.Dataset]) -> dict[str, Any]:
    """What the years rest on: observations of day and night.

    Args:
        optics: composites of day imagery by year.
        cells: lights on the product's cells by year.
    """
    rows = []
    for year, lights in sorted(cells.items()):
        seen = np.asarray(optics[year]["observation_count"].values, float)
        seen = np.nan_to_num(seen)
        radiance, nights = (np.asarray(lights[name].values, float) for name in ("avg_rad", "cf_cvg"))
        known = np.isfinite(radiance)
        rows.append(
            (
                str(year),
                str(optics[year].attrs.get("scene_count", UNKNOWN)),
                f"{float(np.median(seen)):.0f}",
                f"{float((seen == 0).mean()):.1%}",
                str(lights.attrs.get("scene_count", UNKNOWN)),
                f"{float(np.median(nights[known])):.0f}" if known.any() else UNKNOWN,
                f"{float((~known).mean()):.1%}",
            )
        )
    columns = (
        "year", "scenes of day imagery", "clear observations of a pixel, median", "pixels without any",
        "composites of lights", "cloud-free observations of a cell, median", "cells without any",
    )  # fmt: skip
    return table_of("What was seen", columns, rows, range(1, 7))


def fires_table(cells: Mapping[int, xr.Dataset], told_by: Callable[[int], Sequence[int]]) -> dict[str, Any] | None:
    """Light that burns in one year alone, and whether it is in the maps; None where there is no other year.

    Args:
        cells: lights on the product's cells by year.
        told_by: years that tell a year's fires.
    """
    rows = []
    for year, lights in sorted(cells.items()):
        others = [other for other in told_by(year) if other in cells]
        if "fires_light" in lights.attrs:
            found = {name: float(lights.attrs[f"fires_{name}"]) for name in ("cells", "light", "share")}
        elif others:
            known = [np.asarray(cells[other]["avg_rad"].values, float) for other in others]
            _, found = without_fires(np.asarray(lights["avg_rad"].values, float), known, Grid.of(lights))
        else:
            continue
        fate = "taken out" if "fires_light" in lights.attrs else "kept"
        names = ", ".join(map(str, told_by(year)))
        rows.append(
            (str(year), names, f"{found['cells']:.0f}", f"{found['light']:,.1f}", f"{found['share']:.2%}", fate)
        )
    columns = ("year", "told by", "cells", f"light, {UNIT} x km2", "share of all light", "in the maps")
    caption = "Strong lights that burn in one year alone, far from anything lit in the years beside it: fires, flares"
    return table_of(caption, columns, rows, (2, 3, 4)) if rows else None


def year_tables(
    years: Sequence[int], evaluations: Mapping[int, tuple[pd.DataFrame, Mapping[str, Any]]]
) -> Iterator[dict[str, Any]]:
    """Everything the evaluation says of each year."""
    for year in years:
        table, document = evaluations[year]
        for what, figures in _compared(document):
            yield methods_table(f"{year}: {what}", figures, document["method"])
        yield places_table(year, table, document["method"])
        for more in (sensors_table(year, document), references_table(year, document)):
            if more is not None:
                yield more


def _compared(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What methods were compared on, and the figures."""
    again = "cells, found again from cells four times as coarse"
    yield f"errors on {document['wald']['cells']:,} {again}", document["wald"]
    if "reserved" in document:
        yield f"errors on {document['reserved']['cells']:,} {again}, in places held back", document["reserved"]
    for pixels, figures in document.get("truth", {}).items():
        yield f"maps of places held back, on pixels of {pixels}, against the truth of the synthetic archive", figures
    for entry in document.get("reference", ()):
        where = f"{entry['region']}, on pixels of {entry['metres']:.0f} m"
        yield f"map of {where}, against {entry['name']} of {entry['date']}; learnt elsewhere", entry["errors"]
