"""What speaks against maps of night radiance, in sentences: for the checks in the UI, and on top of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fusion_assets.reports.judgement import Judgement
from fusion_assets.systems.night_radiance.evaluation import STRESS
from fusion_assets.systems.night_radiance.methods.table import NO_IMAGERY
from fusion_assets.systems.night_radiance.scores import BASELINE

if TYPE_CHECKING:
    import numpy as np

MOST_OF_TOTAL = 1e-4
"""Share by which a map's total may differ from the product's."""
MOST_OF_CELLS = 0.05
"""Sum of absolute differences of cells, by their sum, that a map may have."""
TIE = 0.01
"""Share by which errors may differ without one method counting as worse."""
_OTHERS = {BASELINE: "interpolation", NO_IMAGERY: "deblurring without imagery"}
FEWEST_GROUPS = 20
"""Blocks of cells below which intervals of errors are rough."""


def of_map(kept: Mapping[str, float], bands: Mapping[str, np.ndarray]) -> Iterator[Judgement]:
    """Whether light is kept, and whether values can be.

    Args:
        kept: of `mapping.conservation`.
        bands: of `mapping.fine_map`.
    """
    least = float(bands["radiance"].min())
    ordered = bool((bands["low"] <= bands["radiance"]).all() and (bands["radiance"] <= bands["high"]).all())
    total, cells = kept["total"], kept["cells"]
    yield Judgement(
        "total_conserved",
        bool(abs(total) <= MOST_OF_TOTAL),
        f"The map's total differs from the product's by {total:+.4%}; {MOST_OF_TOTAL:.2%} is the most allowed.",
        {"difference": total},
    )
    yield Judgement(
        "cells_conserved",
        bool(cells <= MOST_OF_CELLS),
        f"The cells that the sensor would make of the map differ from those measured by {cells:.1%} of their sum; "
        f"{MOST_OF_CELLS:.0%} is the most that is taken for kept.",
        {"difference": cells},
    )
    yield Judgement(
        "not_negative",
        least >= 0 and ordered,
        f"The darkest pixel has {least:.3g} nW/cm2/sr, and every interval "
        f"{'holds its pixel' if ordered else 'should hold its pixel, but some do not'}.",
        {"least": least},
    )


def of_methods(document: Mapping[str, Any]) -> Iterator[Judgement]:
    """Whether the method earns its place, by the document of the evaluation."""
    method, wald = document["method"], document["wald"]
    scores = wald["methods"][method]
    for other, limit in ((BASELINE, 1.0), (NO_IMAGERY, 1.0 + TIE)):
        ratio = scores[f"to_{other}"]["value"]
        yield Judgement(
            f"no_worse_than_{other}",
            ratio <= limit,
            f"In places not learnt from, the method's errors are {ratio:.2f} times those of {_OTHERS[other]}.",
            {"ratio": ratio},
        )
    sensors = {name: figures["methods"][method] for name, figures in document.get("sensors", {}).items()}
    lost = {name: row[f"to_{BASELINE}"]["value"] for name, row in sensors.items() if row[f"to_{BASELINE}"]["value"] > 1}
    said = ", ".join(f"{ratio:.2f} times where {sensor_text(name)}" for name, ratio in lost.items())
    yield Judgement(
        "bears_another_sensor",
        not lost,
        f"The method errs more than {_OTHERS[BASELINE]}: {said}."
        if lost
        else f"The method errs less than {_OTHERS[BASELINE]}, whatever sensor was tried.",
        lost,
    )
    yield Judgement(
        "enough_blocks",
        wald["groups"] >= FEWEST_GROUPS,
        f"Errors were measured on {wald['groups']} blocks of cells; below {FEWEST_GROUPS} their intervals are rough.",
        {"blocks": wald["groups"]},
    )


def sensor_text(name: str) -> str:
    """What is different about a sensor that methods were tried on, for people."""
    width, gain, floor = STRESS[name]
    parts = [f"the point spread is {width:g} times as wide as assumed"] if width != 1 else []
    if gain or floor:
        parts.append(f"cells scatter by {gain:.0%} and {floor:g} nW/cm2/sr")
    return ", and ".join(parts)
