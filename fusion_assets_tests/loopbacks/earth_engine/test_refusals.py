"""What the service does not know it refuses by name, and never answers."""

from __future__ import annotations

import string

import ee
import pytest

from fusion_assets.loopbacks.earth_engine.algorithms import algorithms_for
from fusion_assets.loopbacks.earth_engine.algorithms.registry import REFUSED
from fusion_assets.loopbacks.earth_engine.signatures import signatures
from fusion_assets_tests.loopbacks.earth_engine.algorithm_rows import rectangle

# Something of each type that an argument may have, as an expression says it.
SOMETHING = {
    "Integer": 7, "Float": 7, "Long": 7, "Number": 7, "Boolean": True, "String": "somewhere", "Projection": "EPSG:3857",
    "List<Integer>": [7], "Reducer": {"functionInvocationValue": {"functionName": "Reducer.sum", "arguments": {}}},
}  # fmt: skip


def expression(name: str, arguments: dict) -> dict:
    """An expression of one call, as the client sends it."""
    return {"result": "0", "values": {"0": {"functionInvocationValue": {"functionName": name, "arguments": arguments}}}}


def node(value) -> dict:
    return value if isinstance(value, dict) else {"constantValue": value}


def test_every_algorithm_that_is_not_known_is_refused_by_name(running):
    known = algorithms_for(running.catalog)
    unknown = [name for name in signatures() if name not in known]
    assert len(unknown) > 300
    for name in unknown:
        given = {argument.name: node(1) for argument in signatures()[name].arguments if not argument.optional}
        with pytest.raises(Exception, match="this loopback service does not know the algorithm") as refusal:
            running.evaluate(expression(name, given))
        assert name in str(refusal.value)


def refused_arguments():
    for name, arguments in sorted(REFUSED.items()):
        if name in signatures():
            known = {argument.name: argument for argument in signatures()[name].arguments}
            yield from ((name, known[argument]) for argument in sorted(arguments) if argument in known)


@pytest.mark.parametrize(("name", "argument"), refused_arguments(), ids=lambda item: getattr(item, "name", item))
def test_an_argument_that_is_not_known_is_refused_by_name(running, name, argument):
    given = {one.name: node([]) for one in signatures()[name].arguments if not one.optional}
    with pytest.raises(Exception, match=f"does not know the argument '{argument.name}'"):
        running.evaluate(expression(name, {**given, argument.name: node(SOMETHING[argument.type])}))


JODA = "GCYxweEyDMdaKhHkmsSzZ"


@pytest.mark.parametrize("letter", sorted(set(string.ascii_letters) - set(JODA)))
def test_letters_that_are_none_of_a_date_are_refused(running, letter):
    with pytest.raises(ee.EEException, match=f"{letter}{letter}"):
        ee.Date("2020-01-01").format(letter * 2).getInfo()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: ee.Date("2020-01-01", "Mars/Olympus"),
        lambda: ee.Date("2020-01-01").format("YYYY", "nowhere"),
        lambda: ee.Date("2020-01-01").format("'open"),
        lambda: ee.Date("2020/01/01"),
        lambda: ee.Date("2020-02-30"),
        lambda: ee.Date("2020-01-01").get("fortnight"),
        lambda: ee.Date("2020-03-01").difference("2020-01-01", "month"),
        lambda: ee.Date.parse("EEE", "Mon"),
        lambda: ee.Number(5).format("%q"),
        lambda: ee.Number(1.5).format("%d"),
        lambda: ee.String("a").replace("(?<n>a)", "b"),
        lambda: ee.String("a").match("a", "x"),
        lambda: ee.Image(1).expression("1 << 2"),
        lambda: ee.Image(1).expression("open('f')"),
        lambda: ee.Image(1).expression("b(0).__class__.__name__"),
        lambda: ee.Image(1).expression("a ? 1"),
        lambda: ee.Number.expression("a[0]", {"a": 1}),
        lambda: ee.Kernel.square(1),
        lambda: ee.Image(1).focalMax(10, "circle", "meters").bandNames(),
        lambda: ee.Image(1).focalMax(1, "octagon").bandNames(),
        lambda: ee.Image(1).convolve(ee.Kernel.fixed(weights=[[0, 0, 1]])).bandNames(),
        lambda: ee.Image(1).convolve(ee.Kernel.fixed(weights=[[1, 1]])).bandNames(),
        lambda: ee.Image(1).updateMask(0).convolve(ee.Kernel.square(1)).reduceRegion(
            ee.Reducer.mean(), rectangle(0, 0, 1, 1), 1e5),
        lambda: ee.Array([1, 2]).get([2]),
        lambda: ee.Array([[1, 2], [3]]),
        lambda: ee.List([]).reduce(ee.Reducer.sum()),
        lambda: ee.List([1, 2, 3, 10]).reduce(ee.Reducer.percentile([90])),
        lambda: ee.Geometry.Polygon([[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]], None, False, None, False),
        lambda: ee.Image(1).updateMask(0.5).blend(ee.Image(2).updateMask(0.5)).reduceRegion(
            ee.Reducer.mean(), rectangle(0, 0, 1, 1), 1e5),
    ],
)  # fmt: skip
def test_what_is_not_known_is_never_answered(running, ask):
    with pytest.raises(ee.EEException) as refusal:
        ask().getInfo()
    assert "Invalid request" not in str(refusal.value)


def test_a_refusal_of_the_service_does_not_blame_whoever_asks(running):
    with pytest.raises(ee.EEException, match="this loopback service cannot answer"):
        ee.List([1, "a"]).sort().getInfo()
