"""One job for each stage; a stage is a set of assets with the same partitions, which is all that one job can hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

# What `dg.define_asset_job` returns; Dagster does not export its type.
AssetJob = Any

STAGES = {
    "request_exports": (("sentinel2_export", "night_lights_export"), "Ask the engine for one region and year."),
    "request_labels": (("ghsl_export",), "Ask the engine for a region's settlement labels."),
    "make_composites": (("sentinel2_composite", "night_lights_composite"), "Collect finished exports."),
    "make_labels": (("ghsl_labels",), "Collect the settlement labels."),
    "fuse": (("fused_stack",), "Put the features of one year side by side."),
    "train": (("training_samples", "built_up_model", "model_evaluation"), "Train and evaluate a region's model."),
    "ablate": (("feature_ablation",), "Say what each sensor contributes."),
    "transfer": (("region_transfer",), "Say how well regions never seen are mapped; needs all regions' samples."),
    "predict": (("built_up_prediction",), "Map built-up land of one year."),
    "compare": (("built_up_trend", "built_up_change"), "Compare the years of a region."),
    "fill_ndvi": (
        ("ndvi_clear", "backscatter", "ndvi_model", "ndvi_filled", "ndvi_evaluation", "ndvi_report"),
        "Make a year's gap-free NDVI, from scenes to report.",
    ),
    "publish": (("built_up_report", "built_up_catalog"), "Write a region's report, and the STAC catalog of its maps."),
}


def stage_jobs(assets: Iterable[dg.AssetsDefinition]) -> list[AssetJob]:
    """The jobs of those stages that have assets in this study."""
    present = {key.to_user_string() for asset in assets for key in asset.keys}
    jobs = []
    for stage, (names, description) in STAGES.items():
        chosen = [name for name in names if name in present]
        if chosen:
            selection = dg.AssetSelection.assets(*chosen)
            jobs.append(dg.define_asset_job(stage, selection, description=description, tags={"fusion/stage": stage}))
    return jobs
