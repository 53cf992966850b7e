from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import InvalidRequestError
from penstock.request.limits import MAX_INPUT_ITEMS
from penstock.request.responses import Messages

TEXT = st.text(max_size=8)
#: An answer's output as the model gives it, and what the client sends between.
REASONING = st.builds(lambda text: {"type": "reasoning", "content": [{"type": "reasoning_text", "text": text}]}, TEXT)
SAID = st.builds(lambda text: {"role": "assistant", "content": text}, TEXT)
OTHER = st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "developer"]), TEXT)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Items of which each call is answered somewhere after it."""
    items = draw(st.lists(st.one_of(REASONING, SAID, OTHER), max_size=8))
    for number in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(items)))
        call = {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}"}
        items.insert(at, call)
        output = {"type": "function_call_output", "call_id": f"c{number}", "output": draw(TEXT)}
        items.insert(draw(st.integers(at + 1, len(items))), output)
    return items


def messages(*items: dict[str, Any]) -> list[dict[str, Any]]:
    found = Messages()
    found.add_items(items, "input")
    return found.messages


@given(conversations())
def test_nothing_said_is_lost_or_out_of_order(items: list[dict[str, Any]]) -> None:
    found = Messages()
    found.add_items(items, "input")

    assert joined([part for message in found.messages for part in parts_of(message)]) == joined(
        [part for item in items for part in parts_of_item(item)]
    )
    assert len(found.origins) == len(found.messages)


@given(conversations(), st.integers(0, 20))
def test_a_conversation_in_two_halves_differs_only_in_where_turns_are_joined(
    items: list[dict[str, Any]], cut: int
) -> None:
    """A previous response's messages and new items: the same words as all of it at once."""
    first = Messages()
    first.add_items(items[:cut], "input")
    second = Messages(first.messages)
    second.add_items(items[cut:], "input")

    def said(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
        return joined([part for message in found for part in parts_of(message)])

    assert said(second.messages) == said(messages(*items))


@given(conversations())
def test_every_message_comes_from_an_item(items: list[dict[str, Any]]) -> None:
    found = Messages()
    found.add_items(items, "input")

    assert found.origins == sorted(found.origins, key=lambda origin: int(origin[6:-1]))
    assert set(found.origins) <= {f"input[{index}]" for index in range(len(items))}


def test_what_the_model_did_in_one_turn_is_one_message() -> None:
    found = messages(
        {"role": "user", "content": "Weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
        {"type": "function_call", "call_id": "a", "name": "weather", "arguments": '{"at": "Bern"}'},
        {"type": "function_call", "call_id": "b", "name": "weather", "arguments": '{"at": "Thun"}'},
        {"type": "function_call_output", "call_id": "a", "output": "rain"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "sun"}]},
    )

    assert [message["role"] for message in found] == ["user", "assistant", "tool", "tool"]
    assert found[1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "Let me see."}],
        "reasoning": "Hm.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"at": "Bern"}'}},
            {"id": "b", "type": "function", "function": {"name": "weather", "arguments": '{"at": "Thun"}'}},
        ],
    }
    assert found[3] == {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "sun"}]}


def test_reasoning_that_only_its_maker_can_read_is_left_out() -> None:
    assert messages({"type": "reasoning", "summary": [], "encrypted_content": "x"}) == []


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({}, "input[0].type"),
        ({"type": "item_reference", "id": "msg_1"}, "input[0].type"),
        ({"type": "web_search_call"}, "input[0].type"),
        ({"type": []}, "input[0].type"),
        ({"role": "tool", "content": "x"}, "input[0].role"),
        ({"role": ["user"], "content": "x"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"role": "user", "content": 7}, "input[0].content"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}, "input[0].content[0]"),
        ({"role": "user", "content": ["x"]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[0].content[0].text"),
        ({"type": "reasoning", "content": "x"}, "input[0].content"),
        ({"type": "reasoning", "content": [{"type": "text", "text": "x"}]}, "input[0].content[0]"),
        ({"type": "function_call", "name": "f", "arguments": "{}"}, "input[0].call_id"),
        ({"type": "function_call", "name": "f", "arguments": {}, "call_id": "c"}, "input[0].arguments"),
        ({"type": "function_call_output", "call_id": "c", "output": "x"}, "input[0].call_id"),
        ({"type": "function_call_output", "output": "x"}, "input[0].call_id"),
    ],
)
def test_what_is_wrong_with_an_item_is_told_by_its_place(item: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        messages(item)
    assert error.value.param == param
    assert error.value.message.startswith(param)


def parts_of(message: dict[str, Any]) -> list[tuple[str, str]]:
    """Everything in a message that an item brought, in the items' order."""
    role = message["role"]
    found = [("reasoning", message["reasoning"])] if message.get("reasoning") else []
    if message["content"] is not None and (role != "assistant" or message["content"]):
        found.append((role, message["content"]))
    return found + [("call", call["id"]) for call in message.get("tool_calls", ())]


def joined(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Reasoning in a row as one: a message has one field for it."""
    found: list[tuple[str, str]] = []
    for kind, text in parts:
        goes_on = kind == "reasoning" and bool(found) and found[-1][0] == kind
        found.append((kind, found.pop()[1] + text if goes_on else text))
    return found


def parts_of_item(item: dict[str, Any]) -> list[tuple[str, str]]:
    kind = item.get("type")
    if kind == "reasoning":
        text = item["content"][0]["text"]
        return [("reasoning", text)] if text else []
    if kind == "function_call":
        return [("call", item["call_id"])]
    if kind == "function_call_output":
        return [("tool", item["output"])]
    return [(item["role"], item["content"])] if item["role"] != "assistant" or item["content"] else []


def test_reasoning_of_thousands_of_items_is_joined_at_once() -> None:
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "x" * 1000}]}
    begun_s = time.perf_counter()
    (found,) = messages(*[thought] * MAX_INPUT_ITEMS)

    assert found["reasoning"] == "x" * 1000 * MAX_INPUT_ITEMS
    # Joined one by one they are copied again each time, 8 GB in all.
    assert time.perf_counter() - begun_s < 0.5
