"""What the comparison comes to: figures of every network, of baselines, and of all beside each other."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import Axis
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.defs import partitions
from fusion_assets.systems.climate_zones.defs.checks import STUDY, calibration_specs, study_result
from fusion_assets.systems.climate_zones.section import use_of


def study_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Baselines, scores and the comparison."""
    return [_zone_baselines(site), _fusion_scores(site), _fusion_study(site)]


def _zone_baselines(site: Site) -> dg.AssetsDefinition:
    settings, use = site.settings, use_of(site.study)

    @site.asset("documents", Axis("setting", list(use.settings)), [versions.SCORES, use.channels, use.seeds])
    def zone_baselines(
        context: dg.AssetExecutionContext, setting: str, lcz_patches: dict, lcz_splits: tuple[Table, dict]
    ) -> dg.Output[dict]:
        """**What networks have to beat**: the commonest zone, and a forest on means and scatter of whole patches.

        They learn from the same patches and answer for the same.
        """
        import numpy as np

        from fusion_assets.systems.climate_zones import comparison, held_back
        from fusion_assets.systems.climate_zones.baselines import BASELINES, features
        from fusion_assets.systems.climate_zones.sources import patches_of

        patches = patches_of(use, settings, lcz_patches)
        # Once: seeds share patches, and reading them is most of the work.
        about, seen = patches.table(), features(patches, np.arange(len(patches)), use.read)
        document = {}
        for name, answer in BASELINES.items():
            tables = {}
            for seed in range(use.seeds):
                learnt, asked = (held_back.rows_of(lcz_splits[0], setting, seed, part) for part in ("train", "test"))
                tables[seed] = comparison.table_of(asked, answer(seen, patches.labels, learnt, asked, seed), about)
                context.log.info(f"{name}, seed {seed}")
            document[name] = comparison.figures_of(comparison.runs_of(setting, tables))
        shown = {name: entry["figures"]["accuracy"]["value"] for name, entry in document.items()}
        return dg.Output(document, data_version=dg.DataVersion(digest(document)), metadata=readable(shown))

    return zone_baselines


def _fusion_scores(site: Site) -> dg.AssetsDefinition:
    @site.asset(
        "documents",
        partitions.configurations(site),
        [versions.SCORES],
        ins={
            "fusion_prediction": dg.AssetIn(
                partition_mapping=dg.MultiToSingleDimensionPartitionMapping("configuration")
            )
        },
    )
    def fusion_scores(configuration: str, fusion_prediction: dict[str, Table]) -> dg.Output[dict]:
        """**Figures of one network**, with 95 % intervals for other cities and other trainings.

        Overall and average accuracy, kappa, F1, figures of built-up zones, log loss, calibration error; and what
        calibrated sets of zones cover in cities that neither network nor calibration has seen.
        """
        from fusion_assets.systems.climate_zones import comparison

        tables = {int(key.split("|")[1]): table for key, table in fusion_prediction.items()}
        document = comparison.figures_of(comparison.runs_of(configuration.split(".")[0], tables))
        shown: dict[str, Any] = {name: document["figures"][name]["value"] for name in comparison.HEADLINES}
        return dg.Output(document, data_version=dg.DataVersion(digest(document)), metadata=readable(shown))

    return fusion_scores


def _fusion_study(site: Site) -> dg.AssetsDefinition:
    use = use_of(site.study)
    every = dg.AssetIn(partition_mapping=dg.AllPartitionMapping())
    names = ["fusion_scores", "zone_baselines", *(["independent_sum"] if partitions.sums(site) else [])]

    @site.asset(
        "documents",
        None,
        [versions.SCORES, use.splits, use.stages],
        ins=dict.fromkeys(names, every),
        check_specs=calibration_specs(STUDY),
    )
    def fusion_study(lcz_splits: tuple[Table, dict], **inputs: Any) -> Iterator[Any]:
        """**Does it matter where Sentinel-1 and Sentinel-2 are joined?** Every stage beside the others.

        Differences to joining at once are paired by city, with a test of whether they are less than two points. Beside
        random figures stands how far test patches overlap the training's.
        """
        from fusion_assets.systems.climate_zones import fusion_stages

        sums: dict[str, dict[int, Any]] = {}
        for key, table in inputs.get("independent_sum", {}).items():
            seed, name = key.split("|")
            sums.setdefault(name, {})[int(seed)] = table
        document = fusion_stages.study(use, inputs["fusion_scores"], inputs["zone_baselines"], sums, lcz_splits[1])
        shown = fusion_stages.headlines(document)
        yield dg.Output(document, data_version=dg.DataVersion(digest(document)), metadata=readable(shown))
        yield study_result(document)

    return fusion_study
