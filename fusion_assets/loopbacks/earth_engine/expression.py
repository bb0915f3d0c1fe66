"""Evaluation of expression graphs: nodes, references, functions with arguments.

What an algorithm does is in `algorithms/`; pixels are computed later, when a grid is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms.registry import REFUSED
from fusion_assets.loopbacks.earth_engine.coercion import coerce, is_true
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.signatures import children, signatures, validate
from fusion_assets.loopbacks.earth_engine.values import Function

Algorithms = Mapping[str, Callable[..., Any]]


class Evaluator:
    """One expression, evaluated at most once per node outside functions.

    Raises:
        ServiceError: the expression is not valid, or names an algorithm that this service does not know.
    """

    def __init__(self, expression: dict[str, Any], algorithms: Algorithms) -> None:
        unknown = sorted(name for name in validate(expression) if name not in algorithms)
        if unknown:
            raise ServiceError(f"{', '.join(unknown)}: this loopback service does not know the algorithm.")
        self._nodes = expression["values"]
        self._result = expression["result"]
        self._algorithms = algorithms
        self._known: dict[str, Any] = {}
        self._free: dict[str, frozenset[str]] = {}

    def value(self) -> Any:
        """The result.

        Raises:
            ServiceError: an algorithm fails.
        """
        return self._referred(self._result, {})

    def _referred(self, name: str, scope: dict[str, Any]) -> Any:
        if name in scope.get("", {}):
            return scope[""][name]
        closed = not self._arguments_in(name)
        if closed and name in self._known:
            return self._known[name]
        value = self._node(self._nodes[name], scope)
        if closed:
            self._known[name] = value
        elif "" in scope:
            scope[""][name] = value
        return value

    def _node(self, node: dict[str, Any], scope: dict[str, Any]) -> Any:
        kind, body = next(iter(node.items()))
        if kind == "constantValue":
            return body
        if kind == "integerValue":
            return int(body)
        if kind == "arrayValue":
            return [self._node(item, scope) for item in body.get("values", [])]
        if kind == "dictionaryValue":
            return {key: self._node(item, scope) for key, item in body.get("values", {}).items()}
        if kind == "valueReference":
            return self._referred(body, scope)
        if kind == "argumentReference":
            if body not in scope:
                raise ServiceError(f"Invalid expression: unbound argument '{body}'.")
            return scope[body]
        if kind == "functionDefinitionValue":
            return self._function(body, scope)
        if kind == "functionInvocationValue":
            return self._call(body, scope)
        raise ServiceError(f"Values of kind {kind} are not known to this service.")

    def _function(self, body: dict[str, Any], scope: dict[str, Any]) -> Function:
        names = tuple(body.get("argumentNames", []))

        def call(*arguments: Any) -> Any:
            inner = {**scope, **dict(zip(names, arguments, strict=False)), "": {}}
            return self._referred(body["body"], inner)

        return Function(names, call)

    def _call(self, body: dict[str, Any], scope: dict[str, Any]) -> Any:
        nodes = body.get("arguments", {})
        if body.get("functionName") == "If":
            # What is not chosen may be a mistake, and is never looked at.
            chosen = is_true(self._node(nodes["condition"], scope)) if "condition" in nodes else False
            branch = nodes.get("trueCase" if chosen else "falseCase")
            return None if branch is None else self._node(branch, scope)
        given = {name: self._node(item, scope) for name, item in nodes.items()}
        if "functionReference" in body:
            function = self._referred(body["functionReference"], scope)
            return function.call(*(given[name] for name in function.names))
        signature = signatures()[body["functionName"]]
        refused = REFUSED.get(signature.name, ())
        for argument in signature.arguments:
            value = given.get(argument.name)
            if argument.name in refused and value is not None and value != argument.default:
                raise ServiceError(
                    f"{signature.name}: this loopback service does not know the argument '{argument.name}'."
                )
        arguments = []
        for argument in signature.arguments:
            value = given.get(argument.name)
            value = argument.default if value is None else value
            where = f"{signature.name}, argument '{argument.name}'"
            arguments.append(None if value is None else coerce(value, argument.type, where))
        try:
            return self._algorithms[signature.name](*arguments)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
            # What an algorithm here did not foresee is a limit of this service, not a mistake of whoever asks.
            raise ServiceError(
                f"{signature.name}: this loopback service cannot answer for these arguments "
                f"({type(error).__name__}: {error})."
            ) from error

    def _arguments_in(self, name: str) -> frozenset[str]:
        """Names of the function arguments that a value depends on and does not bind itself."""
        if name not in self._free:
            self._free[name] = frozenset()
            self._free[name] = self._free_in(self._nodes[name])
        return self._free[name]

    def _free_in(self, node: dict[str, Any]) -> frozenset[str]:
        kind, body = next(iter(node.items()))
        if kind == "argumentReference":
            return frozenset([body])
        if kind == "valueReference":
            return self._arguments_in(body)
        if kind == "functionDefinitionValue":
            return self._arguments_in(body["body"]) - frozenset(body.get("argumentNames", []))
        free = frozenset().union(*(self._free_in(child) for child in children(node)))
        if kind == "functionInvocationValue" and "functionReference" in body:
            free |= self._arguments_in(body["functionReference"])
        return free
