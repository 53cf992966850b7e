"""A client's JSON schema is looked at before it is worked on."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvalidRequestError
from penstock.request import (
    sampling,
)
from tests.unit.penstock.request.bodies import chat, of_schema, shortened

LIST = {"type": "object", "properties": {"next": {"$ref": "#"}, "value": {"enum": [1]}}}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        LIST,
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": ["string", "null"]}}},
        {"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "null"}]},
        {"properties": {"type": {"type": "string"}, "enum": {"type": "integer"}}},
        {"const": {"type": "banana"}, "default": {"enum": []}, "additionalProperties": False},
    ],
    ids=shortened,
)
def test_a_schema_may_refer_to_itself_in_its_parts(schema: dict[str, Any]) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert sampling(chat(response_format=wanted)).constraint is not None


def test_a_schema_is_no_larger_than_can_be_worked_on() -> None:
    wide: dict[str, Any] = {"allOf": [{}] * 60_000}
    for _ in range(20):
        wide = {"items": wide}
    with pytest.raises(InvalidRequestError, match="parts"):
        chat(response_format=of_schema(wide))
    for reference in ("#/anyOf/" + "9" * 5000, "#/anyOf/" + "9" * 900, "#/anyOf/٣", "#" + "/a" * 100_000):
        with pytest.raises(InvalidRequestError, match="refer"):
            chat(response_format=of_schema({"anyOf": [{"type": "string"}], "$ref": reference}))


def test_a_schema_of_endless_depth_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"items": schema}
    with pytest.raises(InvalidRequestError, match="nested deeper"):
        chat(response_format=of_schema(schema))
    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(1900)} | {"d1900": {}}
    endless = {"$ref": "#/$defs/d0", "$defs": chain}
    with pytest.raises(InvalidRequestError, match="too often"):
        chat(response_format=of_schema(endless))
