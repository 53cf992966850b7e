from __future__ import annotations

import copy
from typing import Any

import pytest

from penstock.errors import InvalidRequestError
from penstock.text.chat.messages import prepared


def one(**fields: Any) -> dict[str, Any]:
    [message] = prepared([{"role": "assistant", **fields}])
    return message


def call(arguments: Any) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": "weather", "arguments": arguments}}


def test_what_says_nothing_is_dropped() -> None:
    empty: list[dict[str, Any]] = [
        {"tool_calls": None, "refusal": None, "function_call": None, "audio": None},
        {"tool_calls": [], "function_call": {}},
        {},
    ]
    assert [one(content="Hi", **fields) for fields in empty] == [{"role": "assistant", "content": "Hi"}] * 3


def test_missing_content_is_empty() -> None:
    assert [one()["content"], one(content=None)["content"], one(content=None, tool_calls=[call("{}")])["content"]] == [
        "",
        "",
        "",
    ]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_an_earlier_answers_reasoning_has_both_names(name: str) -> None:
    message = one(content="Hi", **{name: "Hm."})
    assert (message["reasoning"], message["reasoning_content"]) == ("Hm.", "Hm.")


NO_OBJECTS: list[Any] = ["", "{bad", "[1]", "null", "5", '"text"', "[" * 100_000, "9" * 5000, None, [1], 5, {}]


@pytest.mark.parametrize("arguments", ['{"city": "Bern"}', {"city": "Bern"}])
def test_arguments_are_an_object(arguments: Any) -> None:
    assert one(tool_calls=[call(arguments)])["tool_calls"] == [call({"city": "Bern"})]


@pytest.mark.parametrize("arguments", NO_OBJECTS)
def test_arguments_that_are_no_object_are_empty(arguments: Any) -> None:
    assert one(tool_calls=[call(arguments)])["tool_calls"] == [call({})]


def test_parts_that_are_text_have_one_form() -> None:
    parts: list[Any] = [
        "one",
        {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}},
        {"type": "refusal", "refusal": "three"},
        {"type": "output_text", "text": "four"},
        {"type": "thinking", "thinking": "five"},
    ]
    seen = one(content=parts)["content"]
    assert [part["type"] for part in seen] == ["text"] * 5
    assert [part["text"] for part in seen] == ["one", "two", "three", "four", "five"]
    assert seen[1]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    "part", [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text"}, {}, 7, {"type": []}]
)
def test_anything_but_text_is_refused_with_its_place(part: object) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        prepared([{"role": "user", "content": "fine"}, {"role": "user", "content": ["fine", part]}])
    assert refused.value.param == "messages[1].content[1]"


def test_the_messages_themselves_stay_as_they_are() -> None:
    message = {"role": "assistant", "content": ["x"], "reasoning": "Hm.", "tool_calls": [call("{}")], "refusal": None}
    before = copy.deepcopy(message)
    prepared([message])
    assert message == before
