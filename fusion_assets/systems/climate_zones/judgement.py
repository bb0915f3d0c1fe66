"""What a comparison of networks comes to, in sentences, and what speaks against believing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fusion_assets.counts import number_of
from fusion_assets.evaluation.calibration import MOST_DOUBT, STEEPEST
from fusion_assets.evaluation.conformal_sets import COVERAGE
from fusion_assets.evaluation.few_groups import MARGIN
from fusion_assets.reports.judgement import Judgement
from fusion_assets.systems.climate_zones.comparison import differences
from fusion_assets.systems.climate_zones.fusion_stages import RANDOM
from fusion_assets.systems.climate_zones.splits import CITY_FOLDS
from fusion_assets.systems.climate_zones.wording import (
    BEST_EVIDENCE,
    SETTINGS,
    overlap_text,
    parts_of,
    point_text,
    with_ends,
)

FIGURE = "average_accuracy"
"""What verdicts are about."""
WORST_CALIBRATION = 0.08
"""Calibration error beyond which probabilities are not to be taken at their word."""
LEVEL = 0.05
"""Chance, over all points of a setting, of one that is said to differ and does not."""
LEAST_COVERAGE = 0.86
LEAST_COVERAGE_OF_A_CITY = 0.78
VERDICTS = ("equivalent", "better", "worse", "cannot tell")
_POINTS = f"{100 * MARGIN:g} points"


def reference_of(entry: Mapping[str, Any]) -> str:
    """The point of a setting that is shown in full: the first of those joined at once, else the first."""
    names = list(entry["points"])
    return next((name for name in names if parts_of(name)[1] == "0"), names[0])


def strongest(document: Mapping[str, Any]) -> str:
    """The setting that says most of a city that nobody has labelled."""
    return next(name for name in BEST_EVIDENCE if name in document["settings"])


def verdicts_of(entry: Mapping[str, Any]) -> dict[str, list[str]]:
    """Points of a setting by their verdict."""
    found: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for name, figures in entry["differences"].items():
        about = figures[FIGURE]
        found[about["verdict"] if about else "cannot tell"].append(name)
    return found


def borne_out(entry: Mapping[str, Any]) -> list[str]:
    """Points that differ from joining at once though so many were looked at (Holm 1979), by 5 % in all."""
    p_values = {name: found[FIGURE]["p_none"] for name, found in entry["differences"].items() if found[FIGURE]}
    held = []
    for number, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        if p_values[name] > LEVEL / (len(p_values) - number):
            break
        held.append(name)
    return held


def answer(document: Mapping[str, Any]) -> str:
    """Does it matter where branches are joined? By the setting that says most."""
    setting = strongest(document)
    entry = document["settings"][setting]
    found, where = verdicts_of(entry), _where(setting, entry)
    if not entry["differences"]:
        return "There is nothing beside joining at once to compare it with."
    if len(found["equivalent"]) == len(entry["differences"]):
        return f"It does not matter where branches are joined: {where}, all is within {_POINTS} of joining at once."
    # What differs by less than matters is equivalent, however sure it is that it differs.
    held = [name for name in borne_out(entry) if name in found["better"] + found["worse"]]
    differing = {side: [name for name in found[side] if name in held] for side in ("better", "worse")}
    against = f"{where}, compared with joining at once"
    if held:
        sides = [f"{side}: {_several(names, entry)}" for side, names in differing.items() if names]
        return f"It does matter where branches are joined: {against}, {'; '.join(sides)}. {_rest(found, held)}".strip()
    doubt = "Whether it matters where branches are joined cannot be told"
    return f"{doubt}: {against}, no difference is shown. {_rest(found, held)}"


def _several(names: list[str], entry: Mapping[str, Any]) -> str:
    """Points with what they differ by."""
    return "; ".join(f"{point_text(name)}, {with_ends(entry['differences'][name][FIGURE], '+.3f')}" for name in names)


def _rest(found: Mapping[str, list[str]], held: list[str]) -> str:
    """What is to be said of points that do not differ beyond doubt."""
    alone = [name for side in ("better", "worse") for name in found[side] if name not in held]
    counts = {
        f"equivalent within {_POINTS}": len(found["equivalent"]),
        "better or worse when looked at alone, but not among so many": len(alone),
        "neither shown to differ nor to be as good": len(found["cannot tell"]),
    }
    total = sum(counts.values())
    parts = [f"{count} {text}" for text, count in counts.items() if count]
    return f"Of {'the others' if held else 'all'} ({total}): {'; '.join(parts)}." if parts else ""


def _where(setting: str, entry: Mapping[str, Any]) -> str:
    cities = number_of(entry["points"][reference_of(entry)]["cities"], "city", "cities")
    places = {
        "city": f"on {cities} not learnt from",
        "published": f"on {cities} not learnt from",
        "block": f"elsewhere in {cities} learnt from",
        "random": f"on patches drawn at random in {cities}, which says nothing of other places",
    }
    return places[setting]


def findings(document: Mapping[str, Any]) -> Iterator[str]:
    """The answer, then what joining at once reaches in every setting, with the overlap that belongs to it."""
    yield answer(document)
    for setting in (name for name in BEST_EVIDENCE if name in document["settings"]):
        entry = document["settings"][setting]
        point = entry["points"][reference_of(entry)]
        shown = with_ends(point["figures"][FIGURE])
        overall = with_ends(point["figures"]["accuracy"])
        text = f"{SETTINGS[setting].capitalize()}: {point_text(reference_of(entry))}, average accuracy {shown}, "
        yield f"{text}overall accuracy {overall}; {overlap_text(entry)}."


def gap(document: Mapping[str, Any]) -> str:
    """How much more random patches promise than held-out cities keep; empty where a study has not both."""
    settings = document["settings"]
    other = strongest(document)
    if RANDOM not in settings or other not in ("city", "published"):
        return ""
    values = []
    for name in (RANDOM, other):
        point = settings[name]["points"][reference_of(settings[name])]
        values.append(point["figures"][FIGURE]["value"])
    if None in values:
        return ""
    points = 100 * (values[0] - values[1])
    text = f"Random patches promise {values[0]:.3f}, cities not learnt from keep {values[1]:.3f}: "
    if points <= 0:
        return f"{text}here random patches do not flatter."
    return f"{text}{points:.1f} points lie between what is remembered and what is known."


def of_document(document: Mapping[str, Any]) -> Iterator[Judgement]:
    """What speaks against the figures of each setting, or not."""
    for setting, entry in document["settings"].items():
        name = reference_of(entry)
        if setting == "city":
            yield Judgement(
                "every_city_tested",
                document["seeds"] >= CITY_FOLDS,
                f"{SETTINGS[setting].capitalize()}: {document['seeds']} of {CITY_FOLDS} parts of the cities were "
                f"tested; `seeds: {CITY_FOLDS}` or more test every city.",
            )
        yield from _of_point(setting, entry, name, document["label_confidence"])


def _of_point(setting: str, entry: Mapping[str, Any], name: str, ceiling: float) -> Iterator[Judgement]:
    point, where = entry["points"][name], f"{SETTINGS[setting].capitalize()}, {point_text(name)}"
    accuracy = point["figures"]["accuracy"]["value"]
    if setting in ("city", "published"):
        yield Judgement(
            "not_above_labels",
            accuracy <= ceiling,
            f"{where}: an overall accuracy of {accuracy:.3f} is more than labels are right ({ceiling:.0%}); look for "
            "patches that were learnt from.",
        )
    if forest := entry["baselines"].get("forest"):
        found = differences({name: point, "forest": forest}, "forest")[name][FIGURE]
        yield Judgement(
            "no_worse_than_forest",
            found is None or found["verdict"] != "worse",
            f"{where}: worse than a forest on means and scatter of whole patches, by {with_ends(found, '+.3f')}.",
        )
    yield Judgement(
        "several_runs",
        point["runs"] > 1,
        f"{where}: one run alone; what another training would change is in no interval. More seeds tell"
        f"{f', {CITY_FOLDS} for each further run' if setting == 'city' else ''}.",
    )
    if calibration := point["calibration"]:
        error = calibration["ece"]
        yield Judgement(
            "calibrated",
            error <= WORST_CALIBRATION,
            f"{where}: a calibration error of {error:.3f} is left after temperature and doubt, of which chance alone "
            f"would show {calibration['ece_floor']:.3f}; at most {WORST_CALIBRATION:g} can be borne.",
        )
        yield calibration_found(where, calibration["unfound"])
        yield _covered(where, calibration)


def calibration_found(where: str, unfound: Mapping[str, Sequence[str]]) -> Judgement:
    """Whether temperature and doubt lie within what was searched.

    Args:
        where: what was calibrated, for people.
        unfound: by what was calibrated (a city, the map's network), what of its calibration was not found (see
            `evaluation.calibration.unfound`).
    """
    searched = f"what is searched (temperatures 1/{STEEPEST:g} to {STEEPEST:g}, doubts up to {MOST_DOUBT:g})"
    ends = sorted({name for names in unfound.values() for name in names})
    text = f"temperature and doubt lie within {searched}."
    if ends:
        text = (
            f"{' and '.join(ends)} of {', '.join(sorted(unfound))} at an end of {searched}: the fit is cut off there, "
            "and probabilities and sets hold only as far as calibration error and coverage show."
        )
    return Judgement("calibration_found", not ends, f"{where}: {text}")


def _covered(where: str, calibration: Mapping[str, Any]) -> Judgement:
    by_city = {name: each["coverage"] for name, each in calibration["coverage_by_city"].items()}
    least, mean = min(by_city, key=by_city.__getitem__), sum(by_city.values()) / len(by_city)
    return Judgement(
        "covered",
        mean >= LEAST_COVERAGE and by_city[least] >= LEAST_COVERAGE_OF_A_CITY,
        f"{where}: sets that promise {COVERAGE:.0%} hold the label in {mean:.1%} of the patches of a city on average, "
        f"in {least} in {by_city[least]:.1%}.",
    )
