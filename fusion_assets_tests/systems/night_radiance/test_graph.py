"""What the assets of night radiance rest on when settled land is told by another system's map."""

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.night_radiance.imagery_requests import EVALUATION, MAP, MODEL
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.systems.night_radiance.nights import PLACES, YEAR, content
from fusion_assets_tests.whole_studies import study_of

PREDICTION = "built_up_prediction"


def definitions(settlement, labels=True):
    whole = content(settlement=settlement) | {"features": "optics", "prediction_years": [2020, YEAR]}
    if labels:
        whole |= {"label_year": 2015, "products": {**whole["products"], "labels": "ghsl_smod_p2016"}}
    return build_definitions(SYSTEMS, {"study": study_of(whole)})


def parents(made, asset, key):
    """Partitions that a partition of an asset rests on, by asset."""
    graph = made.resolve_asset_graph()
    (definition,) = [each for each in made.assets if each.key.to_user_string() == asset]
    found = {}
    for parent in definition.dependency_keys:
        upstream = graph.get(parent)
        mapping = definition.get_partition_mapping(parent)
        if mapping is None:
            continue
        subset = definition.partitions_def.subset_with_partition_keys([key])
        result = mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset, definition.partitions_def, upstream.partitions_def
        )
        found[parent.to_user_string()] = set(map(str, result.partitions_subset.get_partition_keys()))
    return found


def test_guides_come_from_the_same_regions_and_year():
    made = definitions(PREDICTION)
    assert parents(made, MAP, f"east|{YEAR}")[PREDICTION] == {f"east|{YEAR}"}
    for asset in (EVALUATION, MODEL):
        assert parents(made, asset, str(YEAR))[PREDICTION] == {f"{name}|{YEAR}" for name in PLACES}


@pytest.mark.parametrize("asset", [EVALUATION, MODEL, MAP])
def test_the_graph_has_the_other_map_where_the_study_says_so_alone(asset):
    for settlement in ("index", PREDICTION):
        made = definitions(settlement)
        keys = {each.key.to_user_string(): each.dependency_keys for each in made.assets}
        rests = {key.to_user_string() for key in keys[asset]}
        assert (PREDICTION in rests) == (settlement == PREDICTION)


@pytest.mark.parametrize(
    ("settlement", "labels", "remedy"),
    [(PREDICTION, False, "give the study"), ("built_up_maps", True, "correct the name in the study")],
)
def test_a_map_that_the_study_does_not_make_is_refused(settlement, labels, remedy):
    with pytest.raises(FusionError) as error:
        definitions(settlement, labels)
    assert f"rests on {settlement}, which this study does not make" in str(error.value) and remedy in str(error.value)
