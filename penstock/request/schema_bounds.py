"""How much the schemas of one request may ask of a grammar's compiler.

A compiler's time grows with a schema's parts and the text in it, with the square of the properties that an object may
leave out, and with all ways to count them where their number is limited too.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.request.expressions import MAX_PATTERN_WRITTEN_OUT, check_expression
from penstock.request.wrong import wrong

MAX_DEPTH = 32
MAX_PARTS = 2_000
MAX_OPTIONAL = 1_000
MAX_OPTIONAL_OF_ONE = 200
#: Optional properties of an object times how many of them it counts.
MAX_COUNTED = 2_500
MAX_VALUES = 1_000
#: Of names, values and patterns together.
MAX_CHARACTERS = 60_000

#: Keywords whose values' keys are names or expressions that an answer spells out.
_NAMES = ("properties", "patternProperties", "dependentSchemas")


class SchemaBounds:
    """What the schemas of one grammar have in all."""

    def __init__(self) -> None:
        self._parts = 0
        self._optional = 0
        self._values = 0
        self._characters = 0

    def add(self, node: dict[str, Any], param: str) -> None:
        """Take in one more schema, without those in it. Raises InvalidRequestError beyond a bound."""
        self._parts += 1
        _within(self._parts, MAX_PARTS, "parts", param)
        self._add_optional(node, param)
        self._add_texts(node, param)
        for pattern in _patterns(node):
            check_expression(pattern, param, MAX_PATTERN_WRITTEN_OUT)

    def _add_optional(self, node: dict[str, Any], param: str) -> None:
        required = {name for name in _listed(node.get("required")) if isinstance(name, str)}
        optional = len(set(node.get("properties", ())) - required)
        self._optional += optional
        _within(optional, MAX_OPTIONAL_OF_ONE, "properties of one object that are not required", param)
        _within(self._optional, MAX_OPTIONAL, "properties that are not required", param)
        counted = min(max(_count(node, "minProperties"), _count(node, "maxProperties")), optional)
        if optional * counted > MAX_COUNTED:
            raise wrong(
                param,
                f"has a schema that counts {counted} of {optional} properties that are not required: more than this "
                "server works on",
            )

    def _add_texts(self, node: dict[str, Any], param: str) -> None:
        values = [*_listed(node.get("enum")), *([node["const"]] if "const" in node else ())]
        self._values += len(values)
        _within(self._values, MAX_VALUES, "values in enum and const", param)
        self._characters += sum(len(value) if isinstance(value, str) else _encoded(value) for value in values)
        for keyword in _NAMES:
            named = node.get(keyword)
            self._characters += sum(map(len, named)) if isinstance(named, dict) else 0
        pattern = node.get("pattern")
        self._characters += len(pattern) if isinstance(pattern, str) else 0
        _within(self._characters, MAX_CHARACTERS, "characters in its names, values and patterns", param)


def _within(count: int, most: int, of_what: str, param: str) -> None:
    if count > most:
        raise wrong(param, f"has a schema with more than {most} {of_what}")


def _patterns(node: dict[str, Any]) -> list[str]:
    keyed = node.get("patternProperties")
    given = [node.get("pattern"), *(keyed if isinstance(keyed, dict) else ())]
    return [pattern for pattern in given if isinstance(pattern, str)]


def _count(node: dict[str, Any], keyword: str) -> int:
    count = node.get(keyword, 0)
    return count if isinstance(count, int) else 0


def _encoded(value: Any) -> int:
    return len(msgspec.json.encode(value))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
