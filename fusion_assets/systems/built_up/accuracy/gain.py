"""What an embedding adds, from figures of the ablation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_assets.study.features import is_embedded, without_embedding


def embedding_gain(ablation: Mapping[str, Any], figure: str = "mcc") -> dict[str, float] | None:
    """What the embedding adds to the same sensors alone: `value`, `low` and `high` of the paired 95 % interval.

    Args:
        ablation: what `ablation.ablate_features` returned.
        figure: of the scores.

    Returns:
        None where no embedding is among the features.
    """
    if not is_embedded(ablation["whole"]):
        return None
    less = ablation["sets"][without_embedding(ablation["whole"])]["minus_whole"][figure]
    return {"value": -less["value"], "low": -less["high"], "high": -less["low"]}
