"""The asset graph of each choice of features: a change to it must be deliberate."""

from pathlib import Path

import dagster as dg
import pytest

from fusion_assets.cli.steps import plan
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.orchestration.partitions import dimensions_of
from fusion_assets.orchestration.system import needs_of
from fusion_assets.settings import Settings
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.whole_studies import load_study, study_of

PRODUCTS = {"sentinel2": "sentinel2_l2a", "night_lights": "viirs_monthly", "labels": "ghsl_smod_p2016"}
YEARS = {"ghsl_export", "ghsl_labels", "training_samples", "built_up_model", "model_evaluation", "feature_ablation"}


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


def described(definitions):
    """Everything about each asset that makes stored artifacts stale or that people see the graph by."""
    checks = [key for each in definitions.asset_checks for key in each.check_keys]
    return {
        spec.key.to_user_string(): {
            "rests on": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "code version": spec.code_version,
            "group": spec.group_name,
            "stored as": f"{asset.get_io_manager_key_for_asset_key(spec.key)}, {', '.join(sorted(spec.kinds))}",
            "partitions": sorted(map(str, asset.partitions_def.get_partition_keys())),
            "checks": sorted(each.name for each in (*checks, *asset.check_keys) if each.asset_key == spec.key),
        }
        for asset in definitions.assets
        for spec in asset.specs
    }


STUDIES = Path(__file__).parents[1] / "studies"
GRAPHS = {
    **{features: lambda features=features: study(features) for features in ("both", "optics", "lights")},
    "demo": lambda: load_study("demo"),
    "belgium": lambda: load_study(STUDIES / "belgium.yaml"),
    "leie_ndvi": lambda: load_study(STUDIES / "leie_ndvi.yaml"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graph(name, snapshot):
    """What changes here makes people's storage stale: `pytest --snapshot-update` says that it is meant."""
    definitions = build_definitions(SYSTEMS, {"study": GRAPHS[name](), "archive": "unused", "storage": "unused"})
    assert described(definitions) == snapshot
    dg.Definitions.validate_loadable(definitions)


@pytest.mark.parametrize("name", GRAPHS)
def test_facts_of_stored_artifacts(name, snapshot):
    """Storage that was filled before is this study's by these digests, and by no module's name."""
    chosen = GRAPHS[name]()
    settings = Settings.from_environment({"archive": "unused", "storage": "unused"})
    facts = site_of(SYSTEMS, chosen, settings).facts
    definitions = build_definitions(SYSTEMS, {"study": chosen, "archive": "unused", "storage": "unused"})
    stored = {}
    for asset in definitions.assets:
        name, partitions = asset.key.to_user_string(), asset.partitions_def
        for key in sorted(map(str, partitions.get_partition_keys())):
            where = dimensions_of(key, partitions)
            stored[f"{name} {' '.join(where.values())}"] = facts(name, where.get("region"), where.get("year"))
    assert stored == snapshot


def test_partitions():
    definitions = build_definitions(SYSTEMS, {"study": study()})
    for asset in definitions.assets:
        name = asset.key.to_user_string()
        years = {"2015"} if name in YEARS else {"2016", "2017"} if name == "built_up_prediction" else None
        if name in ("built_up_trend", "built_up_change", "built_up_report") or name.endswith("_catalog"):
            assert asset.partitions_def.get_partition_keys() == ["here"]
            continue
        keys = {key.split("|")[1] for key in asset.partitions_def.get_partition_keys()}
        assert keys == (years or {"2015", "2016", "2017"}), name


def test_several_regions_are_transferred_between():
    regions = [{"name": name, "bbox": [84.4 + i, 27.6, 84.5 + i, 27.7]} for i, name in enumerate(("here", "there"))]
    definitions = build_definitions(SYSTEMS, {"study": study(regions=regions)})
    graph = graph_of(definitions)
    assert graph.pop("region_transfer") == {"fused_stack", "training_samples", "model_evaluation"}
    assert graph == graph_of(build_definitions(SYSTEMS, {"study": study()}))
    asset = next(a for a in definitions.assets if a.key.to_user_string() == "region_transfer")
    for name, keys in (("training_samples", ["here|2015", "there|2015"]), ("model_evaluation", ["there|2015"])):
        found = asset.get_partition_mapping(dg.AssetKey(name)).get_upstream_mapped_partitions_result_for_partitions(
            asset.partitions_def.subset_with_partition_keys(["there|2015"]),
            asset.partitions_def,
            definitions.resolve_asset_graph().get(dg.AssetKey(name)).partitions_def,
        )
        assert sorted(found.partitions_subset.get_partition_keys()) == keys


def test_what_rests_on_every_region_is_made_last():
    regions = [{"name": name, "bbox": [84.4 + i, 27.6, 84.5 + i, 27.7]} for i, name in enumerate(("here", "there"))]
    chosen = study(regions=regions)
    steps = [step.name for step in plan(build_definitions(SYSTEMS, {"study": chosen}), chosen)]
    last = [step.removesuffix("|2015").split() for step in steps[-8:]]
    assert [region for _, region in last] == ["here", "there"] * 4
    names = [name for name, region in last if region == "here"]
    assert names[:2] == ["region_transfer", "built_up_report"]
    assert set(names[2:]) == {"built_up_catalog", "built_up_change_catalog"}
    definitions = build_definitions(SYSTEMS, {"study": chosen})
    of_there = [step.name for step in plan(definitions, chosen, regions=["THERE", "there"])]
    assert of_there == [name for name in steps if " there" in name]


def test_what_is_made_of_all_years_waits_for_a_plan_with_all_of_them():
    chosen = study()
    definitions = build_definitions(SYSTEMS, {"study": chosen})
    assert not [step for step in plan(definitions, chosen, years=[2016]) if "trend" in step.name]
    names = [step.name for step in plan(definitions, chosen, years=[2016, 2017])]
    assert names.index("built_up_trend here") > names.index("built_up_prediction here|2017")
    assert [step.name for step in plan(definitions, chosen, select="built_up_trend")] == ["built_up_trend here"]


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("feature_ablation", "compares two sensors, and this study uses one"),
        ("+region_transfer", "several regions"),
        ("group:ndvi", "a section `ndvi`"),
    ],
)
def test_an_asset_that_this_study_lacks_is_said_to_need_another(select, words):
    chosen = study("optics")
    with pytest.raises(FusionError) as caught:
        plan(build_definitions(SYSTEMS, {"study": chosen}), chosen, select=select, lacking=needs_of(SYSTEMS, chosen))
    assert words in caught.value.expected and "Definitions" not in str(caught.value)


def test_new_interpretations_make_the_trend_stale(tmp_path):
    def version():
        definitions = build_definitions(SYSTEMS, {"study": study(reference_sample=str(tmp_path / "points.csv"))})
        (asset,) = (a for a in definitions.assets if a.key.to_user_string() == "built_up_trend")
        return next(iter(asset.specs)).code_version

    before = version()
    (tmp_path / "points.csv").write_text("x,y\n")
    assert version() != before


def test_a_study_without_labels_has_composites_only():
    products = {"sentinel2": "sentinel2_l2a"}
    definitions = build_definitions(SYSTEMS, {"study": study("optics", products=products, label_year=None)})
    assert set(graph_of(definitions)) == {"sentinel2_export", "sentinel2_composite", "fused_stack"}


def test_every_asset_says_what_it_is_and_what_code_made_it():
    for asset in build_definitions(SYSTEMS, {"study": study()}).assets:
        (spec,) = asset.specs
        assert spec.description and spec.code_version and spec.group_name in ("imagery", "built_up"), spec.key


def test_code_versions_follow_the_sections_they_use():
    def versions(changed):
        return {spec.key.to_user_string(): spec.code_version for a in changed.assets for spec in a.specs}

    before = versions(build_definitions(SYSTEMS, {"study": study()}))
    after = versions(build_definitions(SYSTEMS, {"study": study(season={"start": "06-01", "end": "12-31"})}))
    changed = {name for name in before if before[name] != after[name]}
    assert {"sentinel2_export", "sentinel2_composite", "night_lights_export", "night_lights_composite"} <= changed
    assert "built_up_model" not in changed


def test_prediction_rests_on_the_label_year():
    definitions = build_definitions(SYSTEMS, {"study": study()})
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
        build_definitions(SYSTEMS, {"colour": "red"})


def facts_of(asset, year, **changes):
    settings = Settings.from_environment({"archive": "unused", "storage": "unused"})
    return site_of(SYSTEMS, study(**changes), settings).facts(asset, "here", str(year))


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
