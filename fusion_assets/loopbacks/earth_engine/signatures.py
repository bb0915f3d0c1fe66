"""The algorithm signatures that the installed client carries, and the check of an expression against them.

Nothing here evaluates anything: a wrong name or argument is refused before the first pixel is computed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ee

from fusion_assets.loopbacks.earth_engine.errors import ServiceError

_CARRIED = Path(ee.__file__).parent / "tests"
_KINDS = {
    "constantValue",
    "integerValue",
    "bytesValue",
    "arrayValue",
    "dictionaryValue",
    "functionDefinitionValue",
    "functionInvocationValue",
    "argumentReference",
    "valueReference",
}


@dataclass(frozen=True)
class Argument:
    """One argument of an algorithm."""

    name: str
    type: str
    optional: bool
    default: Any


@dataclass(frozen=True)
class Signature:
    """Name, arguments in order, and type of the result."""

    name: str
    arguments: tuple[Argument, ...]
    returns: str


def carried(name: str) -> str:
    """A JSON document that the client's package carries among its tests."""
    return (_CARRIED / name).read_text()


@functools.cache
def signatures() -> dict[str, Signature]:
    """All algorithms by name."""
    by_name = {}
    for item in json.loads(carried("algorithms.json"))["algorithms"]:
        arguments = tuple(
            Argument(
                argument["argumentName"],
                argument["type"].split("<unknown")[0],
                bool(argument.get("optional")),
                argument.get("defaultValue"),
            )
            for argument in item.get("arguments", [])
        )
        name = item["name"].removeprefix("algorithms/")
        by_name[name] = Signature(name, arguments, item["returnType"].split("<unknown")[0])
    return by_name


def validate(expression: dict[str, Any]) -> set[str]:
    """Check every node of an expression, reached or not; returns the names of the algorithms that it calls.

    Raises:
        ServiceError: malformed nodes, dangling references, unknown functions, wrong or missing arguments.
    """
    values = expression.get("values")
    if not isinstance(values, dict) or expression.get("result") not in values:
        raise ServiceError("Invalid expression: `result` must name one of `values`.")
    called: set[str] = set()
    for node in values.values():
        _check(node, values, called)
    return called


def _check(node: Any, values: dict[str, Any], called: set[str]) -> None:
    if not isinstance(node, dict) or len(node) != 1 or next(iter(node)) not in _KINDS:
        raise ServiceError(f"Invalid expression: not a ValueNode: {json.dumps(node)[:200]}")
    kind, body = next(iter(node.items()))
    function = body.get("body") if isinstance(body, dict) else None
    reference = {"valueReference": body, "functionDefinitionValue": function}
    if kind in reference and reference[kind] not in values:
        raise ServiceError(f"Invalid expression: reference to unknown value '{reference[kind]}'.")
    if kind == "functionInvocationValue":
        _check_invocation(body, values)
        called |= {body["functionName"]} if "functionName" in body else set()
    for child in children(node):
        _check(child, values, called)


def _check_invocation(body: dict[str, Any], values: dict[str, Any]) -> None:
    arguments = body.get("arguments", {})
    if "functionReference" in body:
        if body["functionReference"] not in values:
            raise ServiceError(f"Invalid expression: reference to unknown value '{body['functionReference']}'.")
        return
    signature = signatures().get(body.get("functionName", ""))
    if signature is None:
        raise ServiceError(f"Unrecognized function name: '{body.get('functionName')}'.")
    names = {argument.name for argument in signature.arguments}
    for name in arguments:
        if name not in names:
            raise ServiceError(
                f"{signature.name}: Unrecognized argument name: '{name}'. Expected: {_listed(signature)}."
            )
    for argument in signature.arguments:
        given = arguments.get(argument.name)
        missing = given is None or given == {"constantValue": None}
        if missing and not argument.optional:
            raise ServiceError(f"{signature.name}: Parameter '{argument.name}' is required and may not be null.")


def _listed(signature: Signature) -> str:
    return ", ".join(argument.name for argument in signature.arguments)


def children(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes that stand inside a node, references not followed."""
    kind, body = next(iter(node.items()))
    if kind == "arrayValue":
        yield from body.get("values", [])
    elif kind == "dictionaryValue":
        yield from body.get("values", {}).values()
    elif kind == "functionInvocationValue":
        yield from body.get("arguments", {}).values()
