"""Whatever comes in: a right value or a refusal that people understand, soon, and in little memory."""

import pytest

from fusion_assets_tests.malformed.generators import GENERATORS
from fusion_assets_tests.malformed.trial import FINE, generator, trial


def _check(name: str, seed: int, count: int) -> None:
    verdicts = list(trial(name, seed, count))
    assert len(verdicts) == count
    failed = [each for each in verdicts if each.kind not in FINE]
    assert not failed, "\n\n".join(f"{each.name}: {each.kind}: {each.text}" for each in failed)


@pytest.mark.parametrize("name", GENERATORS)
def test_malformed_input_gives_a_right_value_or_a_refusal(name: str) -> None:
    _check(name, seed=0, count=generator(name).FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_much_malformed_input_gives_right_values_or_refusals(name: str) -> None:
    _check(name, seed=1, count=generator(name).MANY)
