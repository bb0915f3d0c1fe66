import numpy as np
import pytest

from fusion_assets.evaluation.drift import at_samples, disagreement, feature_drift, feature_reference
from fusion_assets_tests.systems.built_up.conftest import FEATURES


@pytest.fixture
def learnt(town):
    stack, samples = town
    return stack, samples, feature_reference(samples[list(FEATURES)].to_numpy(), FEATURES)


def test_the_year_that_was_learnt_from_has_not_moved(learnt):
    stack, samples, reference = learnt
    for found in feature_drift(reference, stack.chunk({"y": 20, "x": 30}), samples).values():
        assert found == pytest.approx({"psi": 0, "shift": 0, "spread": 1}, abs=1e-6)


def test_only_the_feature_that_moved_is_named(learnt):
    stack, samples, reference = learnt
    moved = stack.assign(B08=stack["B08"] * 1.4)
    found = feature_drift(reference, moved, samples)
    assert found["B08"]["psi"] > 0.25 and found["B08"]["shift"] > 0.5 and found["B08"]["spread"] == pytest.approx(1.4)
    assert found["B04"]["psi"] < 0.01 and found["avg_rad"]["psi"] < 0.01


def test_the_index_is_that_of_its_definition(learnt):
    stack, samples, reference = learnt
    values = samples["B08"].to_numpy("float64")
    edges = [-np.inf, *np.quantile(values, np.linspace(0.1, 0.9, 9)), np.inf]
    then, now = (np.histogram(v, edges)[0] / len(v) for v in (values, values * 1.1))
    found = feature_drift(reference, stack.assign(B08=(stack["B08"] * 1.1)), samples)["B08"]["psi"]
    assert found == pytest.approx(((now - then) * np.log(now / then)).sum(), rel=0.02)


def test_a_feature_of_few_values_has_fewer_bins():
    reference = feature_reference(np.array([[0.0]] * 95 + [[3.0]] * 5), ["avg_rad"])
    assert reference["avg_rad"]["edges"] == [0.0] and reference["avg_rad"]["share"] == [0.0, 1.0]


def test_places_without_values_do_not_count(learnt):
    stack, samples, reference = learnt
    half = stack.assign(B04=stack["B04"].where(stack["x"] < stack["x"].mean()))
    assert np.isfinite([v for f in feature_drift(reference, half, samples).values() for v in f.values()]).all()
    assert feature_drift(reference, stack * np.nan, samples) == feature_drift({}, stack, samples) == {}


def test_disagreement_is_split_into_gained_and_lost(town):
    stack, samples = town
    mapped = stack["B04"] * 0
    mapped[:, :10] = np.nan
    covered = at_samples(mapped.to_dataset(name="mapped"), samples)["mapped"] == 0
    share = samples["label"][covered].mean()
    found = disagreement(mapped, samples)
    assert found == pytest.approx({"disagree": share, "gained": 0, "lost": share, "labelled": share})
    assert disagreement(mapped + 1, samples)["gained"] == pytest.approx(1 - share)
    assert disagreement(mapped * np.nan, samples) == {}
