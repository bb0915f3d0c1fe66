"""Partition keys and mappings, asked of Dagster itself on a graph shaped like the project's."""

import datetime as dt

import dagster as dg
import pytest

from fusion_assets.orchestration.partitions import key_of, partitions_for, region_and_year
from fusion_assets.study import study_of


@pytest.fixture(scope="module")
def study():
    return study_of(
        {
            "name": "two",
            "regions": [
                {"name": "mol", "bbox": [5.2, 51.2, 5.3, 51.3]},
                {"name": "gent", "bbox": [3.6, 51, 3.8, 51.1]},
            ],
            "resolution": 1000,
            "label_year": 2017,
            "prediction_years": [2016, 2018],
            "products": {"night_lights": "viirs_annual", "labels": "ghsl_smod_v2"},
            "features": "lights",
        },
        today=dt.date(2020, 6, 1),
    )


@pytest.fixture(scope="module")
def partitions(study):
    return partitions_for(study)


def test_keys(partitions):
    every = partitions.every_year.get_partition_keys()
    assert sorted(every) == [f"{r}|{y}" for r in ("gent", "mol") for y in (2016, 2017, 2018)]
    assert sorted(partitions.label_year.get_partition_keys()) == ["gent|2017", "mol|2017"]
    assert sorted(partitions.prediction_years.get_partition_keys()) == [
        "gent|2016",
        "gent|2018",
        "mol|2016",
        "mol|2018",
    ]
    assert partitions.region.get_partition_keys() == ["mol", "gent"]
    assert key_of("mol", 2016) in every
    assert region_and_year(key_of("mol", 2016)) == ("mol", 2016)


def upstream(mapping, downstream_definition, upstream_definition, key):
    subset = downstream_definition.subset_with_partition_keys([key])
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        subset, downstream_definition, upstream_definition
    )
    return sorted(found.partitions_subset.get_partition_keys())


def test_prediction_depends_on_the_model_of_its_region_and_the_label_year(partitions):
    keys = upstream(partitions.to_label, partitions.prediction_years, partitions.label_year, "gent|2018")
    assert keys == ["gent|2017"]


def test_a_stack_depends_on_the_lights_of_its_own_and_the_label_year(partitions):
    every = partitions.every_year
    assert upstream(partitions.with_label, every, every, "gent|2018") == ["gent|2017", "gent|2018"]
    assert upstream(partitions.with_label, every, every, "mol|2017") == ["mol|2017"]


def test_samples_and_prediction_depend_on_the_stack_of_their_own_key(partitions):
    for definition, key in ((partitions.label_year, "mol|2017"), (partitions.prediction_years, "mol|2018")):
        assert upstream(partitions.same, definition, partitions.every_year, key) == [key]


def test_trend_depends_on_all_years_of_its_region(partitions):
    keys = upstream(partitions.to_region, partitions.region, partitions.prediction_years, "mol")
    assert keys == ["mol|2016", "mol|2018"]


def test_graph_with_these_mappings_loads(partitions):
    @dg.asset(partitions_def=partitions.every_year)
    def stack():
        return 1

    @dg.asset(partitions_def=partitions.label_year, ins={"stack": dg.AssetIn(partition_mapping=partitions.same)})
    def model(stack):
        return stack

    @dg.asset(
        partitions_def=partitions.prediction_years,
        ins={
            "stack": dg.AssetIn(partition_mapping=partitions.same),
            "model": dg.AssetIn(partition_mapping=partitions.to_label),
        },
    )
    def prediction(stack, model):
        return stack + model

    @dg.asset(partitions_def=partitions.region, ins={"prediction": dg.AssetIn(partition_mapping=partitions.to_region)})
    def trend(prediction):
        return prediction

    assert dg.Definitions(assets=[stack, model, prediction, trend]).get_repository_def()


def test_study_without_labels_has_no_label_partitions(study):
    partitions = partitions_for(
        study_of(
            {
                "name": "plain",
                "regions": [{"name": "mol", "bbox": [5.2, 51.2, 5.3, 51.3]}],
                "resolution": 1000,
                "prediction_years": [2018],
                "products": {"night_lights": "viirs_annual"},
                "features": "lights",
            }
        )
    )
    assert partitions.label_year is None
    assert partitions.to_label is None
    assert partitions.every_year.get_partition_keys() == ["mol|2018"]
