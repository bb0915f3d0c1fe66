"""What each part of the method contributes, by leaving it out: on the demo archive or on studies of your own.

    python -m benchmarks.ablation                                # the demo, built in a temporary folder
    python -m benchmarks.ablation STUDY.yaml CATALOG [STUDY.yaml CATALOG ...]

Every row runs the whole protocol (nested block cross-validation with a buffer) on the same samples and folds. `gain`
is the MCC of the row less that of the method as it is, with its paired 95 % block-bootstrap interval.
"""

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

TRAINED = ["training_samples"]


def demo_rows() -> list[dict]:
    """Rows of the demo."""
    from fusion_assets.demo import build_demo_archive

    with tempfile.TemporaryDirectory() as folder:
        return study_rows("demo", str(build_demo_archive(Path(folder) / "archive")))


def study_rows(study: str, archive: str) -> list[dict]:
    """Rows of each region of a study: every part left out in turn, then the forest."""
    rows = []
    for region, (samples, stack, features) in samples_of(study, archive).items():
        rows += [{"place": region, **row} for row in ablate(samples, stack, features)]
    return rows


def ablate(samples: Any, stack: Any, features: list[str]) -> Iterator[dict]:
    """One row for each variant of the method on the same folds."""
    from fusion_assets.evaluation.bootstrap import Resamples, differences, interval, intervals
    from fusion_assets.evaluation.scores import two_classes
    from fusion_assets.systems.built_up.accuracy.nested import nested_forest
    from fusion_assets.systems.built_up.model.channels import Channels
    from fusion_assets.systems.built_up.model.neighbourhood import LEVELS

    resamples = Resamples.of(samples["block"].to_numpy())
    blocks, label, fold = resamples.groups, samples["label"].to_numpy(), samples["fold"].to_numpy()
    whole = None
    for name, fitted in variants(features):
        start = time.perf_counter()
        probability, predicted = fitted(samples, stack)
        figures = two_classes(label, predicted.astype(bool), probability, resamples)
        seconds = time.perf_counter() - start
        whole = whole or figures
        yield _row(name, intervals(figures, blocks), interval(differences(figures, whole)["mcc"], blocks), seconds)
    table = Channels.of_region(samples, stack, features)
    for name, levels in (("of the pixel", (None,)), ("of the neighbourhood", LEVELS)):
        start = time.perf_counter()
        forest = nested_forest(table, levels)
        seconds = time.perf_counter() - start
        for rule, predicted in (
            ("nested threshold", forest.predicted(fold)),
            ("at 0.5", forest.probability >= 0.5),
        ):
            figures = two_classes(label, predicted.astype(bool), forest.probability, resamples)
            gain = interval(differences(figures, whole or figures)["mcc"], blocks)
            yield _row(f"forest {name}, {rule}", intervals(figures, blocks), gain, seconds)


Fitted = Callable[[Any, Any], tuple[np.ndarray, np.ndarray]]


def variants(features: list[str]) -> Iterator[tuple[str, Fitted]]:
    """Name and protocol of the method as it is, and with one part left out or changed; the first is the reference."""
    from fusion_assets.systems.built_up.accuracy.nested import nested_model, nested_trees
    from fusion_assets.systems.built_up.model import ensemble as network
    from fusion_assets.systems.built_up.model import neighbourhood as context
    from fusion_assets.systems.built_up.model.channels import Channels
    from fusion_assets.systems.built_up.model.classifier import SEEDS
    from fusion_assets.systems.built_up.model.neighbourhood import LEVELS

    def plain(
        levels: Any = LEVELS,
        seeds: Any = SEEDS,
        patched: dict | None = None,
        isotonic: bool = False,
        trees: bool = False,
    ) -> Fitted:
        def fitted(samples: Any, stack: Any) -> tuple[np.ndarray, np.ndarray]:
            with replaced(patched or {}):
                table = Channels.of_region(samples, stack, features)
                out = nested_trees(table, levels) if trees else nested_model(table, levels, seeds=seeds)
            found = recalibrated(out, table) if isotonic else out
            return found.probability, found.predicted(table.fold)

        return fitted

    yield "the method", plain()
    yield "one network instead of five", plain(seeds=SEEDS[:1])
    yield "the pixel alone", plain(levels=LEVELS[:1])
    yield "3 x 3 pixels always", plain(levels=LEVELS[1:2])
    yield "27 x 27 pixels always", plain(levels=LEVELS[2:])
    if context._ratios(features):
        yield "without spectral ratios", plain(patched={(context, "RATIOS"): ()})
    if context.LIGHTS in features:
        yield "radiance without logarithm", plain(patched={(context, "LIGHTS"): "none"})
    yield "without dropout", plain(patched={(network, "DROPOUT"): 0.0})
    yield "with isotonic recalibration", plain(isotonic=True)
    yield "boosted trees instead of networks", plain(trees=True)


def recalibrated(out: Any, table: Any) -> Any:
    """Probabilities mapped by isotonic regression on the inner folds, thresholds chosen anew on them."""
    from sklearn.isotonic import IsotonicRegression

    from fusion_assets.evaluation.scores import choose_threshold

    probability, thresholds = out.probability.copy(), out.thresholds.copy()
    for k, inner in enumerate(out.inner):
        rest = table.fold != k
        curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(inner[rest], table.label[rest])
        probability[~rest] = curve.predict(probability[~rest])
        thresholds[k] = choose_threshold(table.label[rest], curve.predict(inner[rest]), table.block[rest])
    return dataclasses.replace(out, probability=probability, thresholds=thresholds)


def samples_of(study_name: str, archive: str) -> dict[str, tuple[Any, Any, list[str]]]:
    """Samples, stack and features of the label year of each region, made by the assets themselves."""
    import dagster as dg

    from fusion_assets.orchestration.assembly import build_definitions
    from fusion_assets.orchestration.partitions import key_of
    from fusion_assets.settings import Settings
    from fusion_assets.study.stored_outlines import configured_study
    from fusion_assets.systems.registry import SYSTEMS

    found = {}
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        chosen = {"study": study_name, "archive": archive, "storage": folder}
        study = configured_study(Settings.from_environment(chosen))
        definitions = build_definitions(SYSTEMS, chosen)
        job = definitions.resolve_implicit_global_asset_job_def()
        graph = definitions.resolve_asset_graph()
        wanted = dg.AssetSelection.assets(*TRAINED).upstream().resolve(graph)
        for region in study.regions:
            key = key_of(region.name, study.label_year)
            quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
            for level in graph.toposorted_asset_keys_by_level:
                for asset in sorted(wanted & set(level)):
                    job.execute_in_process(
                        asset_selection=[asset], partition_key=key, instance=instance, run_config=quiet
                    )
            samples, stack = (
                definitions.load_asset_value(dg.AssetKey(name), partition_key=key, instance=instance)
                for name in ("training_samples", "fused_stack")
            )
            found[region.name] = samples, stack.compute(), list(study.feature_names)
    return found


@contextmanager
def replaced(values: dict[tuple[Any, str], Any]) -> Iterator[None]:
    """Module constants replaced for a while."""
    before = {place: getattr(*place) for place in values}
    for (module, name), value in values.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


def _row(name: str, known: dict, gain: dict, seconds: float) -> dict:
    def shown(key: str) -> str:
        return f"{known[key]['value']:.3f} ({known[key]['low']:.3f} to {known[key]['high']:.3f})"

    return {
        "variant": name,
        "mcc": shown("mcc"),
        "average_precision": shown("average_precision"),
        "calibration_error": round(known["ece"]["value"], 4),
        "gain": f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})",
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    import os

    from benchmarks.__main__ import table

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    given = sys.argv[1:]
    for study, archive in zip(given[::2], given[1::2], strict=True):
        print(table(study_rows(study, archive)), flush=True)
    if not given:
        print(table(demo_rows()))
