"""What speaks against the method that fills gaps, in a sentence: for the check in the UI, and on top of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TIE = 0.03
"""Share by which errors may differ without one method counting as worse: withheld values are few."""
SIMPLEST = "interpolation"


def worse_than_interpolation(evaluation: pd.DataFrame, method: str) -> str:
    """Where a method errs by more than a straight line between the clear dates; empty where nowhere.

    Args:
        evaluation: of `evaluation.evaluate`.
        method: that fills the gaps.
    """
    errors = evaluation[evaluation["n"] > 0].pivot(index=["position", "gap_days"], columns="estimator", values="rmse")
    if method == SIMPLEST or not {method, SIMPLEST} <= set(errors.columns):
        return ""
    lost = errors[errors[method] > errors[SIMPLEST] * (1 + TIE)]
    parts = [
        f"by {row[method] / row[SIMPLEST] - 1:.0%} in {called(row['position'], row['gap_days'])} "
        f"({row[method]:.3f} against {row[SIMPLEST]:.3f})"
        for row in lost.sort_index(ascending=[False, True]).reset_index().to_dict("records")
    ]
    if not parts:
        return ""
    said = ", ".join(parts)
    return f"The method {method} errs more than {SIMPLEST}, {said}; `method: {SIMPLEST}` fills these better."


def called(position: str, days: int) -> str:
    """A kind of gap of `evaluation.evaluate`, in words."""
    if not days:
        return "single scenes"
    return f"gaps of {days} days" if position == "within" else f"the {position} {days} days"
