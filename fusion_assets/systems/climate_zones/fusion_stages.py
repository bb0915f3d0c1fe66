"""The study itself: every stage of fusion beside the others, in every setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fusion_assets.systems.climate_zones import comparison
from fusion_assets.systems.climate_zones.grid import INDEPENDENT, Point, configurations_of, points_of
from fusion_assets.systems.climate_zones.networks import multiply_adds, parameters
from fusion_assets.systems.climate_zones.scores import LABEL_CONFIDENCE

if TYPE_CHECKING:
    import pandas as pd

    from fusion_assets.systems.climate_zones.section import ClimateZonesUse

RANDOM = "random"


def study(
    use: ClimateZonesUse,
    scores: Mapping[str, Mapping[str, Any]],
    baselines: Mapping[str, Mapping[str, Any]],
    sums: Mapping[str, Mapping[int, pd.DataFrame]],
    splits: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """What is compared, setting by setting.

    Args:
        use: the study's section.
        scores: documents of networks, by configuration.
        baselines: documents of baselines by name, by setting.
        sums: tables of answers by seed, by `<setting>.<split>`.
        splits: what is known of every setting: `counts` and `overlap`.

    Returns:
        `settings`: for each its `overlap`, `counts`, `points` (documents by `<split>.<stage>`), `baselines`, and
        `differences` of every point to stage 0 of its split, and `promises` (see `comparison.promised_and_kept`) where
        patches are also held back at random; `costs` of every point; `label_confidence`; `seeds`.
    """
    points = points_of(use)
    networks = configurations_of(use)
    document: dict[str, Any] = {"settings": {}, "costs": {}, "label_confidence": LABEL_CONFIDENCE, "seeds": use.seeds}
    for setting in use.settings:
        here = [point for point in points if point.setting == setting]
        known = {_short(point): _document(point, scores, sums) for point in here}
        differences: dict[str, Any] = {}
        for split in use.splits:
            of_split = {_short(point): known[_short(point)] for point in here if point.split == split}
            if f"{split}.0" in of_split:
                differences |= comparison.differences(of_split, f"{split}.0")
        document["settings"][setting] = {
            **splits[setting],
            "points": known,
            "baselines": dict(baselines[setting]),
            "differences": differences,
        }
    entries = document["settings"]
    for setting, entry in entries.items():
        seen = entries.get(RANDOM, {"points": {}})["points"] if setting != RANDOM else {}
        entry["promises"] = {
            name: comparison.promised_and_kept(seen[name], point)
            for name, point in entry["points"].items()
            if name in seen
        }
    for point in points:
        costs = [networks[name] for name in point.configurations]
        document["costs"][_short(point)] = {
            "parameters": sum(map(parameters, costs)),
            "multiply_adds": sum(map(multiply_adds, costs)),
        }
    return document


def _short(point: Point) -> str:
    return f"{point.split}.{point.stage}"


def _document(
    point: Point, scores: Mapping[str, Mapping[str, Any]], sums: Mapping[str, Mapping[int, pd.DataFrame]]
) -> dict[str, Any]:
    if point.stage != INDEPENDENT:
        return dict(scores[point.configurations[0]])
    return comparison.figures_of(comparison.runs_of(point.setting, sums[f"{point.setting}.{point.split}"]))


def headlines(document: Mapping[str, Any]) -> dict[str, Any]:
    """The average accuracy of every point, and the verdicts, for metadata."""
    shown: dict[str, Any] = {}
    for setting, entry in document["settings"].items():
        for name, point in entry["points"].items():
            shown[f"average_accuracy_{setting}_{name}"] = point["figures"]["average_accuracy"]["value"]
        for name, figures in entry["differences"].items():
            if found := figures["average_accuracy"]:
                shown[f"verdict_{setting}_{name}"] = found["verdict"]
    return shown
