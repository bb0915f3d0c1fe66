"""Which patches there will be."""

import hashlib
import time
from typing import Any

import dagster as dg

from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table
from fusion_assets.systems.embeddings import versions
from fusion_assets.systems.embeddings.section import plan_digest


def plan_asset(site: Site) -> dg.AssetsDefinition:
    """The plan of patches."""
    study, settings = site.study, site.settings

    @site.asset("tables", None, [versions.PLAN, plan_digest(study)])
    def patch_plan(context: dg.AssetExecutionContext) -> dg.Output[tuple[Table, dict]]:
        """**Where patches lie and which scenes they are cut from**: a row a place, with its cell and its split.

        Optical scene and radar pass are the nearest in time that leave the place clear. Places without such a pair
        stay, and say why.
        """
        import pandas as pd

        from fusion_assets.systems.embeddings.plan import plan_of, warnings_of
        from fusion_assets.systems.embeddings.plan_notes import Notes

        step, begun = 0, time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal step
            if done * 50 // total > step:
                step = done * 50 // total
                left = (time.monotonic() - begun) / done * (total - done)
                context.log.info(f"{done:,} of {total:,} places planned, about {left / 60:.0f} min to go")

        notes = Notes(study, settings)
        table, document = plan_of(study, settings, progress, notes)
        notes.clear()
        for warning in warnings_of(document):
            context.log.warning(warning)
        rows = pd.util.hash_pandas_object(table.drop(columns="geometry"), index=False)
        shown: dict[str, Any] = {key: document[key] for key in ("asked", "planned", "states", "splits", "gap_hours")}
        version = dg.DataVersion(hashlib.sha256(rows.to_numpy().tobytes()).hexdigest())
        return dg.Output((table, document), data_version=version, metadata=readable(shown))

    return patch_plan
