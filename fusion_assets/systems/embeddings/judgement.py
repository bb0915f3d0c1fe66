"""What an evaluation of embeddings comes to, in sentences, and what speaks against believing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fusion_assets.counts import number_of
from fusion_assets.reports.judgement import Judgement
from fusion_assets.reports.tables import with_interval
from fusion_assets.systems.embeddings.evidence.evaluation import FLOOR, LEARNT, TRANSFER, UNTRAINED, WITH_STATISTICS
from fusion_assets.systems.embeddings.wording import METHODS, PROBES, USES, listed, method_text, verdict_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = Mapping[str, Any]
JUDGED = ("radar", "both")
"""What the verdict is about: radar sees through cloud, and both are all there is."""
FEWEST_CELLS, FEWEST_TESTED = 10, 100
"""Below them, an interval over cells is hardly one."""
MOST_MISSING = 0.1
"""Share of the places asked for that a corpus may lack."""
_WITH_ENCODER = (LEARNT, WITH_STATISTICS)
SHIFTS = ("shifted", "shift beyond reach")
"""Flags of shards whose sensors do not lie on each other."""


def rows_of(document: Mapping[str, Any], method: str, use: str) -> list[Row]:
    """Rows of the table of probes of a method, those with most labels first."""
    found = [row for row in document["probes"] if row["method"] == method and row["use"] == use]
    return sorted(found, key=lambda row: (-row["labels"], list(PROBES).index(row["probe"])))


def by_verdict(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by what their differences to statistics show."""
    found: dict[str, list[Row]] = {verdict: [] for verdict in ("better", "worse", "cannot tell")}
    for row in rows:
        found[verdict_of(row.get("difference"))].append(row)
    return found


@dataclass(frozen=True)
class Answer:
    """Whether a method beats tuned statistics.

    Attributes:
        claim: in a sentence; every figure counts, and only where its interval shows it.
        figures: what it rests on.
    """

    claim: str
    figures: str


def answer(document: Mapping[str, Any], use: str, method: str = LEARNT) -> Answer:
    """Does a method beat tuned statistics, by what it looks at?"""
    rows = rows_of(document, method, use)
    found = by_verdict(rows)
    better, worse = len(found["better"]), len(found["worse"])
    claims = {
        "is not compared with tuned statistics": not rows,
        "beats tuned statistics": better == len(rows),
        "beats tuned statistics in part": better > 0,
        "does worse than tuned statistics": worse == len(rows),
        "does not beat tuned statistics, and does worse in part": worse > 0,
        "is not shown to beat tuned statistics": True,
    }
    claim = next(text for text, holds in claims.items() if holds)
    parts = [f"{verdict}: {listed([_shown(row) for row in each])}" for verdict, each in found.items() if each]
    text = "; ".join(parts)
    return Answer(
        f"{USES[use].capitalize()}: {METHODS[method]} {claim} ({better} of {number_of(len(rows), 'figure')}).",
        f"{text[:1].upper()}{text[1:]}." if text else "",
    )


def _shown(row: Row) -> str:
    """A row's difference in a sentence."""
    about = f"{PROBES[row['probe']]} ({row['labels']:,} labels)"
    return f"{about} {with_interval(row.get('difference'), signed=True)}"


def answers(document: Mapping[str, Any]) -> list[Answer]:
    """The answers that stand on top: the encoder alone, then beside statistics."""
    return [answer(document, use, method) for method in (LEARNT, WITH_STATISTICS) for use in JUDGED]


def headline(document: Mapping[str, Any]) -> Iterator[str]:
    """What the encoder is worth, in few words: for the end of a run."""
    for use in JUDGED:
        found = by_verdict(rows_of(document, LEARNT, use))
        counts = ", ".join(f"{verdict} in {len(rows)}" for verdict, rows in found.items() if rows)
        yield f"{USES[use].capitalize()}: {METHODS[LEARNT]} against tuned statistics: {counts or 'not compared'}"
        for row in rows_of(document, LEARNT, use):
            if row["probe"] == "neighbours":
                yield f"  {_shown(row)}: {verdict_of(row.get('difference'))}"


def findings(document: Mapping[str, Any]) -> Iterator[str]:
    """What else was found: partners, a head that loses its optics, and a handful of labels."""
    found, floor = _partners(document)
    if found is not None:
        beside = "" if floor is None else f"; the best floor, {method_text(floor['method'])}, finds {floor['r1']:.1%}"
        yield (
            f"What radar saw of a place finds what optics saw of it among {found['gallery']:.0f} places in "
            f"{found['r1']:.1%} of cases at once (by chance {found['chance']:.1%}), its median rank being "
            f"{found['median_rank']:.0f}{beside}."
        )
    for row in rows_of(document, LEARNT, TRANSFER):
        yield (
            f"A head ({PROBES[row['probe']]}) that was fitted on both sensors and is asked about radar alone keeps "
            f"{_share(row.get('kept'))} of its macro F1, which is then {with_interval(row)}."
        )
    for row in document.get("few_shot") or ():
        if row["method"] == LEARNT:
            yield (
                f"Classes that were never shown, {row['shots']} labelled places of each, {USES[row['use']]}: macro F1 "
                f"{with_interval(row)} of {row['classes']:.0f} classes."
            )


def _share(kept: Mapping[str, float] | None) -> str:
    if kept is None:
        return "an unknown share"
    return f"{kept['value']:.0%} ({kept['low']:.0%} to {kept['high']:.0%})"


def of_evaluation(document: Mapping[str, Any]) -> Iterator[Judgement]:
    """What speaks against the figures, or not."""
    task, losses = document["task"], [each["loss"] for each in document["encoder"].get("history") or ()]
    yield Judgement(
        "enough_cells",
        task["cells"] >= FEWEST_CELLS and task["tested"] >= FEWEST_TESTED,
        f"{number_of(task['tested'], 'patch', 'patches')} in {number_of(task['cells'], 'cell')} were tested: intervals "
        f"over so few say little (at least {FEWEST_TESTED} in {FEWEST_CELLS} cells were better). Plan more places.",
    )
    yield Judgement(
        "learnt_something",
        len(losses) < 2 or losses[-1] < losses[0],
        "the loss of the encoder did not fall while it was trained: its figures are those of chance.",
    )
    for use in JUDGED:
        trained, floor = (_at_neighbours(document, method, use) for method in (LEARNT, UNTRAINED))
        if trained is not None and floor is not None:
            yield Judgement(
                "better_than_untrained",
                trained["value"] > floor["value"],
                f"{USES[use].capitalize()}: training adds nothing. The encoder's neighbours reach "
                f"{trained['value']:.3f}, those of an untrained one {floor['value']:.3f}.",
            )
    found, best = _partners(document)
    if found is not None:
        yield Judgement(
            "partners_found",
            found["r1"] > 2 * found["chance"],
            f"radar finds its optics in {found['r1']:.1%} of cases, which is hardly more than chance "
            f"({found['chance']:.1%}).",
        )
        if best is not None:
            yield Judgement(
                "partners_beyond_floors",
                found["r1"] >= best["r1"],
                f"a floor finds the partner of a place more often than the encoder: {method_text(best['method'])} in "
                f"{best['r1']:.1%} of cases, the encoder in {found['r1']:.1%}.",
            )
    if not any(row["method"] == FLOOR for row in document["probes"]):
        yield Judgement("floors_shown", False, "no method of statistics stands beside the encoder.")


def _partners(document: Mapping[str, Any]) -> tuple[Row | None, Row | None]:
    """Rows of retrieval: the encoder's, and that of the floor that finds most."""
    found = next((row for row in document["partners"] if row["method"] == LEARNT), None)
    floors = [row for row in document["partners"] if row["method"].partition(", ")[0] not in _WITH_ENCODER]
    return found, max(floors, key=lambda row: row["r1"], default=None)


def _at_neighbours(document: Mapping[str, Any], method: str, use: str) -> Row | None:
    rows = [row for row in rows_of(document, method, use) if row["probe"] == "neighbours"]
    return rows[0] if rows else None


def of_corpus(index: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Judgement]:
    """What speaks against the corpus, or not.

    Args:
        index: document beside the index; see `corpus.index.summary`.
        plan: document beside the plan.
    """
    missing = index["asked"] - index["got"]
    yield Judgement(
        "as_many_as_asked",
        missing <= MOST_MISSING * index["asked"],
        f"{missing:,} of {index['asked']:,} places asked for have no patch: those that have one are the places with "
        "clear skies and scenes, not all places.",
    )
    apart = [key for key, shard in index["shards"].items() if shard["alignment"].get("flag") in SHIFTS]
    yield Judgement(
        "sensors_aligned",
        not apart,
        f"the two sensors do not lie on each other in {number_of(len(apart), 'shard')}: {', '.join(apart[:8])}.",
    )
    for kind, meaning in (("train", "learnt from"), ("test", "held back")):
        count = index["splits"].get(kind, 0)
        yield Judgement(f"some_{kind}", count > 0, f"no patch is {meaning}.")
    doubts = plan.get("unusable", {}).get("count", 0)
    yield Judgement("scenes_usable", not doubts, f"{number_of(doubts, 'scene')} could not be used.")
