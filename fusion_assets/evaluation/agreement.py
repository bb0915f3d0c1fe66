"""How a binary map agrees with labels, beside baselines and the majority answer: one document of figures.

Agreement with labels is not accuracy on the ground: prevalence and the majority answer stand beside every figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.bootstrap import Resamples, differences, interval, intervals
from fusion_assets.evaluation.scores import confusion, equal_count_bins, observed_shares, two_classes

if TYPE_CHECKING:
    import pandas as pd

_BY = {
    "model": "model",
    "baseline": "random forest",
    "neighbourhood": "neighbourhood forest",
    "majority": "majority answer",
}


def scored(
    label: np.ndarray,
    predicted: np.ndarray,
    probability: np.ndarray | None,
    resamples: Resamples,
    rest: str = "rest",
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Figures of a map against labels, and the arrays of `two_classes` that they are the first elements of.

    Returns:
        The figures, JSON-able: `confusion` (counts), `confusion_share` (each label class sums to 1), `accuracy`, `mcc`,
        precision, recall and F1 of class 1, the same of class 0 under `rest`, and with probabilities
        `average_precision` and `brier`. And the arrays.
    """
    figures = two_classes(label, predicted, probability, resamples, rest)
    counts = [int(count) for count in confusion(label, predicted, resamples)[0].ravel()]
    names, of_label = ("tn", "fp", "fn", "tp"), [sum(counts[:2])] * 2 + [sum(counts[2:])] * 2
    first = {name: float(values[0]) for name, values in figures.items() if name != "ece"}
    of_rest = {name: first.pop(f"{name}_{rest}") for name in ("precision", "recall", "f1")}
    document: dict[str, Any] = {
        "confusion": dict(zip(names, counts, strict=True)),
        "confusion_share": {n: c / max(whole, 1) for n, c, whole in zip(names, counts, of_label, strict=True)},
        **{name: first.pop(name) for name in ("accuracy", "mcc", "precision", "recall", "f1")},
        rest: of_rest,
        **first,
    }
    return document, figures


def measured(table: pd.DataFrame, rest: str = "rest") -> dict[str, Any]:
    """Every figure that follows from a table of predictions alone.

    Args:
        table: label, block, probability, predicted, and `<name>_probability`, `<name>_predicted` of each baseline, one
            of which is called `baseline`; all predictions by models that did not see the sample.
        rest: what class 0 is called in keys.

    Returns:
        `n`, `blocks`, `prevalence`; the scores of `model`, of every baseline (at its own threshold), `baseline_at_half`
        and `majority`; `intervals`: 95 % block-bootstrap intervals of every figure of each, and paired ones of
        `model_minus_<name>` for each of the others; `mcc_difference`; `calibration` and `baseline_calibration` with an
        interval for every bin.
    """
    label = table["label"].to_numpy()
    model, baseline = (table[name].to_numpy() for name in ("probability", "baseline_probability"))
    answers: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
        "model": (table["predicted"].to_numpy(bool), model),
        **{
            name: (table[f"{name}_predicted"].to_numpy(bool), table[f"{name}_probability"].to_numpy())
            for name in baselines_of(table)
        },
        "baseline_at_half": (baseline >= 0.5, baseline),
        "majority": (np.full(len(label), label.mean() > 0.5), None),
    }
    resamples = Resamples.of(table["block"].to_numpy())
    blocks = resamples.groups
    both = {name: scored(label, *answer, resamples, rest) for name, answer in answers.items()}
    figures = {name: arrays for name, (_, arrays) in both.items()}
    ends = {name: intervals(arrays, blocks) for name, arrays in figures.items()}
    for other in [name for name in answers if name != "model"]:
        ends[f"model_minus_{other}"] = intervals(differences(figures["model"], figures[other]), blocks)
    gain = ends["model_minus_baseline"]["mcc"]
    prevalence = interval(resamples.mean(label.astype(float)), blocks)
    return {
        "n": len(label),
        "blocks": blocks,
        "prevalence": prevalence["value"],
        **{name: document for name, (document, _) in both.items()},
        "intervals": {"prevalence": prevalence, **ends},
        "mcc_difference": {"difference": gain["value"], "low": gain["low"], "high": gain["high"]},
        "calibration": _reliability(label, model, resamples, ends["model"]["ece"]["value"]),
        "baseline_calibration": _reliability(label, baseline, resamples, ends["baseline"]["ece"]["value"]),
    }


def baselines_of(table: pd.DataFrame) -> list[str]:
    """Names of the baselines of a table of predictions, in the order of its columns."""
    return [name.removesuffix("_probability") for name in map(str, table.columns) if name.endswith("_probability")]


def against_truth(table: pd.DataFrame, truth: np.ndarray, rest: str = "rest") -> dict[str, Any]:
    """The same figures with a known truth in place of the labels; only synthetic places have one.

    Args:
        table: as for `measured`.
        truth: 1 or 0, 255 unknown, one per row.
        rest: what class 0 is called in keys.

    Returns:
        As `measured`, with `labels` beside: how well the labels themselves know the truth.
    """
    certain = truth != 255
    table, truth = table[certain], truth[certain].astype("int8")
    alone = Resamples.of(table["block"].to_numpy(), 0)
    labels, _ = scored(truth, table["label"].to_numpy(), None, alone, rest)
    return measured(table.assign(label=truth), rest) | {"labels": labels}


def summary(metrics: dict[str, Any]) -> dict[str, float | int]:
    """The figures worth showing first, flat, so that they can be plotted over runs."""
    ends = metrics["intervals"]
    gain = metrics["mcc_difference"]
    out = {
        "mcc": metrics["model"]["mcc"],
        "mcc_low": ends["model"]["mcc"]["low"],
        "mcc_high": ends["model"]["mcc"]["high"],
        "mcc_forest": metrics["baseline"]["mcc"],
        "mcc_forest_at_half": metrics["baseline_at_half"]["mcc"],
        "mcc_above_forest": gain["difference"],
        "mcc_above_forest_low": gain["low"],
        "mcc_above_forest_high": gain["high"],
        "accuracy": metrics["model"]["accuracy"],
        "accuracy_majority": metrics["majority"]["accuracy"],
        "prevalence": metrics["prevalence"],
        "precision": metrics["model"]["precision"],
        "recall": metrics["model"]["recall"],
        "f1": metrics["model"]["f1"],
        "average_precision": metrics["model"]["average_precision"],
        "average_precision_forest": metrics["baseline"]["average_precision"],
        **_above_neighbourhood(metrics),
        "brier": metrics["model"]["brier"],
        "calibration_error": metrics["calibration"]["ece"],
        "calibration_error_high": ends["model"]["ece"]["high"],
        "samples": metrics["n"],
        "blocks": metrics["blocks"],
    }
    if "threshold" in metrics:
        out["threshold"] = metrics["threshold"]
    if "truth" in metrics:
        truth = metrics["truth"]
        out |= {"truth_mcc": truth["model"]["mcc"], "truth_accuracy": truth["model"]["accuracy"]}
        out |= {"truth_mcc_labels": truth["labels"]["mcc"], "truth_prevalence": truth["prevalence"]}
    return out


def _above_neighbourhood(metrics: dict[str, Any]) -> dict[str, float]:
    """Figures of a baseline that sees the neighbourhood, too, where there is one."""
    if "neighbourhood" not in metrics:
        return {}
    gain = metrics["intervals"]["model_minus_neighbourhood"]["mcc"]
    above = {
        f"mcc_above_neighbourhood_forest{end}": gain[key]
        for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return {"mcc_neighbourhood_forest": metrics["neighbourhood"]["mcc"], **above}


def class_rows(
    metrics: dict[str, Any], names: tuple[str, str], rest: str = "rest"
) -> list[dict[str, str | int | float]]:
    """Confusion by class and predictor: counts, shares of the class, omission and commission error.

    Args:
        metrics: what `measured` returned.
        names: of class 1 and class 0, for people.
        rest: what class 0 is called in keys.
    """
    rows: list[dict[str, str | int | float]] = []
    for name, title in _BY.items():
        if name not in metrics:
            continue
        scores = metrics[name]
        counts, share = scores["confusion"], scores["confusion_share"]
        for kind, right, wrong, figures in (
            (names[0], "tp", "fn", scores),
            (names[1], "tn", "fp", scores[rest]),
        ):
            rows.append(
                {
                    "by": title,
                    "labelled": kind,
                    "rightly": counts[right],
                    "wrongly": counts[wrong],
                    "omission_error": round(share[wrong], 4),
                    "commission_error": round(1 - figures["precision"], 4),
                    "f1": round(figures["f1"], 4),
                }
            )
    return rows


def _reliability(label: np.ndarray, probability: np.ndarray, resamples: Resamples, ece: float) -> dict[str, Any]:
    """Mean probability, share of positives with its interval and count of each equal-count bin, and the error."""
    number, shares = equal_count_bins(probability), observed_shares(label, probability, resamples)
    rows = []
    for k in np.unique(number):
        inside, observed = number == k, interval(shares[:, k], resamples.groups)
        row = {"probability": float(probability[inside].mean()), "observed": observed.pop("value")}
        rows.append({**row, "count": int(inside.sum()), **observed})
    return {"bins": rows, "ece": ece}
