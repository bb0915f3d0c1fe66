"""What the parts of an evaluation are called for people: methods, what they look at, probes and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusion_assets.systems.embeddings.evidence.evaluation import LEARNT, TRANSFER, WITH_STATISTICS

METHODS = {
    "statistics": "statistics of each band",
    "random_convolutions": "random convolutions",
    "components": "principal components",
    "untrained": "the encoder, untrained",
    "satellite_embedding": "Satellite Embedding V1, mean of the patch",
    LEARNT: "the encoder",
    WITH_STATISTICS: "the encoder with statistics",
}
"""Methods, floors first."""
USES = {"radar": "radar alone", "optics": "optics alone", "both": "both sensors", TRANSFER: "both, then radar alone"}
PROBES = {
    "neighbours": "five nearest neighbours",
    "linear": "linear probe",
    "ridge": "shares, ridge",
}
FIGURES = {"macro_f1": "macro F1", "r2": "R2"}
PRETEXTS = {
    "vicreg": "VICReg: radar, optics and both of a place are to come to the same numbers",
    "masked": "masked: what was hidden is to be filled in",
    "prediction": "prediction: one sensor is to tell the other",
}
LABELS = {"land_cover": "land cover", "corine": "CORINE land cover"}
SPLITS = {"train": "learnt from", "test": "held back", "buffer": "too near to what is held back"}


def method_text(name: str) -> str:
    """A method for people; of retrieval, too."""
    plain, _, way = name.partition(", ")
    text = METHODS.get(plain, plain)
    return f"{text}, in directions that agree (canonical correlation)" if way else text


def probe_text(row: Mapping[str, Any]) -> str:
    """The probe of a row, with its figure and how many labels it was given."""
    return f"{PROBES.get(row['probe'], row['probe'])}, {row['labels']:,} labels, {FIGURES[row['figure']]}"


def verdict_of(difference: Mapping[str, float] | None) -> str:
    """What a paired difference shows: `better`, `worse`, or `cannot tell`."""
    if difference is None:
        return "cannot tell"
    if difference["low"] > 0:
        return "better"
    return "worse" if difference["high"] < 0 else "cannot tell"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence, the last after `and`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
