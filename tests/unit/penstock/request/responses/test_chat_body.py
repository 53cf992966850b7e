from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import ApiError, ContextLengthError, InvalidRequestError
from penstock.request.limits import MAX_CONTENT_PARTS
from penstock.request.responses import as_chat, parse_responses, renamed

BODY: dict[str, Any] = {"model": "sim", "input": "Hi"}
TOOL: dict[str, Any] = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}


def chat(history: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """The chat request of a request with these fields."""
    asked = parse_responses(json.dumps(BODY | fields).encode())
    found: dict[str, Any] = json.loads(as_chat(asked, history or []).raw)
    return found


def parts_of(count: int) -> list[dict[str, Any]]:
    """A conversation with so many parts: of a text, of an answer, of reasoning and of a tool's output."""
    told: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "input_text", "text": ""}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": ""}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": ""}]},
    ]
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "x"}] * (count - 3)}
    return [*told, thought]


def test_the_parts_of_all_items_are_counted_before_any_becomes_a_message() -> None:
    assert len(chat(input=parts_of(MAX_CONTENT_PARTS))["messages"]) == 4
    with pytest.raises(InvalidRequestError, match="input has at most 8192 parts together") as error:
        parse_responses(json.dumps(BODY | {"input": parts_of(MAX_CONTENT_PARTS + 1)}).encode())

    assert error.value.param == "input"


def test_a_text_is_the_users() -> None:
    assert chat() == {"model": "sim", "messages": [{"role": "user", "content": "Hi"}]}


def test_instructions_stand_in_front_and_past_ones_are_gone() -> None:
    past = [{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"}]

    assert chat(past, instructions="Be brief.")["messages"] == [
        {"role": "system", "content": "Be brief."},
        *past,
        {"role": "user", "content": "Hi"},
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_output_tokens": 7}, {"max_completion_tokens": 7}),
        ({"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5, "top_p": 0.5}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "name": "weather"}, "parallel_tool_calls": False},
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "weather", "parameters": {"type": "object"}, "strict": True},
                    }
                ],
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "parallel_tool_calls": False,
            },
        ),
        ({"tools": []}, {}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"include": ["reasoning.encrypted_content"]}, {}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
        ({"store": False}, {"store": False}),
        ({"store": True, "background": True, "stream": True, "metadata": {"a": "b"}, "user": "me"}, {}),
        (
            {"seed": 3, "top_k": 5, "stop": ["x"], "min_tokens": 1},
            {"seed": 3, "top_k": 5, "stop": ["x"], "min_tokens": 1},
        ),
        ({"truncation": "disabled", "n": 1, "max_tool_calls": 3, "instructions": None}, {}),
    ],
    ids=",".join,
)
def test_each_field_has_its_place(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    found = chat(**fields)
    del found["messages"], found["model"]
    assert found == expected


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": [{"role": "user", "content": "x"}] * 4097}, "input"),
        ({"model": None}, "model"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"min_tokens": 9, "max_output_tokens": 8}, "min_tokens"),
        ({"temperature": 9}, "temperature"),
        ({"background": True, "store": False}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"include": ["everything"]}, "include[0]"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"reasoning": {"summary": "detailed"}}, "reasoning.summary"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}, "text.format.name"),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "?"}}}}, "text.format"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [TOOL, {"type": "function", "function": {"name": "x"}}]}, "tools[1].name"),
        ({"tools": [{**TOOL, "parameters": {"type": "?"}}]}, "tools[0].parameters"),
        ({"tools": [{**TOOL, "parameters": 7}]}, "tools[0].parameters"),
        ({"tools": [{**TOOL, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "other"}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"messages": [{"role": "user", "content": "x"}]}, "messages"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"response_format": {"type": "text"}}, "response_format"),
        ({"n": 2}, "n"),
        ({"structured_outputs": {}}, "structured_outputs"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_what_is_wrong_is_told_by_the_name_that_was_sent(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        chat(**fields)
    assert error.value.param is not None
    assert error.value.param.startswith(param)
    # A name of ours; those of what may be included begin with it.
    told = error.value.message.replace("messages is not offered", "").replace(" message.", "")
    assert "message" not in told
    assert "max_completion_tokens" not in error.value.message


def test_what_nobody_knows_is_named() -> None:
    raw = json.dumps(BODY | {"temprature": 1, "store": True, "seed": 1, "prompt_cache_key": "x"}).encode()
    assert parse_responses(raw).ignored == ["temprature"]


@pytest.mark.parametrize(
    ("param", "origins", "expected"),
    [
        ("messages", (), "input"),
        ("messages[1].content[0]", ("instructions", "input[0]"), "input[0].content[0]"),
        ("messages[0].content", ("instructions", "input[0]"), "instructions"),
        ("messages[0].content", ("previous_response_id", "input[0]"), "previous_response_id"),
        ("messages[7].content", (), "input"),
        ("max_completion_tokens", (), "max_output_tokens"),
        ("tools[3].function.parameters", (), "tools[3].parameters"),
        ("response_format", (), "text.format"),
        ("temperature", (), "temperature"),
        ("tools", (), "tools"),
        (None, (), None),
    ],
)
def test_a_chats_errors_get_our_names(param: str | None, origins: tuple[str, ...], expected: str | None) -> None:
    error = renamed(ContextLengthError(f"{param} is too long.", param=param), origins)
    assert isinstance(error, ContextLengthError)
    assert (error.param, error.message) == (expected, f"{expected} is too long.")


def test_an_error_keeps_its_kind() -> None:
    class OtherError(ApiError):
        status = 418

    assert renamed(OtherError("x", param="messages", retry_after_s=7)).retry_after_s == 7
