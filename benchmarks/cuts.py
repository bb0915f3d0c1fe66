"""The networks, boosted trees and two forests on parts of a place, each part a small place of its own.

    python -m benchmarks.cuts STUDY.yaml CATALOG [--most 6000] [--add TABLE.csv] CUT [CUT ...]

Cuts: `all`, the halves `N`, `S`, `W`, `E`, the quarters `NE`, `NW`, `SE`, `SW`, and `C`, the middle, by the quantiles
of the samples. Folds are made anew within each; the whole protocol (nested block cross-validation with a buffer) runs
on the same folds for every learner. With `--add`, rows are appended to a table; `FIGURES` is the one that pages quote.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

FIGURES = Path(__file__).with_name("cuts.csv")
LEARNERS = ("network", "one_network", "trees", "forest", "neighbourhood", "mixed")
PAIRS = (
    ("network", "neighbourhood"),
    ("trees", "neighbourhood"),
    ("mixed", "neighbourhood"),
    ("one_network", "network"),
)
"""What is compared with what, paired over resampled blocks."""
ENDS = {"": "value", "_low": "low", "_high": "high"}


def inside(x: np.ndarray, y: np.ndarray, cut: str) -> np.ndarray:
    """Samples of a cut, (n,) bool; coordinates as on a map, y to the north."""
    if cut == "all":
        return np.ones(len(x), bool)
    if cut == "C":
        ends = [(v, *np.quantile(v, [0.25, 0.75])) for v in (x, y)]
        return np.logical_and.reduce([(v > low) & (v <= high) for v, low, high in ends])
    north, east = y > np.median(y), x > np.median(x)
    sides = {"N": north, "S": ~north, "E": east, "W": ~east}
    return np.logical_and.reduce([sides[letter] for letter in cut])


def row_of(place: str, cut: str, samples: Any, stack: Any, features: list[str], most: int | None) -> dict[str, Any]:
    """Figures of every learner on one cut: MCC, and differences with 95 % block-bootstrap intervals.

    Args:
        place: what it is called in the table.
        cut: as for `inside`.
        samples: of the whole place.
        stack: they were drawn from.
        features: band names.
        most: samples that are used, drawn at random; None for all.
    """
    from fusion_assets.evaluation.blocks import group_folds
    from fusion_assets.evaluation.bootstrap import Resamples, differences, interval
    from fusion_assets.evaluation.scores import two_classes
    from fusion_assets.systems.built_up.accuracy.nested import nested_forest, nested_model, nested_trees
    from fusion_assets.systems.built_up.model.channels import Channels
    from fusion_assets.systems.built_up.model.neighbourhood import LEVELS

    part = samples[inside(samples["x"].to_numpy(), samples["y"].to_numpy(), cut)]
    if most and len(part) > most:
        part = part.sample(most, random_state=0).sort_index()
    part = part.reset_index(drop=True)
    part["fold"] = group_folds(part["block"].to_numpy(), part["label"].to_numpy())
    table = Channels.of_region(part, stack, features)
    answers = {
        "network": nested_model(table, LEVELS),
        "one_network": nested_model(table, LEVELS, seeds=(0,)),
        "trees": nested_trees(table, LEVELS),
        "forest": nested_forest(table),
        "neighbourhood": nested_forest(table, LEVELS),
    }
    answers["mixed"] = mixed([answers[name] for name in ("network", "trees", "neighbourhood")], table)
    resamples = Resamples.of(table.block)
    figures = {
        name: two_classes(table.label, found.predicted(table.fold).astype(bool), found.probability, resamples)
        for name, found in answers.items()
    }
    row: dict[str, Any] = {"place": place, "cut": cut, "samples": len(part), "blocks": resamples.groups}
    row |= {name: round(float(figures[name]["mcc"][0]), 4) for name in LEARNERS}
    for first, second in PAIRS:
        gain = interval(differences(figures[first], figures[second])["mcc"], resamples.groups)
        row |= {f"{first}_minus_{second}{end}": round(gain[key], 4) for end, key in ENDS.items()}
    return row


def mixed(answers: list[Any], table: Any) -> Any:
    """The mean of several learners' log odds, thresholds chosen anew on the inner folds of all of them."""
    from fusion_assets.evaluation.cross_validation import OutOfFold
    from fusion_assets.evaluation.scores import choose_threshold

    def mean(probabilities: list[np.ndarray]) -> np.ndarray:
        clipped = [np.clip(p, 1e-4, 1 - 1e-4) for p in probabilities]
        return 1 / (1 + np.exp(-np.mean([np.log(p / (1 - p)) for p in clipped], axis=0)))

    inner = [mean(list(of_fold)) for of_fold in zip(*(found.inner for found in answers), strict=True)]
    rests = [table.fold != k for k in range(len(inner))]
    thresholds = [
        choose_threshold(table.label[rest], p[rest], table.block[rest]) for rest, p in zip(rests, inner, strict=True)
    ]
    return OutOfFold(mean([found.probability for found in answers]), np.array(thresholds))


def figures(path: Path = FIGURES) -> list[dict[str, Any]]:
    """The rows of a table that `--add` wrote."""
    with path.open(newline="") as file:
        return [
            {name: text if name in ("place", "cut") else float(text) for name, text in row.items()}
            for row in csv.DictReader(file)
        ]


def claim(rows: list[dict[str, Any]], first: str, second: str) -> str:
    """What the rows say of one learner less another, as pages say it."""
    name = f"{first}_minus_{second}"
    gains = [row[name] for row in rows]
    ahead = sum(row[f"{name}_low"] > 0 for row in rows)
    behind = sum(row[f"{name}_high"] < 0 for row in rows)
    return (
        f"on {len(rows)} cuts MCC {np.mean(gains):+.3f} on average ({min(gains):+.3f} to {max(gains):+.3f}), better "
        f"beyond chance on {ahead}, worse on {behind}"
    )


def append(path: Path, row: dict[str, Any]) -> None:
    """A row at the end of a table, with its head where the table is new."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def main() -> None:
    """Run the cuts that are asked for, one line each as they come."""
    from benchmarks.ablation import samples_of

    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuts", description=__doc__)
    parser.add_argument("study")
    parser.add_argument("catalog")
    parser.add_argument("cuts", nargs="+")
    parser.add_argument("--most", type=int)
    parser.add_argument("--add", type=Path)
    given = parser.parse_args()
    for place, (samples, stack, features) in samples_of(given.study, given.catalog).items():
        for cut in given.cuts:
            row = row_of(place, cut, samples, stack, features, given.most)
            print(row, flush=True)
            if given.add:
                append(given.add, row)


if __name__ == "__main__":
    main()
