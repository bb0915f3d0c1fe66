"""YAML that means what is written, and takes no longer to read than its length allows."""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

try:
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]
except ImportError:  # PyYAML built without libyaml: the same, slower

    class _Parser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[no-redef]
        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)


MOST_NODES = 400_000
"""Values, lists, mappings and keys, each counted wherever an alias repeats it: an outline of 130,000 corners."""
MOST_LEVELS = 40
_MOST_DIGITS = 18
_TAG = "tag:yaml.org,2002:"
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class PlainLoader(Composer, _Parser, SafeConstructor, Resolver):  # type: ignore[misc]
    """Safe YAML that reads what is written: a key given twice is an error, and only few spellings are not text.

    PyYAML would silently keep the last of two keys, take `NO`, `on` and `y` for true or false, `0123` for an octal and
    `12:30` for a number to the base of 60. Aliases repeat what they name, up to `MOST_NODES` in all.

    Args:
        text: to read.
    """

    def __init__(self, text: str) -> None:
        _Parser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self._level = self._nodes = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Build a node, counting what has been built so far as if no alias had spared anything."""
        event: Any = self.peek_event()
        before = self._nodes
        self._level += 1
        node = super().compose_node(parent, index)
        self._level -= 1
        if not isinstance(event, yaml.AliasEvent):
            self._nodes += 1
            if event.anchor is not None:
                self._sizes[event.anchor] = self._nodes - before
        elif event.anchor in self._sizes:
            self._nodes += self._sizes[event.anchor]
        else:
            raise _error(f"the alias `*{event.anchor}` stands within what it repeats", event)
        if self._nodes > MOST_NODES:
            raise _error(f"more than {MOST_NODES} values by here; long outlines belong in a .geojson file", event)
        return node

    def descend_resolver(self, current_node: yaml.Node | None, current_index: Any) -> None:
        """Called before a node is built, when it is known how deep it stands."""
        if self._level > MOST_LEVELS:
            raise _error("it is nested too deeply here, look for brackets left open", self.peek_event())

    def ascend_resolver(self) -> None:
        """Paths decide nothing here."""

    def construct_scalar(self, node: Any) -> Any:
        """The text of a value, which must be one that can be shown and stored."""
        text = super().construct_scalar(node)
        if _NO_TEXT.search(text):
            raise _error(f"{text[:40]!a} holds a control character or half a character", node)
        return text

    def construct_number(self, node: Any) -> Any:
        """A value that is no text, spelled as its kind is; tags do not make it another."""
        text, kind = self.construct_scalar(node), node.tag.removeprefix(_TAG)
        spelled = self.resolve(yaml.ScalarNode, text, (True, False)).removeprefix(_TAG)
        if spelled != kind and (spelled, kind) != ("int", "float"):
            raise _error(f"`{text[:40]}` is no {kind}", node)
        if kind == "int" and len(text) > _MOST_DIGITS:
            raise _error(f"a number of {len(text)} digits, where {_MOST_DIGITS} are the most", node)
        return _NUMBERS[kind](self, node)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping of text and years, each given once."""
        if not isinstance(node, yaml.MappingNode):
            raise _error("expected a mapping of keys", node)
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if type(key) not in (str, int):
                spelled = f" {key_node.value[:40]}" if isinstance(key_node, yaml.ScalarNode) else ""
                raise _error(f"a mapping here has the key{spelled}, which is no text", key_node)
            if key in seen:
                raise _error(f"the key `{str(key)[:40]}` is given twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _error(problem: str, at: Any) -> ConstructorError:
    return ConstructorError(None, None, problem, at.start_mark)


PlainLoader.yaml_implicit_resolvers = {}
# A spelling, the type it stands for and the characters that it may begin with; all else is text, dates too.
for _type, _spelling, _begins in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)[eE][-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    PlainLoader.add_implicit_resolver(_TAG + _type, re.compile(rf"^(?:{_spelling})$"), _begins)

_NUMBERS = {
    "null": SafeConstructor.construct_yaml_null,
    "bool": SafeConstructor.construct_yaml_bool,
    "int": SafeConstructor.construct_yaml_int,
    "float": SafeConstructor.construct_yaml_float,
}
# No other tag has a meaning: what they make (dates, bytes, sets) is nothing that a study holds.
PlainLoader.yaml_multi_constructors = {}
PlainLoader.yaml_constructors = {
    **{_TAG + kind: PlainLoader.construct_number for kind in _NUMBERS},
    **dict.fromkeys((_TAG + "str", _TAG + "timestamp"), SafeConstructor.construct_yaml_str),
    _TAG + "seq": SafeConstructor.construct_yaml_seq,
    _TAG + "map": SafeConstructor.construct_yaml_map,
    None: SafeConstructor.construct_undefined,
}


def read_plain(text: str) -> Any:
    """What a text says.

    Raises:
        YAMLError: it is not YAML, or more than `PlainLoader` takes.
    """
    return PlainLoader(text).get_single_data()
