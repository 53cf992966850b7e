"""Whether a client's JSON schema can be worked on at all: the rest is the grammar compiler's to judge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.errors import InvalidRequestError
from penstock.request.schema_bounds import MAX_DEPTH, SchemaBounds

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
#: A list in a schema that keeps within its bounds is never longer.
_MAX_INDEX_DIGITS = 5
_MAX_REFERENCE_CHARACTERS = 1000
#: Keywords whose values are schemas of the same value, not of a part of it.
_SAME_VALUE = ("allOf", "anyOf", "oneOf")
#: Keywords whose value is data, and looks like a schema by chance only.
_DATA = frozenset({"const", "default", "enum", "examples"})
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})

Schema = dict[str, Any]


def check_schema(schema: Any, param: str, bounds: SchemaBounds | None = None) -> None:
    """Raise InvalidRequestError for what is no JSON schema, is too large, or refers to itself without end.

    `bounds` has counted the other schemas of the same grammar.
    """
    try:
        _Check(schema, param, bounds or SchemaBounds()).run()
    except RecursionError:
        raise InvalidRequestError(f"The schema in {param} refers from part to part too often.", param=param) from None


class _Check:
    def __init__(self, root: Any, param: str, bounds: SchemaBounds) -> None:
        self._root = root
        self._param = param
        self._bounds = bounds

    def run(self) -> None:
        if not isinstance(self._root, dict):
            raise self._wrong("must be an object")
        for node in self._nodes(self._root, 0):
            self._check_node(node)
            self._bounds.add(node, self._param)
        settled: set[int] = set()
        for node in self._nodes(self._root, 0):
            self._check_ends(node, (), settled)

    def _nodes(self, node: Any, depth: int) -> Iterator[Schema]:
        """Every schema in it, itself first."""
        if depth > MAX_DEPTH:
            raise self._wrong(f"is nested deeper than {MAX_DEPTH} levels")
        if not isinstance(node, dict):
            return
        yield node
        for key, value in node.items():
            if key in _DATA:
                continue
            inner = value.values() if key in _NAMED and isinstance(value, dict) else _listed(value)
            for part in inner:
                yield from self._nodes(part, depth + 1)

    def _check_node(self, node: Schema) -> None:
        kind = node.get("type", "object")
        if not all(isinstance(one, str) and one in _TYPES for one in (kind if isinstance(kind, list) else [kind])):
            raise self._wrong(f"has an unknown type: {str(kind)[:60]!r}")
        if "enum" in node and not (isinstance(node["enum"], list) and node["enum"]):
            raise self._wrong("has an enum without values")
        if not isinstance(node.get("pattern", ""), str):
            raise self._wrong("has a pattern that is no string")
        if not isinstance(node.get("properties", {}), dict):
            raise self._wrong("has properties that are no object")
        for key in _SAME_VALUE:
            if key in node and not (isinstance(node[key], list) and node[key]):
                raise self._wrong(f"has an {key} without schemas")

    def _check_ends(self, node: Schema, path: tuple[int, ...], settled: set[int]) -> None:
        """Refuse a schema that is a reference to itself: it describes nothing, and a compiler would never end."""
        if id(node) in settled:
            return
        if id(node) in path:
            raise self._wrong("refers to itself without end")
        for same in self._same_value(node):
            self._check_ends(same, (*path, id(node)), settled)
        settled.add(id(node))

    def _same_value(self, node: Schema) -> Iterator[Schema]:
        if "$ref" in node:
            yield self._target(node["$ref"])
        for key in _SAME_VALUE:
            yield from (one for one in node.get(key, ()) if isinstance(one, dict))

    def _target(self, reference: Any) -> Schema:
        """The schema that a `$ref` of this document names (RFC 6901)."""
        if (
            not isinstance(reference, str)
            or not reference.startswith("#")
            or len(reference) > _MAX_REFERENCE_CHARACTERS
        ):
            raise self._wrong("may refer with $ref to a part of itself only, as in '#/$defs/name'")
        node: Any = self._root
        for step in filter(None, reference[1:].split("/")):
            key = step.replace("~1", "/").replace("~0", "~")
            node = _item(node, key) if isinstance(node, list) else node.get(key) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise self._wrong(f"refers to {reference[:60]!r}, which is not in it")
        return node

    def _wrong(self, what: str) -> InvalidRequestError:
        return InvalidRequestError(f"The schema in {self._param} {what}.", param=self._param)


def _item(items: list[Any], key: str) -> Any:
    is_index = key.isascii() and key.isdecimal() and len(key) <= _MAX_INDEX_DIGITS
    return items[int(key)] if is_index and int(key) < len(items) else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
