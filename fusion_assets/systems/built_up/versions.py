"""Versions of what this room computes; they are part of the code versions of its assets.

Raise one when the same input would give other output, so that what was made before is known to be stale. They are kept
apart from the code that they speak of: loading the code location takes the versions, and not the libraries under it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion_assets.study import Study

STACK = "1"
LIGHTS = "1"
SAMPLES = "1"
CLASSIFIER = "3"
PREDICTION = "2"
EVALUATION = "3"
ABLATION = "3"
TRANSFER = "3"
TREND = "3"
CHANGE = "2"
CHANGE_CONFIDENCE = 0.8
"""Least probability at which a change is named; a part of the version of the change map."""
RIVALS = "1"
REPORT = "7"
STAC = "2"


def learner(study: Study) -> list[str]:
    """What learns, as a part of versions; nothing where it is the usual one."""
    return [] if study.model == "network" else [study.model]
