"""What every algorithm must give: rows of (name, expression, expected), the expression built with the real client.

An expression is a tuple of plain arguments, which the client promotes as the signature says, or a function that builds
it. Expected values are worked out by hand from what Earth Engine documents of the algorithm, over constants, a handful
of features and the tiny archive, whose scene `i` holds 1000 (i + 1) + n at its pixel n. None is copied from an answer.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from typing import Any

import ee
import shapely

from fusion_assets.loopbacks.earth_engine.tiny_archive import CRS, NORTH, WEST
from fusion_assets_tests.loopbacks.earth_engine.requests_in_short import L2A, VIIRS

Row = tuple[str, tuple | Callable[[], Any], Any]
LATTICE = [10, 0, WEST, 0, -10, NORTH]
GAUL = "FAO/GAUL/2015/level2"


def at(*date: int) -> int:
    """Milliseconds since 1970 of a moment in UTC."""
    return round(dt.datetime(*date, tzinfo=dt.UTC).timestamp() * 1000)


def day(*date: int) -> dict[str, Any]:
    """A date as it is answered."""
    return {"type": "Date", "value": at(*date)}


def scene(number: int = 0) -> ee.Image:
    """An image of the tiny archive."""
    return ee.Image(f"{L2A}/L2A_{number}")


def scenes() -> ee.ImageCollection:
    """Three images with cloud covers of 0, 10 and 20."""
    return ee.ImageCollection(L2A)


def indices(collection: Any) -> Any:
    """Names of images, in order."""
    return collection.aggregate_array("system:index")


def rectangle(*corners: float, crs: str | None = None) -> ee.Geometry:
    """A box with straight edges."""
    return ee.Geometry.Rectangle(list(corners), crs, False)


def corner(edge: float = 20) -> ee.Geometry:
    """The upper left corner of the scenes; at 20 m, pixels 0, 1, 8 and 9."""
    return rectangle(WEST, NORTH - edge, WEST + edge, NORTH, crs=CRS)


def feature(**properties: Any) -> ee.Feature:
    """A feature at (1, 2)."""
    return ee.Feature(ee.Geometry.Point([1, 2]), properties)


def points() -> ee.FeatureCollection:
    """Five points along the equator: n is 3, 1, 2, 2 and missing, g is a, b, a, b, c; t is the first of each month."""
    facts: list[dict[str, Any]] = [
        {"n": 3, "g": "a", "s": "ax", "l": [3, 0]}, {"n": 1, "g": "b", "s": "bx", "l": [1, 0]},
        {"n": 2, "g": "a", "s": "ay", "l": [2, 0]}, {"n": 2, "g": "b", "s": "by", "l": [2, 0]},
        {"g": "c", "s": "c", "l": []},
    ]  # fmt: skip
    moments = [{**one, "t": at(2018, month, 1)} for month, one in enumerate(facts, 1)]
    return ee.FeatureCollection([ee.Feature(ee.Geometry.Point([i, 0]), one) for i, one in enumerate(moments)])


def boxes() -> ee.FeatureCollection:
    """Two boxes that overlap and together are (0, 0, 3, 2)."""
    return ee.FeatureCollection([ee.Feature(rectangle(0, 0, 2, 2)), ee.Feature(rectangle(1, 0, 3, 2))])


def matches() -> ee.FeatureCollection:
    """What points are joined with."""
    facts = [{"key": "a", "v": 10}, {"key": "a", "v": 5}, {"key": "b", "v": 7}]
    return ee.FeatureCollection([ee.Feature(None, one) for one in facts])


def joined(join: ee.Join) -> ee.FeatureCollection:
    """Points and their matches."""
    return join.apply(points(), matches(), ee.Filter.equals(leftField="g", rightField="key"))


def kept(condition: ee.Filter) -> ee.List:
    """n of the points that pass; the point without n never shows."""
    return points().filter(condition).aggregate_array("n")


def around(ask: Callable[[Any, Any], ee.Image], kernel: Any = None) -> Any:
    """An image of the pixels of a scene and their neighbours, at pixel 18, which stands in row 2 and column 2."""
    place = rectangle(WEST + 20, NORTH - 30, WEST + 30, NORTH - 20, crs=CRS)
    answer = ask(ee.Image(scene().select("B2")), kernel)
    return ee.Number(answer.reduceRegion(ee.Reducer.mean(), place, crs=CRS, crsTransform=LATTICE).values().get(0))


def tens() -> ee.ImageCollection:
    """Constants 4, 2, 2 and, masked, 9."""
    images = [ee.Image(value).rename("x") for value in (4, 2, 2)]
    return ee.ImageCollection.fromImages([*images, ee.Image(9).rename("x").updateMask(0)])


def over(reducer: ee.Reducer) -> Any:
    """A reducer over the n of all points."""
    return points().reduceColumns(reducer, ["n"])


# Numbers and images of numbers follow the same arithmetic.
BINARY: dict[str, list[tuple[float, float, float]]] = {
    "add": [(7, 2, 9), (1.5, -2, -0.5)],
    "subtract": [(7, 2, 5), (1.5, 2, -0.5)],
    "multiply": [(7, -2, -14), (0.5, 3, 1.5)],
    "divide": [(7, 2, 3.5), (7, 0, 0)],
    "mod": [(7, 3, 1), (7.5, 2, 1.5)],
    "pow": [(2, 10, 1024), (4, 0.5, 2)],
    "max": [(3, -5, 3), (0.5, 1, 1)],
    "min": [(3, -5, -5), (0.5, 1, 0.5)],
    "hypot": [(3, 4, 5), (-5, 12, 13)],
    "atan2": [(1, 0, 0), (0, 2, math.pi / 2), (-1, 0, math.pi)],
    "lt": [(1, 2, 1), (2, 2, 0)],
    "lte": [(2, 2, 1), (3, 2, 0)],
    "gt": [(2, 1, 1), (2, 2, 0)],
    "gte": [(2, 2, 1), (1, 2, 0)],
    "eq": [(2, 2, 1), (2, 3, 0)],
    "neq": [(2, 3, 1), (2, 2, 0)],
    "and": [(5, 2, 1), (5, 0, 0)],
    "or": [(0, 2, 1), (0, 0, 0)],
    "bitwiseAnd": [(12, 10, 8)],
    "bitwise_and": [(12, 10, 8)],
    "bitwiseOr": [(12, 10, 14)],
    "bitwise_or": [(12, 10, 14)],
    "bitwiseXor": [(12, 10, 6)],
    "bitwise_xor": [(12, 10, 6)],
    "leftShift": [(3, 2, 12)],
    "left_shift": [(3, 2, 12)],
    "rightShift": [(12, 2, 3), (-8, 1, -4)],
    "right_shift": [(12, 2, 3), (-8, 1, -4)],
}
UNARY: dict[str, list[tuple[float, float]]] = {
    "sqrt": [(9, 3), (2.25, 1.5)],
    "exp": [(0, 1), (1, math.e)],
    "log": [(1, 0), (10, math.log(10))],
    "log10": [(1000, 3), (0.1, -1)],
    "abs": [(-3, 3), (2.5, 2.5)],
    "floor": [(1.5, 1), (-1.5, -2)],
    "ceil": [(1.5, 2), (-1.5, -1)],
    "round": [(1.6, 2), (-1.6, -2)],
    "not": [(0, 1), (5, 0)],
    "signum": [(-4, -1), (0, 0), (2.5, 1)],
    "cbrt": [(-27, -3)],
    "sin": [(0, 0), (math.pi / 6, 0.5)],
    "cos": [(0, 1), (math.pi / 3, 0.5)],
    "tan": [(math.pi / 4, 1)],
    "sinh": [(0, 0), (1, (math.e - 1 / math.e) / 2)],
    "cosh": [(0, 1), (1, (math.e + 1 / math.e) / 2)],
    "tanh": [(0, 0)],
    "asin": [(0.5, math.pi / 6)],
    "acos": [(0.5, math.pi / 3)],
    "atan": [(1, math.pi / 4)],
}
# Spellings of a cast, what it makes of a fraction, and the range of its type.
CASTS: list[tuple[tuple[str, ...], float, float, tuple[int, int] | str]] = [
    (("uint8", "toUint8", "byte", "toByte"), 3.7, 3, (0, 255)),
    (("int8", "toInt8"), -3.7, -3, (-128, 127)),
    (("uint16", "toUint16"), 3.7, 3, (0, 65535)),
    (("int16", "toInt16", "short", "toShort"), -3.7, -3, (-32768, 32767)),
    (("uint32", "toUint32"), 3.7, 3, (0, 4294967295)),
    (("int32", "toInt32", "int", "toInt"), -3.7, -3, (-2147483648, 2147483647)),
    (("int64", "toInt64", "long", "toLong"), -3.7, -3, (-(2**63), 2**63 - 1)),
    (("float", "toFloat"), 3.25, 3.25, "float"),
    (("double", "toDouble"), 3.1, 3.1, "double"),
]


def arithmetic() -> Iterator[Row]:
    """Rows of the tables above."""
    for kind in ("Number", "Image"):
        for name, cases in BINARY.items():
            yield from ((f"{kind}.{name}", (one, other), result) for one, other, result in cases)
        for name, values in UNARY.items():
            yield from ((f"{kind}.{name}", (value,), result) for value, result in values)
        for names, value, result, _ in CASTS:
            yield from ((f"{kind}.{name}", (value,), result) for name in names)
    for name, cases in BINARY.items():
        yield from ((f"Array.{name}", ([one], [other]), [result]) for one, other, result in cases)
    for name, values in UNARY.items():
        yield from ((f"Array.{name}", ([value],), [result]) for value, result in values)
    for names, value, result, _ in CASTS:
        yield from ((f"Array.{name}", ([value],), [result]) for name in names)
    for names, _, _, limits in CASTS:
        ends = {"precision": limits} if isinstance(limits, str) else dict(zip(("min", "max"), limits, strict=True))
        kind = {"constant": {"type": "PixelType", "precision": "int", **ends}}
        for name in names:
            yield f"Image.{name}", lambda name=name: ee.call(f"Image.{name}", 3).bandTypes(), kind


IMAGES: list[Row] = [
    ("Image.load", lambda: scene(1).get("system:index"), "L2A_1"),
    ("Image.constant", ([4, 5],), {"constant_0": 4, "constant_1": 5}),
    ("Image.constant", (2.5,), 2.5),
    ("Image.clamp", (5, 0, 3), 3),
    ("Image.clamp", (-1, 0, 3), 0),
    ("Image.normalizedDifference", lambda: ee.Image([3, 1]).normalizedDifference(), 0.5),
    ("Image.normalizedDifference", lambda: ee.Image([-3, 1]).normalizedDifference(), None),
    ("Image.unitScale", (5, 0, 20), 0.25),
    ("Image.blend", lambda: ee.Image(1).blend(ee.Image(2).updateMask(0)), 1),
    ("Image.blend", lambda: ee.Image(1).blend(2), 2),
    ("Image.cast", lambda: ee.Image([1, 2]).cast({"constant": "uint8"}).bandTypes().get("constant"),
     {"type": "PixelType", "precision": "int", "min": 0, "max": 255}),
    ("Image.cast", lambda: ee.Image([1, 2]).cast({"constant": "float"}, ["constant_1"]), 2),
    ("Image.parseExpression", lambda: ee.Image([3, 1]).expression("(b(0) - b('constant_1')) / (b(0) + b(1))"), 0.5),
    ("Image.parseExpression", lambda: ee.Image(0).expression(
        "a.x > 2 && !(k == 1) ? max(a['x'], 7) ** 2 : (k < 1 ? 1 : -5 % 3)",
        {"a": ee.Image([4]).rename(["x"]), "k": 0}), 49),
    ("Image.parseExpression", lambda: ee.Image(0).expression("k < 1 ? 1 : (k > 2 ? 2 : -k)", {"k": 2}), -2),
    # At the equator a millidegree is 111.3195 m from west to east, and 110.5743 m from south to north.
    ("Image.pixelArea", lambda: ee.Image.pixelArea().reduceRegion(ee.Reducer.mean(), rectangle(
        0, -0.0005, 0.001, 0.0005), crs="EPSG:4326", crsTransform=[1e-3, 0, 0, 0, -1e-3, 5e-4]),
     {"area": 111.3194908 * 110.5742759}),
    ("Image.select", lambda: ee.Image([1, 2, 3]).rename(["a", "b", "ab"]).select(["a.*"]), {"a": 1, "ab": 3}),
    ("Image.select", lambda: ee.Image([1, 2, 3]).select([2, "constant"], ["x", "y"]), {"x": 3, "y": 1}),
    ("Image.rename", lambda: ee.Image([1, 2]).rename(["a", "b"]), {"a": 1, "b": 2}),
    ("Image.addBands", lambda: ee.Image(1).addBands(ee.Image(2)), {"constant": 1, "constant_1": 2}),
    ("Image.addBands", lambda: ee.Image(1).addBands(ee.Image(2), None, True), 2),
    ("Image.cat", lambda: ee.Image(ee.call("Image.cat", [1, 2])), {"constant": 1, "constant_1": 2}),
    ("Image.slice", lambda: ee.Image([1, 2, 3]).slice(1, 3), {"constant_1": 2, "constant_2": 3}),
    ("Image.bandNames", lambda: scene().bandNames(), ["B2", "SCL"]),
    ("Image.bandTypes", lambda: scene().select("SCL").bandTypes(),
     {"SCL": {"type": "PixelType", "precision": "int", "min": 0, "max": 255}}),
    ("Image.pixelLonLat", lambda: ee.Image.pixelLonLat().reduceRegion(
        ee.Reducer.mean(), rectangle(3, 50, 4, 51), crs="EPSG:4326", crsTransform=[1, 0, 0, 0, -1, 0]),
     {"longitude": 3.5, "latitude": 50.5}),
    ("Image.metadata", lambda: scene(2).metadata("CLOUDY_PIXEL_PERCENTAGE"), 20),
    ("Image.metadata", lambda: scene(2).metadata("CLOUDY_PIXEL_PERCENTAGE", "c").bandNames(), ["c"]),
    ("Image.remap", lambda: ee.Image(2).remap([1, 2], [10, 20]), 20),
    ("Image.remap", lambda: ee.Image(3).remap([1, 2], [10, 20]), None),
    ("Image.remap", lambda: ee.Image(3).remap([1, 2], [10, 20], 99), 99),
    ("Image.date", lambda: scene().date(), day(2018, 7, 1, 10, 30)),
    ("Image.id", lambda: scene().id(), "L2A_0"),
    ("Image.linkCollection", lambda: scene().linkCollection(ee.ImageCollection(
        "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"), ["cs_cdf"]).bandNames(), ["B2", "SCL", "cs_cdf"]),
    ("Image.linkCollection", lambda: ee.Image(1).linkCollection(scenes(), ["B2"]), {"constant": 1, "B2": None}),
    ("Image.copyProperties", lambda: ee.Image(
        ee.call("Image.copyProperties", ee.Image(1), feature(a=1, b=2), None, ["b"])).toDictionary(), {"a": 1}),
    ("Image.geometry", lambda: scene().geometry().contains(
        ee.Geometry.Point([WEST + 40, NORTH - 40], CRS)), True),
    ("Image.geometry", lambda: ee.Image(1).geometry().isUnbounded(), True),
    # Kernels: pixels 9, 10, 11, 17, ... around pixel 18 of a scene, whose numbers grow by 1 and by 8.
    *((f"Kernel.{name}", lambda name=name, radius=radius: around(ee.Image.convolve, getattr(ee.Kernel, name)(
        radius, "pixels", False)), 1018 * count) for name, radius, count in (
        ("square", 1, 9), ("circle", 2, 13), ("diamond", 2, 13), ("plus", 2, 9), ("cross", 1, 5))),
    ("Kernel.rectangle", lambda: around(ee.Image.convolve, ee.Kernel.rectangle(2, 1)), 1018),
    ("Kernel.fixed", lambda: around(ee.Image.convolve, ee.Kernel.fixed(weights=[[0, 0, 0], [2, 1, 2], [0, 0, 0]])),
     5 * 1018),
    ("Kernel.laplacian4", lambda: around(ee.Image.convolve, ee.Kernel.laplacian4()), 0),
    ("Kernel.laplacian8", lambda: around(ee.Image.convolve, ee.Kernel.laplacian8(2)), 0),
    ("Image.convolve", lambda: around(ee.Image.convolve, ee.Kernel.square(1, "pixels", True, 3)), 3 * 1018),
    ("Image.reduceNeighborhood", lambda: around(
        lambda image, kernel: image.reduceNeighborhood(ee.Reducer.max(), kernel), ee.Kernel.plus(1)), 1026),
    ("Image.reduceNeighborhood", lambda: around(
        lambda image, kernel: image.updateMask(image.neq(1026)).reduceNeighborhood(ee.Reducer.mean(), kernel),
        ee.Kernel.plus(1)), (1010 + 1017 + 1018 + 1019) / 4),
    *((f"Image.{name}{kind}", lambda name=f"{name}{kind}", answer=answer: around(
        lambda image, kernel: getattr(image, name)(1, "square")), answer) for kind_, answer in (
        ("max", 1027), ("min", 1009), ("mean", 1018), ("median", 1018), ("mode", 1009))
      for name, kind in (("focal_", kind_), ("focal", kind_.capitalize()))),
    # Masks.
    ("Image.updateMask", lambda: ee.Image(7).updateMask(ee.Image(0)), None),
    ("Image.updateMask", lambda: ee.Image(7).updateMask(ee.Image(1)), 7),
    ("Image.selfMask", lambda: ee.Image([0, 5]).selfMask(), {"constant": None, "constant_1": 5}),
    ("Image.mask", lambda: ee.Image(7).updateMask(0).mask(), 0),
    ("Image.mask", lambda: ee.Image(7).updateMask(0).mask(ee.Image(1)), 0),
    ("Image.unmask", lambda: ee.Image(7).updateMask(0).unmask(3), 3),
    ("Image.unmask", lambda: ee.Image(7).updateMask(0).unmask(), 0),
    ("Image.where", lambda: ee.Image(1).where(ee.Image(1), 9), 9),
    ("Image.where", lambda: ee.Image(1).where(ee.Image(0), 9), 1),
    ("Image.where", lambda: ee.Image(1).where(ee.Image(1).updateMask(0), 9), 1),
    ("Image.where", lambda: ee.Image(1).updateMask(0).where(ee.Image(1), 9), None),
    ("Image.clip", lambda: ee.Image(1).clip(corner()), 1),
    ("Image.clip", lambda: ee.Image(1).clip(rectangle(0, 0, 1, 1)), None),
    ("Image.clipToCollection", lambda: ee.Image(1).clipToCollection(
        ee.FeatureCollection([ee.Feature(rectangle(0, 0, 1, 1)), ee.Feature(corner())])), 1),
    ("Image.clipToCollection", lambda: ee.Image(1).clipToCollection(boxes()), None),
    # Projections and resolutions.
    ("Image.projection", lambda: scene().select("B2").projection(),
     {"type": "Projection", "crs": CRS, "transform": LATTICE}),
    ("Image.projection", lambda: ee.Image(1).projection().nominalScale(), 2 * math.pi * 6378137 / 360),
    ("Image.setDefaultProjection", lambda: ee.Image(1).setDefaultProjection(CRS, LATTICE).projection(),
     {"type": "Projection", "crs": CRS, "transform": LATTICE}),
    # The pixel from 4 m to 22 m holds the centre of the first one, and has its own centre in pixel (1, 1).
    ("Image.reproject", lambda: scene().select("B2").reproject(CRS, [18, 0, WEST + 4, 0, -18, NORTH - 4]), 1009),
    # Half-way between the centres of pixels 0, 1, 8 and 9.
    ("Image.resample", lambda: ee.Image(scene().select("B2")).resample("bilinear").reduceRegion(
        ee.Reducer.mean(), rectangle(WEST + 5, NORTH - 15, WEST + 15, NORTH - 5, crs=CRS), crs=CRS,
        crsTransform=[10, 0, WEST + 5, 0, -10, NORTH - 5]), {"B2": 1004.5}),
    ("Image.reduceResolution", lambda: scene().select("B2").reduceResolution(ee.Reducer.mean()).reduceRegion(
        ee.Reducer.mean(), corner(), crs=CRS, crsTransform=[20, 0, WEST, 0, -20, NORTH]), {"B2": 1004.5}),
    ("Image.reduceResolution", lambda: scene().select("B2").reduceResolution(ee.Reducer.max()).reduceRegion(
        ee.Reducer.mean(), corner(), crs=CRS, crsTransform=[20, 0, WEST, 0, -20, NORTH]), {"B2": 1009}),
    ("Image.clipToBoundsAndScale", lambda: scene().clipToBoundsAndScale(
        corner(), scale=10).geometry().area(1, CRS), 400),
    # Regions and samples.
    ("Image.reduce", lambda: ee.Image([1, 5, 6]).reduce(ee.Reducer.mean()), 4),
    ("Image.reduce", lambda: ee.Image([1, 5]).reduce(ee.Reducer.minMax()), {"min": 1, "max": 5}),
    ("Image.reduceRegion", lambda: scene().select("B2").reduceRegion(ee.Reducer.mean(), corner()), {"B2": 1004.5}),
    ("Image.reduceRegion", lambda: scene(1).select("B2").reduceRegion(ee.Reducer.count(), corner()), {"B2": 3}),
    ("Image.reduceRegion", lambda: ee.Image(1).addBands(2).reduceRegion(
        ee.Reducer.minMax(), corner(), 10, CRS),
     {"constant_min": 1, "constant_max": 1, "constant_1_min": 2, "constant_1_max": 2}),
    ("Image.sample", lambda: scene(1).select("B2").sample(corner()).aggregate_array("B2"), [2001, 2008, 2009]),
    ("Image.sample", lambda: scene().select("B2").sample(corner(), numPixels=3).size(), 3),
    ("Image.sampleRegions", lambda: scene().select("B2").sampleRegions(ee.FeatureCollection(
        [ee.Feature(corner(), {"k": 7, "other": 1})]), ["k"]).map(
            lambda one: one.set("sum", ee.Number(one.get("k")).add(one.get("B2")))).aggregate_array("sum"),
     [1007, 1008, 1015, 1016]),
]  # fmt: skip

COLLECTIONS: list[Row] = [
    ("ImageCollection.load", lambda: indices(scenes()), ["L2A_0", "L2A_1", "L2A_2"]),
    ("Collection.loadTable", lambda: ee.FeatureCollection(GAUL).filter(
        ee.Filter.eq("ADM0_NAME", "Nepal")).aggregate_array("ADM2_NAME"), ["Bagmati"]),
    ("ImageCollection.fromImages", lambda: indices(
        ee.ImageCollection.fromImages([ee.Image(1), ee.Image(2)])), ["0", "1"]),
    ("ImageCollection.merge", lambda: indices(scenes().limit(1).merge(scenes().limit(2))),
     ["1_L2A_0", "2_L2A_0", "2_L2A_1"]),
    ("ImageCollection.mosaic", lambda: ee.ImageCollection([1, 2, ee.Image(3).updateMask(0)]).mosaic(), 2),
    ("ImageCollection.qualityMosaic", lambda: ee.ImageCollection([
        ee.Image([1, 30]).rename(["x", "q"]), ee.Image([2, 50]).rename(["x", "q"]),
        ee.Image([3, 40]).rename(["x", "q"])]).qualityMosaic("q"), {"x": 2, "q": 50}),
    ("ImageCollection.reduce", lambda: tens().reduce(ee.Reducer.minMax()), {"x_min": 2, "x_max": 4}),
    ("ImageCollection.toBands", lambda: scenes().select("B2").toBands().select("L2A_[02]_B2"),
     {"L2A_0_B2": 1000, "L2A_2_B2": 3000}),
    ("reduce.min", lambda: tens().min(), 2),
    ("reduce.max", lambda: tens().max(), 4),
    ("reduce.count", lambda: tens().count(), 3),
    ("reduce.sum", lambda: tens().sum(), 8),
    ("reduce.mean", lambda: tens().mean(), 8 / 3),
    ("reduce.median", lambda: tens().median(), 2),
    ("reduce.median", lambda: ee.ImageCollection([1, 2, 4, 9]).median(), 3),
    ("reduce.mode", lambda: tens().mode(), 2),
    ("reduce.and", lambda: tens().And(), 1),
    ("reduce.and", lambda: ee.ImageCollection([1, 0]).And(), 0),
    ("reduce.or", lambda: ee.ImageCollection([1, 0]).Or(), 1),
    ("reduce.or", lambda: ee.ImageCollection([0, 0]).Or(), 0),
    ("Collection", lambda: ee.FeatureCollection([feature(a=1), feature(a=2)]).aggregate_array("a"), [1, 2]),
    ("Collection.filter", lambda: kept(ee.Filter.eq("g", "a")), [3, 2]),
    ("Collection.limit", lambda: indices(scenes().limit(2, "CLOUDY_PIXEL_PERCENTAGE", False)), ["L2A_2", "L2A_1"]),
    ("Collection.limit", lambda: points().limit(2).aggregate_array("n"), [3, 1]),
    ("Collection.map", lambda: points().map(lambda one: one.set("m", one.getString("g"))).aggregate_array("m"),
     ["a", "b", "a", "b", "c"]),
    ("Collection.map", lambda: scenes().map(lambda one: one.select("B2").add(1)).max(), 3001),
    ("Collection.iterate", lambda: points().iterate(lambda one, count: ee.Number(count).add(2), 0), 10),
    ("Collection.size", lambda: points().size(), 5),
    ("Collection.first", lambda: points().first().get("n"), 3),
    ("Collection.toList", lambda: points().toList(2, 1).map(lambda one: ee.Feature(one).get("n")), [1, 2]),
    ("Collection.merge", lambda: points().merge(points()).size(), 10),
    ("Collection.merge", lambda: indices(boxes().merge(boxes())), ["1_0", "1_1", "2_0", "2_1"]),
    ("Collection.flatten", lambda: ee.FeatureCollection([boxes(), points()]).flatten().size(), 7),
    ("Collection.flatten", lambda: points().map(lambda one: boxes().map(
        lambda box: box.set("n", one.get("n")))).flatten().aggregate_array("n"), [3, 3, 1, 1, 2, 2, 2, 2]),
    ("Collection.distinct", lambda: points().distinct("g").aggregate_array("g"), ["a", "b", "c"]),
    ("Collection.distinct", lambda: points().distinct(["g", "n"]).size(), 5),
    ("Collection.geometry", lambda: boxes().geometry(), shapely.box(0, 0, 3, 2)),
    ("Collection.bounds", lambda: ee.call("Collection.bounds", ee.FeatureCollection(
        [ee.Geometry.Point([0, 2]), ee.Geometry.Point([3, 0])])), shapely.box(0, 0, 3, 2)),
    ("Collection.union", lambda: boxes().union().size(), 1),
    ("Collection.union", lambda: boxes().union().first().geometry(), shapely.box(0, 0, 3, 2)),
    ("Collection.union", lambda: ee.Feature(boxes().union().first()).id(), "union_result"),
    ("Collection.reduceColumns", lambda: over(ee.Reducer.mean()), {"mean": 2}),
    ("AggregateFeatureCollection.array", lambda: points().aggregate_array("n"), [3, 1, 2, 2]),
    ("AggregateFeatureCollection.first", lambda: points().aggregate_first("n"), 3),
    ("AggregateFeatureCollection.count", lambda: points().aggregate_count("n"), 4),
    ("AggregateFeatureCollection.count_distinct", lambda: points().aggregate_count_distinct("n"), 3),
    ("AggregateFeatureCollection.min", lambda: points().aggregate_min("n"), 1),
    ("AggregateFeatureCollection.max", lambda: points().aggregate_max("n"), 3),
    ("AggregateFeatureCollection.sum", lambda: points().aggregate_sum("n"), 8),
    ("AggregateFeatureCollection.mean", lambda: points().aggregate_mean("n"), 2),
    ("AggregateFeatureCollection.histogram", lambda: points().aggregate_histogram("g"), {"a": 2, "b": 2, "c": 1}),
    # Joins.
    ("Join.apply", lambda: joined(ee.Join.simple()).size(), 4),
    ("Join.simple", lambda: joined(ee.Join.simple()).aggregate_array("n"), [3, 1, 2, 2]),
    ("Join.inverted", lambda: joined(ee.Join.inverted()).aggregate_array("g"), ["c"]),
    ("Join.inner", lambda: joined(ee.Join.inner()).size(), 6),
    ("Join.inner", lambda: ee.Feature(joined(ee.Join.inner("p", "s")).first().get("s")).get("v"), 10),
    ("Join.saveAll", lambda: ee.List(joined(ee.Join.saveAll("m", "v")).first().get("m")).map(
        lambda one: ee.Feature(one).get("v")), [5, 10]),
    ("Join.saveAll", lambda: joined(ee.Join.saveAll("m", outer=True)).size(), 5),
    ("Join.saveFirst", lambda: ee.Feature(joined(ee.Join.saveFirst("m", "v")).first().get("m")).get("v"), 5),
    ("Join.saveFirst", lambda: ee.Feature(joined(ee.Join.saveFirst("m", "v", False)).first().get("m")).get("v"), 10),
]  # fmt: skip

REDUCERS: list[Row] = [
    ("Reducer.count", lambda: over(ee.Reducer.count()), {"count": 4}),
    ("Reducer.sum", lambda: over(ee.Reducer.sum()), {"sum": 8}),
    ("Reducer.mean", lambda: over(ee.Reducer.mean()), {"mean": 2}),
    ("Reducer.median", lambda: over(ee.Reducer.median()), {"median": 2}),
    ("Reducer.mode", lambda: over(ee.Reducer.mode()), {"mode": 2}),
    ("Reducer.min", lambda: over(ee.Reducer.min()), {"min": 1}),
    ("Reducer.max", lambda: over(ee.Reducer.max()), {"max": 3}),
    ("Reducer.minMax", lambda: over(ee.Reducer.minMax()), {"min": 1, "max": 3}),
    ("Reducer.firstNonNull", lambda: over(ee.Reducer.firstNonNull()), {"first": 3}),
    ("Reducer.lastNonNull", lambda: over(ee.Reducer.lastNonNull()), {"last": 2}),
    ("Reducer.variance", lambda: over(ee.Reducer.variance()), {"variance": 0.5}),
    ("Reducer.stdDev", lambda: over(ee.Reducer.stdDev()), {"stdDev": math.sqrt(0.5)}),
    ("Reducer.allNonZero", lambda: ee.Image([1, 2]).reduce(ee.Reducer.allNonZero()), 1),
    ("Reducer.allNonZero", lambda: ee.Image([1, 0]).reduce(ee.Reducer.allNonZero()), 0),
    ("Reducer.anyNonZero", lambda: ee.Image([1, 0]).reduce(ee.Reducer.anyNonZero()), 1),
    ("Reducer.anyNonZero", lambda: ee.Image([0, 0]).reduce(ee.Reducer.anyNonZero()), 0),
    ("Reducer.toList", lambda: points().reduceColumns(ee.Reducer.toList(2), ["g", "n"]).get("list"),
     [["a", 3], ["b", 1], ["a", 2], ["b", 2]]),
    ("Reducer.toList", lambda: over(ee.Reducer.toList()), {"list": [3, 1, 2, 2]}),
    ("Reducer.percentile", lambda: over(ee.Reducer.percentile([0, 50, 100])), {"p0": 1, "p50": 2, "p100": 3}),
    ("Reducer.percentile", lambda: ee.Image([1, 2, 3]).reduce(ee.Reducer.percentile([100], ["top"])), 3),
    ("Reducer.combine", lambda: over(ee.Reducer.mean().combine(ee.Reducer.count(), sharedInputs=True)),
     {"mean": 2, "count": 4}),
    ("Reducer.first", lambda: points().reduceColumns(ee.Reducer.first(), ["g"]), {"first": "a"}),
    ("Reducer.last", lambda: points().reduceColumns(ee.Reducer.last(), ["g"]), {"last": "c"}),
    ("Reducer.countDistinct", lambda: points().reduceColumns(ee.Reducer.countDistinct(), ["g"]), {"count": 3}),
    ("Reducer.countDistinct", lambda: ee.Image([2, 2, 5]).reduce(ee.Reducer.countDistinct()), 2),
    ("Reducer.countDistinctNonNull", lambda: over(ee.Reducer.countDistinctNonNull()), {"count": 3}),
    ("Reducer.product", lambda: over(ee.Reducer.product()), {"product": 12}),
    ("Reducer.sampleVariance", lambda: over(ee.Reducer.sampleVariance()), {"variance": 2 / 3}),
    ("Reducer.sampleStdDev", lambda: over(ee.Reducer.sampleStdDev()), {"stdDev": math.sqrt(2 / 3)}),
    ("Reducer.frequencyHistogram", lambda: points().reduceColumns(ee.Reducer.frequencyHistogram(), ["g"]),
     {"histogram": {"a": 2, "b": 2, "c": 1}}),
    ("Reducer.group", lambda: points().filter(ee.Filter.notNull(["n"])).reduceColumns(
        ee.Reducer.sum().group(1, "g"), ["n", "g"]).get("groups"), [{"g": "a", "sum": 5}, {"g": "b", "sum": 3}]),
    ("Reducer.repeat", lambda: points().reduceColumns(ee.Reducer.max().repeat(2), ["n", "n"]), {"max": [3, 3]}),
    # Nearest ranks, halfway and Hazen's rule agree here, and nowhere else on four numbers.
    ("Reducer.percentile", lambda: ee.List([1, 2, 3, 3]).reduce(ee.Reducer.percentile([90])), 3),
    ("Reducer.unweighted", lambda: ee.Image([2, 4]).updateMask(ee.Image([1, 0.5])).reduce(
        ee.Reducer.mean().unweighted()), 3),
    ("Reducer.mean", lambda: ee.Image([2, 5]).updateMask(ee.Image([1, 0.5])).reduce(ee.Reducer.mean()), 3),
    ("Reducer.setOutputs", lambda: over(ee.Reducer.mean().setOutputs(["m"])), {"m": 2}),
    ("Reducer.getOutputs", lambda: ee.Reducer.percentile([25, 75]).getOutputs(), ["p25", "p75"]),
]  # fmt: skip

# Of n, for either spelling; of text; of places.
COMPARISONS = {
    ("eq", "equals"): [2, 2], ("lt", "lessThan"): [1], ("lte", "lessThanOrEquals"): [1, 2, 2],
    ("neq", "notEquals"): [3, 1], ("gt", "greaterThan"): [3], ("gte", "greaterThanOrEquals"): [3, 2, 2],
}  # fmt: skip
TEXTS = {"StartsWith": ("a", [3, 2]), "EndsWith": ("y", [2, 2]), "Contains": ("x", [3, 1])}


def filters() -> Iterator[Row]:
    """Rows of the filters: n of the points that pass."""
    for names, result in COMPARISONS.items():
        for name in names:
            yield (
                f"Filter.{name}",
                lambda name=name: kept(ee.Filter(ee.call(f"Filter.{name}", leftField="n", rightValue=2))),
                result,
            )
    for name, (text, result) in TEXTS.items():
        yield (
            f"Filter.string{name}",
            lambda name=name, text=text: kept(getattr(ee.Filter, f"string{name}")("s", text)),
            result,
        )


def left() -> ee.Geometry:
    """A box around the first two points."""
    return rectangle(-0.5, -0.5, 1.5, 0.5)


FILTERS: list[Row] = [
    ("Filter.listContains", lambda: kept(ee.Filter.inList("g", ["a", "c"])), [3, 2]),
    ("Filter.listContains", lambda: kept(ee.Filter.listContains("l", 3)), [3]),
    ("Filter.inList", lambda: kept(ee.Filter(ee.call("Filter.inList", leftField="g", rightValue=["a", "c"]))), [3, 2]),
    ("Filter.hasType", lambda: kept(ee.Filter.hasType("g", "String")), [3, 1, 2, 2]),
    ("Filter.hasType", lambda: kept(ee.Filter.hasType(".geo", "Polygon")), []),
    ("Filter.hasGeometry", lambda: points().filter(ee.Filter(ee.call("Filter.hasGeometry"))).size(), 5),
    ("Filter.intersects", lambda: kept(ee.Filter.intersects(".geo", left())), [3, 1]),
    ("Filter.disjoint", lambda: kept(ee.Filter.disjoint(".geo", left())), [2, 2]),
    ("Filter.isContained", lambda: kept(ee.Filter.isContained(".geo", left())), [3, 1]),
    ("Filter.contains", lambda: kept(ee.Filter.contains(leftValue=left(), rightField=".geo")), [3, 1]),
    ("Filter.dateRangeContains", lambda: kept(ee.Filter.dateRangeContains(
        leftValue=ee.DateRange("2018-01-01", "2018-03-01"), rightField="t")), [3, 1]),
    ("Filter.maxDifference", lambda: kept(ee.Filter.maxDifference(1, "n", 3)), [3, 2, 2]),
    ("Filter.and", lambda: kept(ee.Filter.And(ee.Filter.gt("n", 1), ee.Filter.eq("g", "b"))), [2]),
    ("Filter.or", lambda: kept(ee.Filter.Or(ee.Filter.eq("n", 3), ee.Filter.eq("n", 1))), [3, 1]),
    ("Filter.not", lambda: kept(ee.Filter.eq("n", 2).Not()), [3, 1]),
    ("Filter.always", lambda: kept(ee.Filter(ee.call("Filter.always"))), [3, 1, 2, 2]),
    ("Filter.never", lambda: kept(ee.Filter(ee.call("Filter.never"))), []),
    ("Filter.notNull", lambda: points().filter(ee.Filter.notNull(["n", "g"])).size(), 4),
    ("Filter.rangeContains", lambda: kept(ee.Filter.rangeContains("n", 2, 3)), [3, 2, 2]),
    ("Filter.calendarRange", lambda: indices(ee.ImageCollection(VIIRS).filter(
        ee.Filter.calendarRange(2, 3, "month"))), ["VIIRS_2"]),
    ("Filter.calendarRange", lambda: indices(ee.ImageCollection(VIIRS).filter(
        ee.Filter.calendarRange(11, 1, "month"))), ["VIIRS_1"]),
    ("Filter.dayOfYear", lambda: indices(ee.ImageCollection(VIIRS).filter(ee.Filter.dayOfYear(1, 32))), ["VIIRS_1"]),
]  # fmt: skip

RING = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]
SQUARE = shapely.Polygon(RING)
GEOMETRIES: list[Row] = [
    ("GeometryConstructors.Point", ([1, 2],), shapely.Point(1, 2)),
    ("GeometryConstructors.Point", lambda: ee.call("GeometryConstructors.Point", [WEST, 0], CRS).transform(
        "EPSG:4326"), shapely.Point(3, 0)),
    ("GeometryConstructors.MultiPoint", ([[0, 0], [1, 2]],), shapely.MultiPoint([(0, 0), (1, 2)])),
    ("GeometryConstructors.LineString", ([[0, 0], [1, 2]],), shapely.LineString([(0, 0), (1, 2)])),
    ("GeometryConstructors.LinearRing", (RING[:4],), shapely.LinearRing(RING)),
    ("GeometryConstructors.Polygon", ([RING],), SQUARE),
    ("GeometryConstructors.Polygon", ([RING, [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 0.5]]],),
     shapely.Polygon(RING, [[(0.5, 0.5), (1, 0.5), (1, 1)]])),
    ("GeometryConstructors.MultiPolygon", ([[RING], [[[5, 5], [6, 5], [6, 6], [5, 5]]]],),
     shapely.MultiPolygon([SQUARE, shapely.Polygon([(5, 5), (6, 5), (6, 6)])])),
    ("GeometryConstructors.Rectangle", ([[0, 0], [2, 2]],), SQUARE),
    ("GeometryConstructors.BBox", (0, 0, 2, 2), SQUARE),
    ("GeometryConstructors.MultiGeometry", lambda: ee.call(
        "GeometryConstructors.MultiGeometry", [ee.Geometry.Point([1, 2]), ee.Geometry.LineString([[0, 0], [1, 2]])]),
     shapely.GeometryCollection([shapely.Point(1, 2), shapely.LineString([(0, 0), (1, 2)])])),
    ("GeometryConstructors.MultiLineString", ([[[0, 0], [1, 2]], [[3, 3], [4, 4]]],),
     shapely.MultiLineString([[(0, 0), (1, 2)], [(3, 3), (4, 4)]])),
    ("ErrorMargin", (2.5,), {"unit": "meters", "value": 2.5}),
    # A degree of longitude along the equator is 111.3195 km, a degree of latitude from it 110.5743 km.
    ("Geometry.distance", lambda: ee.Geometry.Point([0, 0]).distance(ee.Geometry.Point([1, 0])), 111319.490793),
    ("Geometry.withinDistance", lambda: ee.Geometry.Point([0, 0]).withinDistance(
        ee.Geometry.Point([1, 0]), 111319), False),
    ("Geometry.withinDistance", lambda: ee.Geometry.Point([0, 0]).withinDistance(
        ee.Geometry.Point([1, 0]), 111320), True),
    ("Geometry.length", lambda: ee.Geometry.LineString([[0, 0], [1, 0]]).length(), 111319.490793),
    ("Geometry.length", lambda: rectangle(0, 0, 1, 1).length(), 0),
    ("Geometry.perimeter", lambda: rectangle(0, -1, 1, 0).perimeter().divide(1000).round(), 444),
    ("Geometry.perimeter", lambda: ee.Geometry.Point([0, 0]).perimeter(), 0),
    ("Geometry.geometries", lambda: ee.Geometry.MultiPoint([[0, 0], [1, 2]]).geometries().get(1), shapely.Point(1, 2)),
    ("Geometry.geometries", lambda: ee.Geometry.Point([0, 0]).geometries().size(), 1),
    ("Geometry.geodesic", lambda: ee.Geometry.LineString([[0, 0], [1, 0]]).geodesic(), True),
    ("Geometry.edgesAreGeodesics", lambda: ee.call("Geometry.edgesAreGeodesics", rectangle(0, 0, 1, 1)), False),
    ("Geometry.convexHull", lambda: ee.Geometry.MultiPoint([[0, 0], [2, 0], [2, 2], [0, 2], [1, 1]]).convexHull(),
     SQUARE),
    ("Geometry.dissolve", lambda: ee.Geometry.MultiPolygon([[RING], [[[1, 0], [3, 0], [3, 2], [1, 2], [1, 0]]]])
     .dissolve(), shapely.box(0, 0, 3, 2)),
    ("Geometry.symmetricDifference", lambda: rectangle(0, 0, 2, 2).symmetricDifference(rectangle(1, 0, 2, 2)),
     shapely.box(0, 0, 1, 2)),
    ("Geometry.area", lambda: corner(80).area(1, CRS), 6400),
    # A degree by a degree at the equator; the figure of every textbook, to a thousandth.
    ("Geometry.area", lambda: rectangle(0, 0, 1, 1).area(1).divide(1e6).divide(12309).round(), 1),
    ("Geometry.bounds", lambda: ee.Geometry.LineString([[0, 0], [2, 1]]).bounds(), shapely.box(0, 0, 2, 1)),
    ("Geometry.buffer", lambda: ee.Geometry.Point([10, 50]).buffer(1000).area(1).divide(math.pi * 1e4).round(), 100),
    ("Geometry.centroid", lambda: rectangle(0, -1, 2, 1).centroid(1), shapely.Point(1, 0)),
    ("Geometry.contains", lambda: rectangle(0, 0, 2, 2).contains(ee.Geometry.Point([1, 1])), True),
    ("Geometry.contains", lambda: rectangle(0, 0, 2, 2).contains(rectangle(1, 1, 3, 3)), False),
    ("Geometry.containedIn", lambda: ee.Geometry.Point([1, 1]).containedIn(rectangle(0, 0, 2, 2)), True),
    ("Geometry.containedIn", lambda: rectangle(0, 0, 2, 2).containedIn(rectangle(1, 1, 3, 3)), False),
    ("Geometry.intersects", lambda: rectangle(0, 0, 2, 2).intersects(rectangle(1, 1, 3, 3)), True),
    ("Geometry.intersects", lambda: rectangle(0, 0, 1, 1).intersects(rectangle(2, 2, 3, 3)), False),
    ("Geometry.disjoint", lambda: rectangle(0, 0, 1, 1).disjoint(rectangle(2, 2, 3, 3)), True),
    ("Geometry.disjoint", lambda: rectangle(0, 0, 2, 2).disjoint(rectangle(1, 1, 3, 3)), False),
    ("Geometry.intersection", lambda: rectangle(0, 0, 2, 2).intersection(rectangle(1, 1, 3, 3)),
     shapely.box(1, 1, 2, 2)),
    ("Geometry.union", lambda: rectangle(0, 0, 2, 2).union(rectangle(1, 0, 3, 2)), shapely.box(0, 0, 3, 2)),
    ("Geometry.difference", lambda: rectangle(0, 0, 2, 2).difference(rectangle(1, 0, 2, 2)), shapely.box(0, 0, 1, 2)),
    ("Geometry.coordinates", lambda: ee.Geometry.LineString([[0, 0], [1, 2]]).coordinates(), [[0, 0], [1, 2]]),
    ("Geometry.type", lambda: ee.Geometry.MultiPoint([[0, 0], [1, 2]]).type(), "MultiPoint"),
    ("Geometry.isUnbounded", lambda: ee.Geometry.Point([1, 2]).isUnbounded(), False),
    ("Geometry.projection", lambda: corner().projection().crs(), CRS),
    ("Geometry.transform", lambda: ee.Geometry.Point([3, 0]).transform(CRS, 0.001), shapely.Point(500000, 0)),
    ("Projection", lambda: ee.Projection(CRS, LATTICE), {"type": "Projection", "crs": CRS, "transform": LATTICE}),
    ("Proj", lambda: ee.Projection(ee.call("Proj", "EPSG:4326")).crs(), "EPSG:4326"),
    ("Projection.crs", lambda: ee.Projection(CRS).crs(), CRS),
    ("Projection.nominalScale", lambda: ee.Projection(CRS, LATTICE).nominalScale(), 10),
    ("Projection.atScale", lambda: ee.Projection(CRS, LATTICE).atScale(30).nominalScale(), 30),
    ("Projection.transform", lambda: ee.Projection(CRS, LATTICE).transform().length().gt(0), 1),
]  # fmt: skip

DATES: list[Row] = [
    ("Date", ("2018-07-01T10:30:00",), day(2018, 7, 1, 10, 30)),
    ("Date", (at(2018, 7, 1),), day(2018, 7, 1)),
    ("Date.fromYMD", (2018, 7, 1), day(2018, 7, 1)),
    ("Date.millis", ("1970-01-02",), 86400000),
    ("Date", ("2018-7-1",), day(2018, 7, 1)),
    ("Date", ("2018-7",), day(2018, 7, 1)),
    ("Date", ("2018", "Asia/Kathmandu"), day(2017, 12, 31, 18, 15)),
    ("Date", ("2018-07-01T10:30+02:00",), day(2018, 7, 1, 8, 30)),
    # Clocks in New York go forward on 11 March 2018.
    ("Date.fromYMD", (2018, 3, 11, "America/New_York"), day(2018, 3, 11, 5)),
    ("Date.advance", ("2018-03-11T05:00", 1, "day", "America/New_York"), day(2018, 3, 12, 4)),
    ("Date.advance", ("2018-03-11T05:00", 1, "day"), day(2018, 3, 12, 5)),
    ("Date.parse", ("d. MMM yyyy, HH:mm", "3. Feb 2018, 04:05"), day(2018, 2, 3, 4, 5)),
    ("Date.parse", ("yyyyMMdd", "20180203", "Etc/GMT-2"), day(2018, 2, 2, 22)),
    ("Date.unitRatio", ("day", "hour"), 24),
    ("Date.get", ("2018-01-01", "week"), 1),
    ("Date.get", ("2018-01-01", "year", "America/New_York"), 2017),
    ("Date.getRelative", ("2018-03-01", "day", "year"), 59),
    ("Date.getRelative", ("2018-03-01", "month", "year"), 2),
    ("Date.getRelative", ("2018-03-01T05:00", "hour", "day"), 5),
    ("Date.getFraction", ("2018-03-01T18:00", "day"), 0.75),
    ("Date.update", lambda: ee.Date("2018-03-01T18:00").update(year=2020, day=29), day(2020, 3, 29, 18)),
    ("Date.getRange", ("2018-01-03T05:00", "week"), {"type": "DateRange", "dates": [at(2018, 1, 1), at(2018, 1, 8)]}),
    ("Date.getRange", ("2018-03-11T12:00", "day", "America/New_York"),
     {"type": "DateRange", "dates": [at(2018, 3, 11, 5), at(2018, 3, 12, 4)]}),
    ("Date.format", ("2018-02-03T16:05:06.078", "C G EEE EEEE MMMM a K h k e w xxxx S SSSS"),
     "20 AD Sat Saturday February PM 4 4 16 6 5 2018 0 0780"),
    ("Date.format", ("2018-02-03", "''yy' o''clock'"), "'18 o'clock"),
    ("Date.format", ("2018-07-03", "HH Z ZZ ZZZ z", "America/New_York"), "20 -0400 -04:00 America/New_York EDT"),
    ("Date.advance", ("2018-12-31", 1, "day"), day(2019, 1, 1)),
    ("Date.advance", ("2020-01-31", 1, "month"), day(2020, 2, 29)),
    ("Date.advance", ("2018-07-01", -1.5, "hour"), day(2018, 6, 30, 22, 30)),
    ("Date.difference", ("2018-02-01", "2018-01-01", "day"), 31),
    ("Date.difference", ("2018-01-01", "2018-01-02T12:00", "hour"), -36),
    ("Date.get", ("2018-07-15", "month"), 7),
    ("Date.get", ("2018-07-15", "day"), 15),
    ("Date.getRange", ("2013-03-15", "year"),
     {"type": "DateRange", "dates": [at(2013, 1, 1), at(2014, 1, 1)]}),
    ("Date.getRange", ("2018-02-10T05:00", "month"),
     {"type": "DateRange", "dates": [at(2018, 2, 1), at(2018, 3, 1)]}),
    ("Date.format", ("2018-02-03T04:05:06", "YYYY-MM-dd HH:mm:ss"), "2018-02-03 04:05:06"),
    ("Date.format", ("2018-02-03", "yyyy'D'DDD"), "2018D034"),
    ("Date.format", ("2018-02-03T04:05:06", "D/M/yy H:m:s.SSS"), "34/2/18 4:5:6.000"),
    ("Date.format", ("2018-02-03", "d MMM YYYY"), "3 Feb 2018"),
    ("Date.format", ("2018-02-03T04:05:06",), "2018-02-03T04:05:06"),
    ("DateRange", ("2018-01-01", "2018-02-01"), {"type": "DateRange", "dates": [at(2018, 1, 1), at(2018, 2, 1)]}),
    ("DateRange", ("1970-01-01",), {"type": "DateRange", "dates": [0, 1]}),
    ("DateRange", ("2018-01-01", "2018-02-01", "Etc/GMT-2"),
     {"type": "DateRange", "dates": [at(2017, 12, 31, 22), at(2018, 1, 31, 22)]}),
    ("DateRange", lambda: ee.DateRange(ee.DateRange("2018-01-01", "2018-02-01")).end(), day(2018, 2, 1)),
    ("DateRange.contains", lambda: ee.DateRange("2018-01-01", "2018-02-01").contains("2018-02-01"), False),
    ("DateRange.contains", lambda: ee.DateRange("2018-01-01", "2018-02-01").contains(
        ee.DateRange("2018-01-05", "2018-02-01")), True),
    ("DateRange.intersects", lambda: ee.DateRange("2018-01-01", "2018-02-01").intersects(
        ee.DateRange("2018-02-01", "2018-03-01")), False),
    ("DateRange.intersection", lambda: ee.DateRange("2018-01-01", "2018-02-01").intersection(
        ee.DateRange("2018-01-15", "2018-03-01")), {"type": "DateRange", "dates": [at(2018, 1, 15), at(2018, 2, 1)]}),
    ("DateRange.union", lambda: ee.DateRange("2018-01-01", "2018-02-01").union(
        ee.DateRange("2018-01-15", "2018-03-01")), {"type": "DateRange", "dates": [at(2018, 1, 1), at(2018, 3, 1)]}),
    ("DateRange.isEmpty", lambda: ee.DateRange("2018-01-01", "2018-02-01").isEmpty(), False),
    ("DateRange.start", lambda: ee.DateRange("2018-01-01", "2018-02-01").start(), day(2018, 1, 1)),
    ("DateRange.end", lambda: ee.DateRange("2018-01-01", "2018-02-01").end(), day(2018, 2, 1)),
]  # fmt: skip

ELEMENTS: list[Row] = [
    ("Feature", lambda: ee.Feature(ee.Geometry.Point([1, 2]), {"a": 1}).toDictionary(), {"a": 1}),
    ("Feature.id", lambda: ee.Feature(points().first()).id(), "0"),
    ("Feature.geometry", lambda: feature().geometry(), shapely.Point(1, 2)),
    ("Feature.setGeometry", lambda: feature().setGeometry(ee.Geometry.Point([5, 6])).geometry(), shapely.Point(5, 6)),
    ("Element.geometry", lambda: ee.call("Element.geometry", feature()), shapely.Point(1, 2)),
    ("Element.get", lambda: feature(a=1).get("a"), 1),
    ("Element.get", lambda: feature(a=1).get("b"), None),
    ("Element.getNumber", lambda: feature(a=1).getNumber("a").add(1), 2),
    ("Element.getString", lambda: feature(a="x").getString("a").cat("y"), "xy"),
    ("Element.set", lambda: feature(a=1).set("a", 2).get("a"), 2),
    ("Element.setMulti", lambda: feature(a=1).set(ee.Dictionary({"a": 2, "b": 3})).toDictionary(), {"a": 2, "b": 3}),
    ("Element.propertyNames", lambda: feature(a=1).propertyNames().contains("a"), True),
    ("Element.toDictionary", lambda: feature(a=1, b=2).toDictionary(["b"]), {"b": 2}),
    ("Element.copyProperties", lambda: ee.Feature(feature(a=1).copyProperties(feature(a=5, b=6), ["b"])).toDictionary(),
     {"a": 1, "b": 6}),
    ("Element.set", lambda: ee.FeatureCollection([]).set("a", 2).get("a"), 2),
    ("Element.getArray", lambda: feature(a=[1, 2]).getArray("a"), [1, 2]),
    ("Feature.select", lambda: feature(a1=1, a2=2, b=3).select(["a.*"]).toDictionary(), {"a1": 1, "a2": 2}),
    ("Feature.select", lambda: feature(a=1).select(["a"], ["c"], False).geometry().isUnbounded(), True),
    ("Feature.select", lambda: feature(a=1).select(["a"], ["c"]).get("c"), 1),
    *((f"Feature.{name}", lambda name=name: getattr(ee.Feature(rectangle(0, 0, 2, 2), {"a": 1}), name)(1).get("a"), 1)
      for name in ("bounds", "centroid", "convexHull", "dissolve")),
    ("Feature.buffer", lambda: feature(a=1).buffer(10).get("a"), 1),
    ("Feature.transform", lambda: feature(a=1).transform(CRS, 1).geometry().projection().crs(), CRS),
    *((f"Feature.{name}", lambda name=name: getattr(ee.Feature(rectangle(0, 0, 2, 2)), name)(
        ee.Feature(rectangle(1, 0, 3, 2))).geometry(), box)
      for name, box in (("intersection", shapely.box(1, 0, 2, 2)), ("union", shapely.box(0, 0, 3, 2)),
                        ("difference", shapely.box(0, 0, 1, 2)))),
    ("Feature.symmetricDifference", lambda: ee.Feature(rectangle(0, 0, 2, 2)).symmetricDifference(
        ee.Feature(rectangle(1, 0, 2, 2))).geometry(), shapely.box(0, 0, 1, 2)),
    *((f"Feature.{name}", lambda name=name: getattr(ee.Feature(rectangle(0, 0, 2, 2)), name)(feature()), answer)
      for name, answer in (("intersects", True), ("contains", False), ("containedIn", False), ("disjoint", False))),
    ("Feature.area", lambda: ee.Feature(corner(80)).area(1, CRS), 6400),
    ("Feature.length", lambda: ee.Feature(ee.Geometry.LineString([[0, 0], [1, 0]])).length(), 111319.490793),
    ("Feature.perimeter", lambda: feature().perimeter(), 0),
    ("Feature.distance", lambda: feature().distance(ee.Feature(ee.Geometry.Point([1, 2]))), 0),
    ("Feature.withinDistance", lambda: feature().withinDistance(ee.Feature(ee.Geometry.Point([1, 2])), 1), True),
    ("If", (True, "yes", "no"), "yes"),
    ("If", (0, "yes", "no"), "no"),
    ("If", lambda: ee.Algorithms.If(True, "yes", ee.Date("no date").millis()), "yes"),
    ("IsEqual", (2, 2), True),
    ("IsEqual", ("a", "b"), False),
    ("ObjectType", ("text",), "String"),
    ("ObjectType", ([1],), "List"),
    ("ObjectType", lambda: ee.Algorithms.ObjectType(ee.Number(1).toInt16()), "Short"),
    ("ObjectType", lambda: ee.Algorithms.ObjectType(ee.Number(5e9).toInt64()), "Long"),
]  # fmt: skip

PLAIN: list[Row] = [
    ("List.map", lambda: ee.List([1, 2]).map(lambda one: ee.Number(one).add(1)), [2, 3]),
    ("List.iterate", lambda: ee.List([1, 2, 3]).iterate(lambda one, sum_: ee.Number(sum_).add(one), 4), 10),
    ("List.get", ([5, 6, 7], 0), 5),
    ("List.get", ([5, 6, 7], -1), 7),
    ("List.getNumber", ([5, 6], 1), 6),
    ("List.getString", (["a", "b"], 1), "b"),
    ("List.getGeometry", lambda: ee.List([ee.Geometry.Point([1, 2])]).getGeometry(0), shapely.Point(1, 2)),
    ("List.sequence", (1, 3), [1, 2, 3]),
    ("List.sequence", (0, 1, 0.5), [0, 0.5, 1]),
    ("List.sequence", lambda: ee.List.sequence(0, 1, count=3), [0, 0.5, 1]),
    ("List.sort", ([3, 1, 2],), [1, 2, 3]),
    ("List.sort", (["c", "a"], [2, 1]), ["a", "c"]),
    ("List.filter", lambda: ee.List([1, 2, 3]).filter(ee.Filter.gt("item", 1)), [2, 3]),
    ("List.slice", ([1, 2, 3, 4], 1, 3), [2, 3]),
    ("List.slice", ([1, 2, 3, 4], -2), [3, 4]),
    ("List.join", (["a", "b"], "-"), "a-b"),
    ("List.indexOf", ([5, 6, 6], 6), 1),
    ("List.indexOf", ([5, 6], 7), -1),
    ("List.size", ([5, 6],), 2),
    ("List.length", ([5, 6],), 2),
    ("List.add", ([1, 2], 3), [1, 2, 3]),
    ("List.cat", ([1], [2, 3]), [1, 2, 3]),
    ("List.contains", ([1, 2], 2), True),
    ("List.contains", ([1, 2], 3), False),
    ("List.distinct", ([1, 2, 1],), [1, 2]),
    ("List.flatten", ([1, [2, [3]]],), [1, 2, 3]),
    ("List.reverse", ([1, 2, 3],), [3, 2, 1]),
    ("List.repeat", (7, 3), [7, 7, 7]),
    ("List.remove", ([1, 2, 1], 1), [2, 1]),
    ("List.remove", ([1, 2], 3), [1, 2]),
    ("List.removeAll", ([1, 2, 1, 3], [1, 3]), [2]),
    ("List.zip", ([1, 2, 3], [4, 5]), [[1, 4], [2, 5]]),
    ("List.containsAll", ([1, 2, 3], [3, 1]), True),
    ("List.containsAll", ([1, 2, 3], [3, 4]), False),
    ("List.equals", ([1, 2], [1, 2]), True),
    ("List.equals", ([1, 2], [2, 1]), False),
    ("List.frequency", ([1, 2, 1], 1), 2),
    ("List.getArray", lambda: ee.call("List.getArray", ee.List([ee.Array([1, 2])]), 0), [1, 2]),
    ("List.indexOfSublist", ([1, 2, 3, 2, 3], [2, 3]), 1),
    ("List.indexOfSublist", ([1, 2, 3], [3, 2]), -1),
    ("List.lastIndexOfSubList", ([1, 2, 3, 2, 3], [2, 3]), 3),
    ("List.insert", ([1, 3], 1, 2), [1, 2, 3]),
    ("List.reduce", lambda: ee.List([4, 1, None]).reduce(ee.Reducer.sum()), 5),
    ("List.reduce", lambda: ee.List([4, 1]).reduce(ee.Reducer.minMax()), {"min": 1, "max": 4}),
    ("List.reduce", lambda: ee.List([]).reduce(ee.Reducer.mean()), None),
    ("List.replace", ([1, 2, 1], 1, 9), [9, 2, 1]),
    ("List.replaceAll", ([1, 2, 1], 1, 9), [9, 2, 9]),
    ("List.rotate", ([1, 2, 3], 1), [2, 3, 1]),
    ("List.rotate", ([1, 2, 3], -1), [3, 1, 2]),
    ("List.set", ([1, 2, 3], -1, 9), [1, 2, 9]),
    ("List.splice", ([0, 1, 2, 3], 1, 2), [0, 3]),
    ("List.splice", ([0, 1, 2, 3], -1, 1, [8, 9]), [0, 1, 2, 8, 9]),
    ("List.swap", ([1, 2, 3], 0, 2), [3, 2, 1]),
    ("List.unzip", ([[1, 2], [3, 4]],), [[1, 3], [2, 4]]),
    ("Array", lambda: ee.Array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    ("Array", lambda: ee.Array([1.7, 300], ee.PixelType.uint8()), [1, 255]),
    ("PixelType", ("int", 0, 9), {"type": "PixelType", "precision": "int", "min": 0, "max": 9}),
    ("PixelType", ("float",), {"type": "PixelType", "precision": "float"}),
    ("PixelType.minValue", lambda: ee.PixelType.int16().minValue(), -32768),
    ("PixelType.maxValue", lambda: ee.PixelType.uint16().maxValue(), 65535),
    ("PixelType.precision", lambda: ee.PixelType.double().precision(), "double"),
    *((f"PixelType.{name}", lambda name=name: ee.call(f"PixelType.{name}"),
       {"type": "PixelType", "precision": "int", "min": low, "max": high}) for name, low, high in (
        ("int8", -128, 127), ("uint8", 0, 255), ("int16", -32768, 32767), ("uint16", 0, 65535),
        ("int32", -(2**31), 2**31 - 1), ("uint32", 0, 2**32 - 1), ("int64", -(2**63), 2**63 - 1))),
    *((f"PixelType.{name}", lambda name=name: ee.call(f"PixelType.{name}").precision(), name)
      for name in ("float", "double")),
    ("Array.get", ([[1, 2], [3, 4]], [1, 0]), 3),
    ("Array.slice", ([[1, 2], [3, 4]], 1, 1), [[2], [4]]),
    ("Array.slice", ([1, 2, 3, 4], 0, 0, -1, 2), [1, 3]),
    ("Array.toList", ([[1, 2]],), [[1, 2]]),
    ("Array.length", ([[1, 2, 3]],), [1, 3]),
    ("Array.cat", ([[1, 2], [3, 4]], 0), [1, 2, 3, 4]),
    ("Array.cat", ([[1, 2], [3, 4]], 1), [[1, 3], [2, 4]]),
    ("Array.repeat", ([1, 2], 0, 2), [1, 2, 1, 2]),
    ("Array.repeat", ([1, 2], 1, 2), [[1, 1], [2, 2]]),
    ("Array.reshape", ([1, 2, 3, 4], [2, 2]), [[1, 2], [3, 4]]),
    ("Array.transpose", ([[1, 2], [3, 4]],), [[1, 3], [2, 4]]),
    ("Array.matrixTranspose", ([[1, 2]],), [[1], [2]]),
    ("Array.reduce", lambda: ee.Array([[1, 2], [3, 4]]).reduce(ee.Reducer.sum(), [0]), [[4, 6]]),
    ("Array.accum", ([1, 2, 3], 0), [1, 3, 6]),
    ("Array.sort", ([3, 1, 2],), [1, 2, 3]),
    ("Array.sort", ([3, 1, 2], [1, 3, 2]), [3, 2, 1]),
    ("Array.argmax", ([[1, 5], [3, 4]],), [0, 1]),
    ("Array.identity", (2,), [[1, 0], [0, 1]]),
    ("Array.project", ([[1], [2]], [0]), [1, 2]),
    ("Array.matrixMultiply", ([[1, 2]], [[3], [4]]), [[11]]),
    ("Array.matrixInverse", ([[2, 0], [0, 4]],), [[0.5, 0], [0, 0.25]]),
    ("Array.matrixDeterminant", ([[1, 2], [3, 4]],), -2),
    ("Array.matrixTrace", ([[1, 2], [3, 4]],), 5),
    ("Dictionary", ({"a": 1},), {"a": 1}),
    ("Dictionary", (["a", 1, "b", 2],), {"a": 1, "b": 2}),
    ("Dictionary.getArray", lambda: ee.call("Dictionary.getArray", {"a": ee.Array([1])}, "a"), [1]),
    ("Dictionary.select", ({"a1": 1, "a2": 2, "b": 3}, ["a.*", "b"]), {"a1": 1, "a2": 2, "b": 3}),
    ("Dictionary.select", ({"a": 1}, ["x"], True), {}),
    ("Dictionary.remove", ({"a1": 1, "a2": 2, "b": 3}, ["a.*"]), {"b": 3}),
    ("Dictionary.rename", ({"a": 1, "b": 2}, ["a"], ["c"]), {"b": 2, "c": 1}),
    ("Dictionary.rename", ({"a": 1, "b": 2}, ["a"], ["b"], True), {"b": 1}),
    ("Dictionary.toImage", lambda: ee.Dictionary({"b": 2, "a": 1}).toImage(), {"a": 1, "b": 2}),
    ("Dictionary.toArray", ({"b": 2, "a": 1},), [1, 2]),
    ("Dictionary.fromLists", (["a", "b"], [1, 2]), {"a": 1, "b": 2}),
    ("Dictionary.keys", ({"b": 1, "a": 2},), ["a", "b"]),
    ("Dictionary.values", ({"b": 1, "a": 2},), [2, 1]),
    ("Dictionary.values", ({"b": 1, "a": 2}, ["b"]), [1]),
    ("Dictionary.set", ({"a": 1}, "b", 2), {"a": 1, "b": 2}),
    ("Dictionary.size", ({"a": 1, "b": 2},), 2),
    ("Dictionary.contains", ({"a": 1}, "a"), True),
    ("Dictionary.contains", ({"a": 1}, "b"), False),
    ("Dictionary.combine", ({"a": 1, "b": 2}, {"b": 3}), {"a": 1, "b": 3}),
    ("Dictionary.combine", ({"a": 1, "b": 2}, {"b": 3}, False), {"a": 1, "b": 2}),
    ("Dictionary.get", ({"a": 1}, "a"), 1),
    ("Dictionary.get", ({"a": 1}, "b", 7), 7),
    ("Dictionary.getNumber", ({"a": 1}, "a"), 1),
    ("Dictionary.getString", ({"a": "x"}, "a"), "x"),
    ("Dictionary.getGeometry", lambda: ee.Dictionary({"p": ee.Geometry.Point([1, 2])}).getGeometry("p"),
     shapely.Point(1, 2)),
    ("Dictionary.map", lambda: ee.Dictionary({"a": 1}).map(lambda key, value: ee.Number(value).add(1)), {"a": 2}),
    ("Dictionary.map", lambda: ee.Dictionary({"a": 1}).map(lambda key, value: feature().get("missing")), {}),
    ("String", ("x",), "x"),
    ("String", lambda: ee.String(ee.call("String", ee.List([1, 2]).get(0))).length(), 1),
    ("String.cat", ("a", "b"), "ab"),
    ("String.equals", ("a", "a"), True),
    ("String.equals", ("a", "b"), False),
    ("String.length", ("abc",), 3),
    ("String.slice", ("abcd", 1, 3), "bc"),
    ("String.slice", ("abcd", -2), "cd"),
    ("String.toLowerCase", ("aBc",), "abc"),
    ("String.toUpperCase", ("aBc",), "ABC"),
    ("String.trim", (" a ",), "a"),
    ("String.index", ("abcab", "ab"), 0),
    ("String.index", ("abc", "x"), -1),
    ("String.rindex", ("abcab", "ab"), 3),
    ("String.compareTo", ("a", "c"), -2),
    ("String.compareTo", ("abc", "ab"), 1),
    ("String.replace", ("a1b2", "[0-9]", "-"), "a-b2"),
    ("String.replace", ("a1b2", "([a-z])([0-9])", "$2$1", "g"), "1a2b"),
    ("String.match", ("ab12", "([a-z])([0-9])"), ["b1", "b", "1"]),
    ("String.match", ("a1b2", "[0-9]", "g"), ["1", "2"]),
    ("String.match", ("ab", "[0-9]"), []),
    ("String.split", ("a,b,,", ","), ["a", "b"]),
    ("String.split", ("aXbxc", "x", "i"), ["a", "b", "c"]),
    ("String.encodeJSON", ({"a": [1, "x"]},), '{"a":[1,"x"]}'),
    ("String.decodeJSON", ('{"a": [1, "x"]}',), {"a": [1, "x"]}),
    ("Number.clamp", (12, 0, 10), 10),
    ("Number.unitScale", (5, 0, 20), 0.25),
    ("Number.bitCount", (13,), 3),
    ("Number.expression", lambda: ee.Number.expression("a * (b + 1) > 5 ? a : -b", {"a": 3, "b": 2}), 3),
    ("Number.format", (3.14159, "%.2f"), "3.14"),
    ("Number.format", (42, "%05d"), "00042"),
    ("Number.parse", ("42",), 42),
    ("Number.parse", ("-1.5",), -1.5),
    ("Number.parse", ("ff", 16), 255),
]  # fmt: skip

ROWS: list[Row] = [
    *arithmetic(), *IMAGES, *COLLECTIONS, *REDUCERS, *filters(), *FILTERS, *GEOMETRIES, *DATES, *ELEMENTS, *PLAIN,
]  # fmt: skip
