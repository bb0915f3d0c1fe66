"""What there is to make: assets and partitions of a study, in the order in which they can be made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.partitions import EVERY_REGION, dimensions_of
from fusion_assets.study import Study
from fusion_assets.study.provenance import EXPORT_ASSETS


@dataclass(frozen=True)
class Step:
    """One asset and partition to make."""

    asset: dg.AssetsDefinition
    partition: str | None

    @property
    def name(self) -> str:
        """Asset and partition for people."""
        return named((self.asset.key, self.partition))

    @property
    def dimensions(self) -> dict[str, str]:
        """What the partition says by dimension."""
        return dimensions_of(self.partition, self.asset.partitions_def)


def plan(
    definitions: dg.Definitions,
    study: Study,
    regions: Sequence[str] = (),
    years: Sequence[int] = (),
    select: str = "",
    lacking: Mapping[str, str] | None = None,
) -> list[Step]:
    """Assets and partitions to look at, region by region, upstream first.

    Args:
        definitions: of the code location.
        study: that they were built from.
        regions: names or titles; empty means all.
        years: prediction and composite years; empty means all. The label year is added when predictions are among
            the assets, because they rest on its model. What is made of all years, or of all regions, waits for a plan
            with all of them.
        select: Dagster asset selection, for example `built_up_prediction` or `+training_samples`; names may be
            separated by commas; empty means all.
        lacking: by asset or group that the study has not, what it would have to have for it.

    Raises:
        FusionError: unknown region, year or selection.
    """
    graph = definitions.resolve_asset_graph()
    chosen = _selected(definitions, study, select, lacking or {})
    known = [region.name for region in study.regions]
    regions = list(dict.fromkeys(study.region_called(region).name for region in regions))
    _check("years", years, list(study.years), "--years")
    wanted = set(years or study.years)
    if not select and study.label_year is not None and wanted & set(study.prediction_years):
        wanted.add(study.label_year)
    ordered = [key for level in graph.toposorted_asset_keys_by_level for key in level if key in chosen]
    chosen_regions = regions or known
    steps = [
        step
        for key in ordered
        for step in _steps_of(definitions.get_assets_def(key))
        if _years_of(step, study) <= wanted and _regions_of(step, known) <= set(chosen_regions)
    ]
    # Region by region, except what rests on all of them: that comes last, an asset after what it rests on.
    last = {key: EVERY_REGION in definitions.get_assets_def(key).tags_by_key[key] for key in ordered}
    steps.sort(key=lambda step: (True, 0) if last[step.asset.key] else (False, _place(step, chosen_regions)))  # stable
    if not steps:
        raise FusionError(
            f"nothing to do: {select or 'the study'} has no partition in {', '.join(map(str, sorted(wanted)))}",
            f"years the assets have; what is learnt belongs to the label year, {study.label_year}, or to all regions",
            "choose other --years or another --select, or leave --region out",
        )
    return steps


def check_engine_makes(engine: str, assets: Collection[str], of_series: Sequence[str]) -> None:
    """Refuse a plan that the chosen engine cannot carry out, before anything is begun.

    Args:
        engine: name.
        assets: names of the assets that are to be made.
        of_series: groups of assets that are made of series alone.

    Raises:
        FusionError: exports are among them, and the engine makes none.
    """
    from fusion_assets.imagery.engines.protocol import series_only
    from fusion_assets.imagery.engines.sentinel_hub import SentinelHub

    exports = [name for name in EXPORT_ASSETS.values() if name in assets]
    if engine == SentinelHub.name and exports:
        groups = " or ".join(f"'group:{name}'" for name in of_series)
        raise series_only(engine, ", ".join(exports), *([groups] if groups else []))


def _steps_of(asset: dg.AssetsDefinition) -> list[Step]:
    """All partitions of an asset, or the asset alone."""
    partitions = asset.partitions_def
    return [Step(asset, str(key)) for key in partitions.get_partition_keys()] if partitions else [Step(asset, None)]


def _years_of(step: Step, study: Study) -> set[int]:
    """Years that a partition is about: its own, or without one all that are predicted."""
    year = step.dimensions.get("year")
    return {int(year)} if year else set(study.prediction_years)


def _regions_of(step: Step, known: Collection[str]) -> set[str]:
    """Regions that a partition is about: its own, or without one all."""
    region = step.dimensions.get("region")
    return {region} if region else set(known)


def _place(step: Step, regions: Sequence[str]) -> int:
    """Place of a step's region among others; what is of no region comes before them."""
    region = step.dimensions.get("region")
    return regions.index(region) if region else -1


def _selected(definitions: dg.Definitions, study: Study, select: str, lacking: Mapping[str, str]) -> set[dg.AssetKey]:
    graph = definitions.resolve_asset_graph()
    if not select:
        return set(graph.executable_asset_keys)
    names = ", ".join(sorted(key.to_user_string() for key in graph.executable_asset_keys))
    chosen: set[dg.AssetKey] = set()
    problem = "matches no asset of this study"
    try:
        clauses = [dg.AssetSelection.from_string(clause.strip()).resolve(graph) for clause in select.split(",")]
        chosen = set().union(*clauses)
    except Exception as error:
        problem = f"is not an asset selection ({type(error).__name__})"
    if chosen:
        return chosen
    for name, needed in lacking.items():
        if name in select and name not in names:
            raise FusionError(f"--select {select!r}: study {study.name} has no such asset", f"a study with {needed}",
                              "choose another asset, or change the study")  # fmt: skip
    raise FusionError(f"--select {select!r} {problem}", names, "choose among these")


def _check(what: str, given: Sequence[object], known: Sequence[object], option: str) -> None:
    unknown = [item for item in given if item not in known]
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise FusionError(
            f"{option}: the study has no {what} {', '.join(map(str, unknown[:5]))}{more}",
            ", ".join(map(str, known)),
            f"choose among these, or add it to the study and leave {option} out",
        )


def named(made: tuple[dg.AssetKey, str | None]) -> str:
    """Asset and partition for people."""
    return f"{made[0].to_user_string()} {made[1] or ''}".rstrip()
