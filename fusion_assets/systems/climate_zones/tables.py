"""Tables of the report on the comparison, made from the document that its pictures are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_assets.reports.tables import UNKNOWN, table_of
from fusion_assets.systems.climate_zones.costs import MILLION, SECONDS
from fusion_assets.systems.climate_zones.judgement import reference_of
from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.wording import (
    SETTINGS,
    overlap_text,
    parts_of,
    point_text,
    stage_text,
    with_ends,
)

FIGURES = {
    "average_accuracy": "average accuracy",
    "accuracy": "overall accuracy",
    "kappa": "kappa",
    "macro_f1": "macro F1",
    "oa_u": "OA of built zones",
    "oa_bu": "OA built or natural",
    "oa_w": "OA by similarity",
    "log_loss": "log loss",
    "ece": "calibration error",
}
"""Figures of a point and their names for people; `scores` says what they are."""
BASELINES = {"majority": "the commonest zone", "forest": "a forest on means and scatter of patches"}
_VERDICTS = {"equivalent": "equivalent within {:g} points", "cannot tell": "cannot tell"}


def points_table(setting: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of every point of a setting, and of the baselines."""
    named = [(*_names(name), point) for name, point in entry["points"].items()]
    named += [("all", BASELINES[name], point) for name, point in entry["baselines"].items()]
    rows = [
        (split, stage, str(point["runs"]), *(with_ends(point["figures"].get(figure)) for figure in FIGURES))
        for split, stage, point in named
    ]
    columns = ("channels", "joined", "runs", *FIGURES.values())
    caption = f"{SETTINGS[setting].capitalize()}, 95 % intervals over cities and trainings; {overlap_text(entry)}"
    return table_of(caption, columns, rows, range(2, len(columns)), unbroken=(1,))


def differences_table(setting: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What every point differs by from joining at once, paired by city, and what that shows."""
    rows = []
    for name, found in entry["differences"].items():
        average, overall = found["average_accuracy"], found["accuracy"]
        row = (*_names(name), with_ends(average, "+.3f"), verdict_text(average))
        rows.append((*row, with_ends(overall, "+.3f"), verdict_text(overall), _groups(average)))
    columns = ("channels", "joined", "average accuracy", "shows", "overall accuracy", "shows", "cities")
    caption = (
        f"{SETTINGS[setting].capitalize()}, difference to joining at once, mean over cities, every city counting the "
        f"same; {overlap_text(entry)}"
    )
    return table_of(caption, columns, rows, (2, 4, 6), unbroken=(1,))


def verdict_text(difference: Mapping[str, Any] | None) -> str:
    """What a difference shows."""
    if difference is None:
        return "too few cities to tell"
    return _VERDICTS.get(difference["verdict"], difference["verdict"]).format(100 * difference["margin"])


def _groups(difference: Mapping[str, Any] | None) -> str:
    return UNKNOWN if difference is None else f"{difference['groups']}"


def _names(name: str) -> tuple[str, str]:
    split, stage = parts_of(name)
    return split, stage_text(stage)


def zones_table(setting: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Zone by zone: how many patches, and how many of them are found, of one point."""
    name = reference_of(entry)
    point = entry["points"][name]
    labelled = [sum(row) for row in point["confusion"]]
    rows = [
        (
            f"{zone.name} {zone.title}",
            f"{count:,.0f}",
            *(with_ends(point["figures"][f"{figure}_{zone.sign}"]) for figure in ("recall", "precision", "f1")),
        )
        for zone, count in zip(ZONES, labelled, strict=True)
    ]
    columns = ("zone", "patches", "recall", "precision", "F1")
    caption = f"{SETTINGS[setting].capitalize()}, {point_text(name)}; {overlap_text(entry)}"
    return table_of(caption, columns, rows, range(1, len(columns)), unbroken=(0,))


def cities_table(setting: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """City by city: accuracies of one point, and what its sets hold there."""
    name = reference_of(entry)
    point = entry["points"][name]
    covered = (point["calibration"] or {}).get("coverage_by_city", {})
    rows = []
    for city, accuracy in point["by_city"]["accuracy"].items():
        held = covered.get(city)
        sets = (f"{held['coverage']:.3f}", f"{held['set_size']:.1f}") if held else (UNKNOWN, UNKNOWN)
        average = point["by_city"]["average_accuracy"][city]
        rows.append((city or "unnamed", _plain(average), _plain(accuracy), *sets))
    columns = ("city", "average accuracy", "overall accuracy", "coverage of sets", "zones a set")
    caption = f"{SETTINGS[setting].capitalize()}, {point_text(name)}; {overlap_text(entry)}"
    return table_of(caption, columns, rows, range(1, len(columns)))


def _plain(value: float | None) -> str:
    return UNKNOWN if value is None or value != value else f"{value:.3f}"


def calibration_table(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Sureness before and after the temperature, sets, and what random calibration promised; None where nothing is."""
    rows = []
    for setting, entry in document["settings"].items():
        name = reference_of(entry)
        point, found = entry["points"][name], entry["points"][name]["calibration"]
        promise = entry["promises"].get(name)
        if found is None:
            continue
        random = f"{promise['promised']:.3f}, kept {promise['kept']:.3f}" if promise else UNKNOWN
        rows.append(
            (
                f"{SETTINGS[setting]}; {overlap_text(entry)}",
                _plain(point["figures"]["ece"]["value"]),
                _plain(found["ece"]),
                f"{found['temperature']:.2f}",
                f"{found['coverage']:.3f}",
                f"{found['set_size']:.1f}",
                random,
            )
        )
    columns = (
        "patches", "calibration error before", "after", "temperature", "coverage of 90 % sets", "zones a set",
        "random calibration promised",
    )  # fmt: skip
    return (
        table_of("Calibrated on other cities than those judged", columns, rows, range(1, len(columns)))
        if rows
        else None
    )


def costs_table(document: Mapping[str, Any]) -> dict[str, Any]:
    """Size and work of every point."""
    rows = []
    for name, cost in document["costs"].items():
        millions = cost["multiply_adds"] / MILLION
        rows.append((*_names(name), f"{cost['parameters']:,}", f"{millions:.1f}", f"{millions * SECONDS:.2f}"))
    columns = ("channels", "joined", "parameters", "million multiply-adds a patch", "CPU-seconds, foretold")
    caption = "Cost; seconds are for learning from 1,000 patches once, foretold from the multiply-adds"
    return table_of(caption, columns, rows, (2, 3, 4), unbroken=(1,))


def patches_table(patches: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What was learnt from and tested on, and where it lies."""
    rows = [
        (SETTINGS[setting], *(f"{entry['counts'][part]:,}" for part in ("train", "validation", "test", "left out")))
        for setting, entry in document["settings"].items()
    ]
    columns = ("patches held back", "learnt from", "stop training", "tested", "left out")
    yield table_of("Patches of the first training of each", columns, rows, range(1, 5))
    rows = [(each["source"], each["city"] or "unnamed", f"{each['patches']:,}") for each in patches["cities"]]
    yield table_of("Where patches lie", ("part of the data set", "city", "patches"), rows, (2,))
