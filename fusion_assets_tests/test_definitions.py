"""The asset graph of each choice of features: a change to it must be deliberate."""

import dagster as dg
import pytest

from fusion_assets.definitions import build_definitions
from fusion_assets.errors import FusionError
from fusion_assets.role_assets import expected_facts
from fusion_assets.settings import Settings
from fusion_assets.study import study_of

PRODUCTS = {"sentinel2": "sentinel2_l2a", "night_lights": "viirs_monthly", "labels": "ghsl_smod_p2016"}
OPTICS = {"sentinel2_export": set(), "sentinel2_composite": {"sentinel2_export"}}
LIGHTS = {"night_lights_export": set(), "night_lights_composite": {"night_lights_export"}}
REST = {
    "ghsl_export": set(),
    "ghsl_labels": {"ghsl_export"},
    "training_samples": {"fused_stack", "ghsl_labels"},
    "built_up_model": {"fused_stack", "training_samples"},
    "model_evaluation": {"fused_stack", "training_samples"},
    "built_up_prediction": {"fused_stack", "built_up_model", "model_evaluation"},
}
GRAPHS = {
    "both": {**OPTICS, **LIGHTS, "fused_stack": {"sentinel2_composite", "night_lights_composite"}, **REST},
    "optics": {**OPTICS, "fused_stack": {"sentinel2_composite"}, **REST},
    "lights": {**LIGHTS, "fused_stack": {"night_lights_composite"}, **REST},
}
YEARS = {"ghsl_export", "ghsl_labels", "training_samples", "built_up_model", "model_evaluation"}


def study(features="both", **changes):
    content = {
        "name": "small",
        "regions": [{"name": "here", "bbox": [84.4, 27.6, 84.5, 27.7]}],
        "resolution": 1000,
        "label_year": 2015,
        "prediction_years": [2016, 2017],
        "season": {"start": "07-01", "end": "12-31"},
        "products": PRODUCTS,
        "features": features,
    }
    return study_of({**content, **changes})


def graph_of(definitions):
    graph = definitions.resolve_asset_graph()
    return {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.executable_asset_keys
    }


@pytest.mark.parametrize("features", GRAPHS)
def test_graph(features):
    definitions = build_definitions({"study": study(features)})
    assert graph_of(definitions) == GRAPHS[features]
    dg.Definitions.validate_loadable(definitions)


def test_partitions():
    definitions = build_definitions({"study": study()})
    for asset in definitions.assets:
        name = asset.key.to_user_string()
        years = {"2015"} if name in YEARS else {"2016", "2017"} if name == "built_up_prediction" else None
        keys = {key.split("|")[1] for key in asset.partitions_def.get_partition_keys()}
        assert keys == (years or {"2015", "2016", "2017"}), name


def test_a_study_without_labels_has_composites_only():
    products = {"sentinel2": "sentinel2_l2a"}
    definitions = build_definitions({"study": study("optics", products=products, label_year=None)})
    assert graph_of(definitions) == {**OPTICS, "fused_stack": {"sentinel2_composite"}}


def test_every_asset_says_what_it_is_and_what_code_made_it():
    for asset in build_definitions({"study": study()}).assets:
        (spec,) = asset.specs
        assert spec.description and spec.code_version and spec.group_name == "built_up", spec.key


def test_code_versions_follow_the_sections_they_use():
    def versions(changed):
        return {spec.key.to_user_string(): spec.code_version for a in changed.assets for spec in a.specs}

    before = versions(build_definitions({"study": study()}))
    after = versions(build_definitions({"study": study(season={"start": "06-01", "end": "12-31"})}))
    changed = {name for name in before if before[name] != after[name]}
    assert {"sentinel2_export", "sentinel2_composite", "night_lights_export", "night_lights_composite"} <= changed
    assert "built_up_model" not in changed


def test_prediction_rests_on_the_label_year():
    definitions = build_definitions({"study": study()})
    asset = next(a for a in definitions.assets if a.key.to_user_string() == "built_up_prediction")
    mapping = asset.get_partition_mapping(dg.AssetKey("built_up_model"))
    graph = definitions.resolve_asset_graph()
    upstream = graph.get(dg.AssetKey("built_up_model")).partitions_def
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        asset.partitions_def.subset_with_partition_keys(["here|2017"]), asset.partitions_def, upstream
    )
    assert list(found.partitions_subset.get_partition_keys()) == ["here|2015"]


def test_an_unknown_setting_is_named():
    with pytest.raises(FusionError, match="colour"):
        build_definitions({"colour": "red"})


def facts_of(asset, year, **changes):
    settings = Settings.from_environment({"archive": "unused", "storage": "unused"})
    return expected_facts(study(**changes), settings)(asset, "here", str(year))


@pytest.mark.parametrize(
    ("asset", "year"),
    [("fused_stack", 2016), ("training_samples", 2015), ("built_up_model", 2015), ("built_up_prediction", 2016)],
)
def test_what_rests_on_another_season_is_not_this_studys(asset, year):
    other = {"start": "06-01", "end": "12-31"}
    assert facts_of(asset, year)["recipe_digest"] != facts_of(asset, year, season=other)["recipe_digest"]


def test_labels_read_with_another_threshold_are_not_this_studys():
    def facts(threshold, asset):
        labels = {"product": "ghsl_built_surface", "built_up_threshold": threshold}
        return facts_of(asset, 2015, products={**PRODUCTS, "labels": labels})

    for asset in ("ghsl_labels", "training_samples", "built_up_model", "model_evaluation"):
        assert facts(0.05, asset) == facts(0.05, asset) != facts(0.5, asset)
