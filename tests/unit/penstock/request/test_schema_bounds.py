"""What a grammar's compiler would take seconds or gigabytes for is refused by its structure; what people use is not."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvalidRequestError
from tests.unit.penstock.request.bodies import chat, of_schema, shortened

TEXT = {"type": "string"}


def record(names: int, *, required: int = 0, of: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {f"property_{number}": of or TEXT for number in range(names)}
    return {"type": "object", "properties": properties, "required": list(properties)[:required]}


def forked(depth: int) -> dict[str, Any]:
    """Either of two at each level: twice the size with each."""
    return TEXT if depth == 0 else {"oneOf": [forked(depth - 1), {"properties": {"a": forked(depth - 1)}}]}


def nested(depth: int) -> dict[str, Any]:
    return record(5, required=5) if depth == 0 else record(1, of=nested(depth - 1))


HONEST = {
    "200 properties that must be there": record(200, required=200),
    "200 properties that may be there": record(200),
    "an interface's description": record(20, required=20, of=record(40, required=20)),
    "8 levels": nested(8),
    "500 values": {"enum": [f"a value with some words in it, {number}" for number in range(500)]},
    "500 constants": {"anyOf": [{"const": number, "description": "many words " * 50} for number in range(500)]},
    "kinds of records": {"oneOf": [record(10, required=5) for _ in range(50)]},
    "a long text": {"type": "string", "minLength": 1, "maxLength": 100_000},
    "at least one": {**record(100), "minProperties": 1},
}
HOSTILE = {
    "parts": forked(11),
    "more of them": record(2_001, required=2_001),
    "of one object that are not required": record(2_000),
    "properties that are not required": record(20, of=record(60), required=20),
    "counts 60 of 100": {**record(100), "minProperties": 50, "maxProperties": 60},
    "values": {"enum": list(range(100_000))},
    "characters": {"enum": [f"{number} " * 40 for number in range(900)]},
    "characters in its names": {"properties": {"x" * 70_000: TEXT}},
    "deeper than 32": nested(33),
    "written out": {"type": "string", "pattern": "^([a-z]{1,100}-){1,100}$"},
    "(?=": {"type": "string", "pattern": "^(?=.*[0-9]).{8,20}$"},
    "(?!": {"type": "object", "patternProperties": {"^(?!x)": TEXT}},
}


@pytest.mark.parametrize("schema", HONEST.values(), ids=HONEST)
def test_what_people_ask_for_is_within_the_bounds(schema: dict[str, Any]) -> None:
    assert chat(response_format=of_schema(schema)).response_format is not None


@pytest.mark.parametrize("what", HOSTILE)
def test_a_bound_says_what_is_too_much(what: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        chat(response_format=of_schema(HOSTILE[what]))
    assert caught.value.param == "response_format"
    assert (what if what != "more of them" else "parts") in caught.value.message


@pytest.mark.parametrize(
    "wanted",
    [
        {"choice": [f"choice {number} {'word ' * 20}" for number in range(900)]},
        {"choice": ["x"] * 100_000},
        {"grammar": "root ::= " + " | ".join(f'"{number}"' for number in range(20_000))},
        {"regex": "((a|b|c){1,100}){1,100}"},
        {"regex": "(?<!a)b"},
        {"json": record(2_000)},
    ],
    ids=shortened,
)
def test_the_other_kinds_have_bounds_too(wanted: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        chat(structured_outputs=wanted)
    assert caught.value.param == "structured_outputs"


def tool(number: int, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": f"tool_{number}", "parameters": parameters}}


def test_all_tools_count_together() -> None:
    assert chat(tools=[tool(number, record(10, required=5)) for number in range(100)]).tools is not None
    with pytest.raises(InvalidRequestError) as caught:
        chat(tools=[tool(number, record(100, required=100)) for number in range(30)])
    assert caught.value.param == "tools[19].function.parameters"
    with pytest.raises(InvalidRequestError, match="tools must have at most 128 items"):
        chat(tools=[tool(number, {}) for number in range(129)])
