"""Pictures of the comparison, from the document that its tables are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.conformal_sets import COVERAGE
from fusion_assets.reports.figures import drawn, new_figure, svg
from fusion_assets.systems.climate_zones.grid import INDEPENDENT
from fusion_assets.systems.climate_zones.judgement import reference_of
from fusion_assets.systems.climate_zones.legend import SIGNS
from fusion_assets.systems.climate_zones.networks import SUM
from fusion_assets.systems.climate_zones.wording import SETTINGS, overlap_text, parts_of, point_text, unmatched

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {"average_accuracy": "average accuracy", "accuracy": "overall accuracy"}
"""Figures by stage that are drawn, one above the other."""
_WIDTH = 4.6
# Told apart in black and white, too: (colour, line, marker) of each split.
_LOOKS = {
    "radar": ("#2a6fbb", "--", "s"),
    "optical": ("#4a7a1e", ":", "^"),
    "sensors": ("#7a0c16", "-", "o"),
    "physical": ("#c77700", "-.", "D"),
}
_BASELINES = {"forest": ("#555555", (0, (5, 2))), "majority": ("#999999", (0, (1, 2)))}
_SPREAD = 0.16
"""Stages that splits stand apart, so that their intervals do not hide each other."""


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        drawing: SVG.
        caption: below it.
    """

    drawing: str
    caption: str


@dataclass(frozen=True)
class Mark:
    """One point of a line.

    Attributes:
        name: of the point.
        stage: its place on the axis; a sum of networks trained apart stands after the others.
        figure: `value`, `low`, `high`.
        runs: values of its runs.
    """

    name: str
    stage: int
    figure: Mapping[str, Any]
    runs: tuple[float, ...]


def lines_of(entry: Mapping[str, Any], figure: str) -> dict[tuple[str, bool], list[Mark]]:
    """Marks of a setting by split and whether networks are of matched size, in the order of their stages."""
    found: dict[tuple[str, bool], list[Mark]] = {}
    for name, point in entry["points"].items():
        split, stage = parts_of(name)
        number, matched = unmatched(stage)
        place = SUM + 1 if number == INDEPENDENT else int(number)
        mark = Mark(name, place, point["figures"][figure], tuple(point["of_runs"][figure]))
        found.setdefault((split, matched), []).append(mark)
    return {key: sorted(marks, key=lambda mark: mark.stage) for key, marks in found.items()}


def draw_stages(document: Mapping[str, Any]) -> list[Picture]:
    """A picture a setting: figures by stage with intervals, a line a split, and a dot a run; all on one scale."""
    lowest = min(value for entry in document["settings"].values() for name in PANELS for value in _values(entry, name))
    return [
        Picture(
            _stages(setting, entry, document["label_confidence"], lowest),
            _caption(setting, entry),
        )
        for setting, entry in document["settings"].items()
    ]


def _caption(setting: str, entry: Mapping[str, Any], name: str | None = None) -> str:
    of = f", {point_text(name)}" if name else ""
    return f"{SETTINGS[setting].capitalize()}{of}; {overlap_text(entry)}"


def _values(entry: Mapping[str, Any], figure: str) -> list[float]:
    figures = [point["figures"][figure] for point in (*entry["points"].values(), *entry["baselines"].values())]
    return [value for each in figures for value in (each["value"], each["low"]) if value is not None]


def _stages(setting: str, entry: Mapping[str, Any], ceiling: float, lowest: float) -> str:
    figure = new_figure(_WIDTH, 6.6)
    axes = figure.subplots(len(PANELS), 1, sharex=True, sharey=True)
    splits = list(dict.fromkeys(parts_of(name)[0] for name in entry["points"]))
    stages = {mark.stage for marks in lines_of(entry, "accuracy").values() for mark in marks}
    for axis, (name, title) in zip(axes, PANELS.items(), strict=True):
        for (split, matched), marks in lines_of(entry, name).items():
            aside = _SPREAD * (splits.index(split) - (len(splits) - 1) / 2) + (_SPREAD / 3 if matched else 0)
            _line(axis, split, matched, marks, aside)
        for baseline, point in entry["baselines"].items():
            value = point["figures"][name]["value"]
            colour, dashes = _BASELINES[baseline]
            axis.axhline(value, color=colour, linestyle=dashes, linewidth=1, label=baseline)
        if name == "accuracy":
            axis.axhline(ceiling, color="#000000", linewidth=0.8, label=f"labels are right: {ceiling:.0%}")
        axis.set_title(title, fontsize=9, loc="left")
        axis.tick_params(labelsize=8)
    axes[0].set_ylim(max(0.0, lowest - 0.03), 1.0)
    axes[-1].set_xticks(sorted(stages), ["sum" if stage > SUM else str(stage) for stage in sorted(stages)])
    axes[-1].set_xlabel("stage: branches are joined after so many blocks", fontsize=8)
    shown = dict(zip(*reversed(axes[-1].get_legend_handles_labels()), strict=True))
    figure.legend(shown.values(), shown.keys(), fontsize=8, ncols=2, loc="outside lower center", frameon=False)
    text = f"{SETTINGS[setting]}: accuracy by the stage at which branches are joined; the figures are in the tables"
    return svg(figure, text, f"stages {setting}")


def _line(axis: Axes, split: str, matched: bool, marks: list[Mark], aside: float) -> None:
    colour, line, marker = _LOOKS[split]
    known = [mark for mark in marks if mark.figure["value"] is not None]
    look: dict[str, Any] = {"color": colour, "markerfacecolor": "#fffefb" if matched else colour}
    joined = [mark for mark in known if mark.stage <= SUM]
    axis.plot(
        [mark.stage + aside for mark in joined], [mark.figure["value"] for mark in joined], line,
        color=colour, linewidth=0.7 if matched else 1.3,
    )  # fmt: skip
    for number, mark in enumerate(known):
        value, low, high = (mark.figure[end] for end in ("value", "low", "high"))
        ends = None if low is None else [[max(value - low, 0)], [max(high - value, 0)]]
        label = (f"{split}, size matched" if matched else split) if number == 0 else None
        axis.errorbar(mark.stage + aside, value, yerr=ends, marker=marker, markersize=4, capsize=2, elinewidth=0.8,
                      linestyle="none", label=label, **look)  # fmt: skip
        if len(mark.runs) > 1:
            axis.plot(
                [mark.stage + aside + 0.05] * len(mark.runs), mark.runs, ".", color=colour, markersize=3, alpha=0.6
            )


def shares_of(confusion: list[list[float]]) -> np.ndarray:
    """Counts by labelled and mapped zone as shares of the labelled, NaN in rows of zones that there are none of."""
    counts = np.array(confusion, float)
    labelled = counts.sum(axis=1, keepdims=True)
    return np.where(labelled > 0, counts / np.where(labelled > 0, labelled, 1), np.nan)


def draw_confusion(document: Mapping[str, Any]) -> list[Picture]:
    """A picture a setting: which zones are taken for which, of the point that is shown in full."""
    made = []
    for setting, entry in document["settings"].items():
        name = reference_of(entry)
        figure = new_figure(_WIDTH, 4.6)
        axis = figure.subplots()
        image = axis.imshow(shares_of(entry["points"][name]["confusion"]), cmap="magma_r", vmin=0, vmax=1)
        axis.set_xticks(range(len(SIGNS)), SIGNS, fontsize=7)
        axis.set_yticks(range(len(SIGNS)), SIGNS, fontsize=7)
        axis.set_xlabel("mapped as", fontsize=8)
        axis.set_ylabel("labelled", fontsize=8)
        figure.colorbar(image, ax=axis, shrink=0.8).ax.tick_params(labelsize=7)
        text = f"{SETTINGS[setting]}: share of the patches of each labelled zone that are mapped as each zone"
        made.append(Picture(svg(figure, text, f"confusion {setting}"), _caption(setting, entry, name)))
    return made


def draw_reliability(document: Mapping[str, Any]) -> list[Picture]:
    """A picture a setting: how often the most probable zone is right, before and after the temperature."""
    made = []
    for setting, entry in document["settings"].items():
        name = reference_of(entry)
        point = entry["points"][name]
        figure = new_figure(_WIDTH, 3.8)
        axis = figure.subplots()
        axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="at its word")
        _curve(axis, point["reliability"], "#7a0c16", "o", "as trained")
        if point["calibration"]:
            _curve(axis, point["calibration"]["reliability"], "#2a6fbb", "s", "calibrated on other cities")
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.set_xlabel("probability of the most probable zone", fontsize=8)
        axis.set_ylabel("share right", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.legend(frameon=False, fontsize=8, loc="upper left")
        text = f"{SETTINGS[setting]}: share of patches that are right by the probability of their zone"
        made.append(Picture(svg(figure, text, f"reliability {setting}"), _caption(setting, entry, name)))
    return made


def _curve(axis: Axes, bins: list[Mapping[str, float]], colour: str, marker: str, label: str) -> None:
    axis.plot([each["probability"] for each in bins], [each["observed"] for each in bins], color=colour, marker=marker,
              markersize=4, linewidth=1.2, label=label)  # fmt: skip


def draw_coverage(document: Mapping[str, Any]) -> list[Picture]:
    """A picture a setting: share of every city's patches whose set holds the label, and what was promised."""
    made = []
    for setting, entry in document["settings"].items():
        name = reference_of(entry)
        found, promise = entry["points"][name]["calibration"], entry["promises"].get(name)
        if found is None:
            continue
        cities = sorted(found["coverage_by_city"].items(), key=lambda each: each[1]["coverage"])
        figure = new_figure(_WIDTH, 1.6 + 0.2 * len(cities))
        axis = figure.subplots()
        axis.plot([each["coverage"] for _, each in cities], range(len(cities)), "o", color="#2a6fbb", markersize=4,
                  label="calibrated on other cities")  # fmt: skip
        axis.axvline(COVERAGE, color="#000000", linewidth=0.8, label=f"promised: {COVERAGE:.0%}")
        if promise:
            axis.axvline(promise["kept"], color="#7a0c16", linewidth=1.2, linestyle="--",
                         label="kept by calibration on random patches")  # fmt: skip
        names = [drawn(city or "unnamed", f"city {number}") for number, (city, _) in enumerate(cities, start=1)]
        axis.set_yticks(range(len(cities)), names, fontsize=8)
        axis.set_xlim(0, 1.02)
        axis.set_xlabel("share of patches whose set holds the label", fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        figure.legend(*axis.get_legend_handles_labels(), fontsize=8, loc="outside lower center", frameon=False)
        text = f"{SETTINGS[setting]}: coverage of sets of zones, city by city"
        made.append(Picture(svg(figure, text, f"coverage {setting}"), _caption(setting, entry, name)))
    return made
