"""Partitions of a study: region x year in its variants, dimensions of other names, and the mappings between them.

Years are static partitions: with time windows, automation would look at the latest one only. Dagster sorts dimensions
by name, so that keys read `region|year`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import dagster as dg

from fusion_assets.study import Study

EVERY_REGION = "fusion/every_region"
"""Tag of assets whose partitions rest on all regions: they are made after everything else."""

_T = TypeVar("_T")


class Axis(dg.StaticPartitionsDefinition):
    """Partitions along one dimension: Dagster gives dimensions a name only where there are several.

    Args:
        dimension: name; `region` and `year` mean those of the study.
        keys: of the partitions.
    """

    def __init__(self, dimension: str, keys: Sequence[str]) -> None:
        super().__init__(list(keys))
        self.dimension = dimension


@dataclass(frozen=True)
class Partitions:
    """All partition definitions and mappings of one study.

    Attributes:
        every_year: region x (label year and prediction years).
        label_year: region x label year; None when the study has no labels.
        prediction_years: region x prediction years.
        region: region alone.
        to_label: from a region's year to the same region's label year (prediction <- model, evaluation); the mapping
            Dagster infers here is wrong without an error. None when the study has no labels.
        with_label: from a region's year to the same year and the label year (stack <- lights). None when the study has
            no label year.
        to_region: from a region to all its years (trend, report <- region x year).
        same: identity, for equal keys in different definitions (samples <- stack, prediction <- stack).
    """

    every_year: dg.MultiPartitionsDefinition
    label_year: dg.MultiPartitionsDefinition | None
    prediction_years: dg.MultiPartitionsDefinition
    region: Axis
    to_label: dg.MultiPartitionMapping | None
    with_label: dg.MultiPartitionMapping | None
    to_region: dg.MultiToSingleDimensionPartitionMapping
    same: dg.IdentityPartitionMapping


def partitions_for(study: Study) -> Partitions:
    """The partitions of a study."""
    regions = [region.name for region in study.regions]
    label_year = study.label_year
    with warnings.catch_warnings():
        # Multi-partition mappings are marked beta; tests pin what they do, so users need not read it at every load.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return Partitions(
            every_year=regions_by_years(regions, study.years),
            label_year=None if label_year is None else regions_by_years(regions, [label_year]),
            prediction_years=regions_by_years(regions, study.prediction_years),
            region=Axis("region", regions),
            to_label=None if label_year is None else _to_label(label_year),
            with_label=None if label_year is None else _with_label(label_year, study.years),
            to_region=dg.MultiToSingleDimensionPartitionMapping("region"),
            same=dg.IdentityPartitionMapping(),
        )


def key_of(region: str, year: int) -> dg.MultiPartitionKey:
    """Partition key of a region and year."""
    return dg.MultiPartitionKey({"region": region, "year": str(year)})


def region_and_year(partition_key: str) -> tuple[str, int]:
    """Region and year of a `region|year` key."""
    region, year = str(partition_key).split("|")
    return region, int(year)


def dimension_names(definition: dg.PartitionsDefinition | None) -> tuple[str, ...]:
    """Names of the dimensions of partitions, sorted."""
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return tuple(definition.partition_dimension_names)
    return (definition.dimension,) if isinstance(definition, Axis) else ()


def dimensions_of(partition_key: str | None, definition: dg.PartitionsDefinition | None) -> dict[str, str]:
    """What a partition key says by dimension, sorted by name; nothing for an asset without partitions."""
    if partition_key is None or definition is None:
        return {}
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return dict(definition.get_partition_key_from_str(str(partition_key)).keys_by_dimension)
    assert isinstance(definition, Axis), f"{definition} does not say what its dimension is"
    return {definition.dimension: str(partition_key)}


def by_year(loaded: Mapping[str, _T]) -> dict[int, _T]:
    """What was loaded of several years, of one region or of none, by year instead of partition key."""
    return {int(str(key).rpartition("|")[2]): value for key, value in loaded.items()}


def regions_by_years(regions: Iterable[str], years: Iterable[int]) -> dg.MultiPartitionsDefinition:
    """Region x year."""
    return dg.MultiPartitionsDefinition(
        {
            "region": dg.StaticPartitionsDefinition(list(regions)),
            "year": dg.StaticPartitionsDefinition([str(year) for year in years]),
        }
    )


def _to_label(label_year: int) -> dg.MultiPartitionMapping:
    same_region = dg.DimensionPartitionMapping("region", dg.IdentityPartitionMapping())
    one_year = dg.SpecificPartitionsPartitionMapping([str(label_year)])
    return dg.MultiPartitionMapping({"region": same_region, "year": dg.DimensionPartitionMapping("year", one_year)})


def _with_label(label_year: int, years: Iterable[int]) -> dg.MultiPartitionMapping:
    same_region = dg.DimensionPartitionMapping("region", dg.IdentityPartitionMapping())
    every = [str(year) for year in years]
    downstream = {year: every if year == str(label_year) else [year] for year in every}
    return dg.MultiPartitionMapping(
        {
            "region": same_region,
            "year": dg.DimensionPartitionMapping("year", dg.StaticPartitionMapping(downstream)),
        }
    )
