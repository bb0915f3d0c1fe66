"""One job for each stage; a stage is a set of assets with the same partitions, which is all that one job can hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

from fusion_assets.orchestration.system import Stages

# What `dg.define_asset_job` returns; Dagster does not export its type.
AssetJob = Any


def stage_jobs(assets: Iterable[dg.AssetsDefinition], stages: Stages) -> list[AssetJob]:
    """The jobs of those stages that have assets in this study."""
    present = {key.to_user_string() for asset in assets for key in asset.keys}
    jobs = []
    for stage, (names, description) in stages.items():
        chosen = [name for name in names if name in present]
        if chosen:
            selection = dg.AssetSelection.assets(*chosen)
            jobs.append(dg.define_asset_job(stage, selection, description=description, tags={"fusion/stage": stage}))
    return jobs
