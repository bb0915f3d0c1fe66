"""`Image.expression` and `Number.expression`: formulas as text, in C's operators.

A formula becomes Python's syntax tree, of which only arithmetic, comparisons, logic, choice, bands and a table of
functions are walked; whatever else it holds is refused by name, and nothing of it is ever run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms.bands import select
from fusion_assets.loopbacks.earth_engine.algorithms.masks import where
from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.coercion import coerce
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Function, Image

_OPERATORS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Mod: "mod", ast.Pow: "pow",
    ast.Lt: "lt", ast.LtE: "lte", ast.Gt: "gt", ast.GtE: "gte", ast.Eq: "eq", ast.NotEq: "neq", ast.And: "and",
    ast.Or: "or",
}  # fmt: skip
_FUNCTIONS = {
    "min", "max", "abs", "sqrt", "exp", "log", "log10", "floor", "ceil", "round", "pow", "sin", "cos", "tan", "hypot",
}  # fmt: skip


def tree_of(text: str, name: str) -> ast.expr:
    """A formula's syntax tree.

    Raises:
        ServiceError: it is no formula.
    """
    if re.search(r"[\^&|]", re.sub(r"&&|\|\|", "", text)) or "//" in text or "<<" in text or ">>" in text:
        raise ServiceError(f"{name}: this loopback service does not know bit operators or comments in '{text}'.")
    translated = re.sub(r"!(?!=)", " ~", text.replace("&&", " and ").replace("||", " or "))
    try:
        return ast.parse(f"({_choices(translated)})".replace("\n", " ").strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise ServiceError(f"{name}: Unable to parse the expression '{text}'.") from None


def _choices(text: str) -> str:
    """`a ? b : c` as Python writes it, inside parentheses first."""
    outer, groups, depth, start = "", [], 0, 0
    for place, letter in enumerate(text):
        if letter == "(":
            start = start if depth else place + 1
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth == 0:
                groups.append(_choices(text[start:place]))
                outer += f"\x01{len(groups) - 1}\x02"
        elif depth == 0:
            outer += letter
    if depth:
        raise ValueError("parentheses")
    chosen = ",".join(_choice(part) for part in outer.split(","))
    return re.sub("\x01(\\d+)\x02", lambda found: f"({groups[int(found[1])]})", chosen)


def _choice(text: str) -> str:
    place = text.find("?")
    if place < 0:
        return text
    depth = 0
    for end in range(place + 1, len(text)):
        depth += {"?": 1, ":": -1}.get(text[end], 0)
        if depth < 0:
            yes, no = _choice(text[place + 1 : end]), _choice(text[end + 1 :])
            return f"(({yes}) if ({text[:place]}) else ({no}))"
    raise ValueError("a choice without its second half")


def value_of(node: ast.expr, names: Mapping[str, Any], kind: str, default: Any = None) -> Any:
    """Value of a tree over named images (`kind` Image) or numbers (Number).

    Raises:
        ServiceError: a name that is not given, or a construct that is not known.
    """

    def apply(name: str, *values: Any) -> Any:
        return ALGORITHMS[f"{kind}.{name}"](*(coerce(value, kind, f"{kind}.{name}") for value in values))

    def walk(part: ast.expr) -> Any:
        match part:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.Name(id=name):
                raise ServiceError(f"{kind}.expression: '{name}' is not given; there are: {', '.join(sorted(names))}.")
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return apply(_OPERATORS[type(operator)], walk(left), walk(right))
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _OPERATORS:
                return apply(_OPERATORS[type(operator)], walk(left), walk(right))
            case ast.BoolOp(op=operator, values=values):
                result = walk(values[0])
                for value in values[1:]:
                    result = apply(_OPERATORS[type(operator)], result, walk(value))
                return result
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return apply("subtract", 0, walk(operand))
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return apply("not", walk(operand))
            case ast.IfExp(test=test, body=body, orelse=orelse) if kind == "Image":
                images = [coerce(walk(item), "Image", "Image.expression") for item in (orelse, test, body)]
                return where(*images)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return walk(body) if walk(test) else walk(orelse)
            case ast.Call(func=ast.Name(id="b"), args=[ast.Constant(value=band)], keywords=[]) if default is not None:
                return select(default, [band], None)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                return apply(name, *map(walk, arguments))
            case ast.Attribute(value=image, attr=band) if kind == "Image":
                return select(coerce(walk(image), "Image", "Image.expression"), [band], None)
            case ast.Subscript(value=image, slice=ast.Constant(value=band)) if kind == "Image":
                return select(coerce(walk(image), "Image", "Image.expression"), [band], None)
        raise ServiceError(f"{kind}.expression: this loopback service does not know '{ast.unparse(part)}'.")

    return walk(node)


@algorithm("Image.parseExpression", refuses=("mapFreeVarsToDefaultImageBands",))
def parse_expression(text: str, argument: str, names: list[str], free: bool) -> Function:
    """A function of images from a formula; `b('B4')` and `b(0)` are bands of the image that it is called on."""
    tree = tree_of(text, "Image.parseExpression")

    def call(*images: Any) -> Image:
        given = dict(zip(names, images, strict=True))
        default = given.get(argument)
        named = {name: image for name, image in given.items() if name != argument}
        result = coerce(value_of(tree, named, "Image", default), "Image", "Image.expression")
        return result if default is None else result.with_properties({})

    return Function(tuple(names), call)


@algorithm("Number.expression")
def number_expression(text: str, names: dict | None) -> Any:
    """A number from a formula over named numbers."""
    return value_of(tree_of(text, "Number.expression"), names or {}, "Number")
