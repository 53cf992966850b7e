"""A body's values are counted before any of them is made."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import InvalidRequestError
from penstock.request import Api, check_size, parse
from penstock.request.limits import (
    MAX_ALLOWED_TOKENS,
    MAX_ARGUMENT_VALUES,
    MAX_BAD_WORD_CHARACTERS,
    MAX_BAD_WORDS,
    MAX_CONTAINERS,
    MAX_CONTENT_PARTS,
    MAX_DOCUMENTS,
    MAX_GENERATIONS,
    MAX_MESSAGES,
    MAX_PROMPTS,
    MAX_STOP_CHARACTERS,
    MAX_STOP_TOKENS,
    MAX_STRINGS,
    MAX_TEMPLATE_DEPTH,
    MAX_TEMPLATE_VALUES,
    MAX_TOOL_CALLS,
    MAX_TOOLS,
    MAX_VALUES,
)
from tests.unit.penstock.request.bodies import CHAT, COMPLETION, chat, completion, shortened

#: Far from what is allowed for a decision, and from what it takes without bounds.
_AT_ONCE_S = 0.5
TOO_MUCH: dict[str, tuple[Api, dict[str, Any]]] = {
    "messages without content": (Api.CHAT, {"messages": [{"role": "user"}] * 200_000}),
    "empty messages": (Api.CHAT, {"messages": [{}] * 1_000_000}),
    "empty parts": (Api.CHAT, {"messages": [{"role": "user", "content": [""] * 1_000_000}]}),
    "one-token prompts": (Api.COMPLETION, {"prompt": [[1]] * 690_000}),
    "text prompts": (Api.COMPLETION, {"prompt": ["a"] * 1_000_000}),
    "stop strings": (Api.CHAT, {"stop": ["a"] * 1_000_000}),
    "strings that end in a backslash": (Api.CHAT, {"stop": ["\\"] * 600_000}),
    "metadata": (Api.CHAT, {"metadata": {str(number): [] for number in range(200_000)}}),
    "a field that nobody knows": (Api.CHAT, {"x": [[]] * 1_000_000}),
    "a number with a fraction before it": (Api.CHAT, {"max_tokens": 5.0, "x": [[]] * 1_000_000}),
    "numbers": (Api.CHAT, {"stop_token_ids": [1] * (MAX_VALUES + 3)}),
    "template values": (Api.CHAT, {"chat_template_kwargs": {str(number): [] for number in range(300_000)}}),
}


def call(arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "arguments": arguments}}


def said(content: Any, count: int = 1) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}] * count


def calling(*calls: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "assistant", "tool_calls": list(calls)}]


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


TOOL = {"type": "function", "function": {"name": "f"}}
#: The most that is taken, what one more is, and the field that is named.
BOUNDS: list[tuple[Any, dict[str, Any], dict[str, Any], str]] = [
    (chat, {"messages": said("x", MAX_MESSAGES)}, {"messages": said("x", MAX_MESSAGES + 1)}, "messages"),
    (chat, {"messages": said(["x"] * MAX_CONTENT_PARTS)}, {"messages": said(["x"] * MAX_CONTENT_PARTS, 2)}, "messages"),
    (
        chat,
        {"messages": calling(*[call()] * MAX_TOOL_CALLS)},
        {"messages": calling(*[call()] * (MAX_TOOL_CALLS + 1))},
        "messages",
    ),
    (
        chat,
        {"messages": calling(call(json.dumps([1] * (MAX_ARGUMENT_VALUES - 1))))},
        {"messages": calling(*[call(json.dumps([1] * (MAX_ARGUMENT_VALUES // 2 + 1)))] * 2)},
        "messages",
    ),
    (chat, {"tools": [TOOL] * MAX_TOOLS}, {"tools": [TOOL] * (MAX_TOOLS + 1)}, "tools"),
    (chat, {"documents": [{}] * MAX_DOCUMENTS}, {"documents": [{}] * (MAX_DOCUMENTS + 1)}, "documents"),
    (
        chat,
        {"chat_template_kwargs": {"a": [1] * (MAX_TEMPLATE_VALUES - 1)}},
        {"chat_template_kwargs": {"a": [1] * MAX_TEMPLATE_VALUES}},
        "chat_template_kwargs",
    ),
    (
        chat,
        {"chat_template_kwargs": nested(MAX_TEMPLATE_DEPTH)},
        {"chat_template_kwargs": nested(MAX_TEMPLATE_DEPTH + 1)},
        "chat_template_kwargs",
    ),
    (
        chat,
        {"structured_outputs": {"json": json.dumps({"examples": [1] * MAX_VALUES})}},
        {"structured_outputs": {"json": json.dumps({"examples": [1] * (MAX_VALUES + 2)})}},
        "structured_outputs",
    ),
    (chat, {"stop": ["x" * MAX_STOP_CHARACTERS]}, {"stop": ["x" * MAX_STOP_CHARACTERS, "y"]}, "stop"),
    (
        chat,
        {"stop_token_ids": [1] * MAX_STOP_TOKENS},
        {"stop_token_ids": [1] * (MAX_STOP_TOKENS + 1)},
        "stop_token_ids",
    ),
    (
        chat,
        {"allowed_token_ids": [1] * MAX_ALLOWED_TOKENS},
        {"allowed_token_ids": [1] * (MAX_ALLOWED_TOKENS + 1)},
        "allowed_token_ids",
    ),
    (chat, {"bad_words": ["x"] * MAX_BAD_WORDS}, {"bad_words": ["x"] * (MAX_BAD_WORDS + 1)}, "bad_words"),
    (
        chat,
        {"bad_words": ["x" * MAX_BAD_WORD_CHARACTERS]},
        {"bad_words": ["x" * MAX_BAD_WORD_CHARACTERS, "y"]},
        "bad_words",
    ),
    (completion, {"prompt": ["x"] * MAX_PROMPTS}, {"prompt": ["x"] * (MAX_PROMPTS + 1)}, "prompt"),
    (completion, {"prompt": [[1]] * MAX_PROMPTS}, {"prompt": [[1]] * (MAX_PROMPTS + 1)}, "prompt"),
    (
        completion,
        {"prompt": ["x"] * (MAX_GENERATIONS // 2), "n": 2},
        {"prompt": ["x"] * (MAX_GENERATIONS // 2), "n": 3},
        "n",
    ),
]


@pytest.mark.parametrize(("api", "fields"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_holds_too_much_is_refused_before_it_is_decoded(api: Api, fields: dict[str, Any]) -> None:
    raw = json.dumps((CHAT if api is Api.CHAT else COMPLETION) | fields, separators=(",", ":")).encode()
    begun_s = time.perf_counter()
    with pytest.raises(InvalidRequestError, match="holds more than"):
        parse(api, raw)
    assert time.perf_counter() - begun_s < _AT_ONCE_S


@pytest.mark.parametrize(("make", "most", "more", "param"), BOUNDS, ids=shortened)
def test_a_bound_is_what_is_taken_and_no_more(
    make: Any, most: dict[str, Any], more: dict[str, Any], param: str
) -> None:
    make(**most)
    with pytest.raises(InvalidRequestError) as error:
        make(**more)
    assert error.value.param == param


def test_text_is_no_structure_however_it_looks() -> None:
    check_size(json.dumps(["[{," * 1_000_000]).encode())
    check_size(json.dumps([json.dumps([{"a": 'b"'}] * 200_000)]).encode())
    check_size(json.dumps(["\\" * 1_000_000 + '"[{,' * 200_000]).encode())


def test_a_prompt_of_a_million_tokens_is_no_rarity() -> None:
    ids = list(range(100_000, 700_000))
    assert completion(prompt=ids).prompt == ids


Json = st.recursive(
    st.none() | st.integers() | st.text('\\"[{,a', max_size=4),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text('\\"[a', max_size=3), inner, max_size=5),
    max_leaves=20,
)


def containers(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return int(isinstance(value, list | dict)) + sum(map(containers, inner))


@given(unit=Json)
def test_the_count_is_that_of_what_would_be_decoded(unit: Any) -> None:
    """Repeated until it is about too much: taken up to the bound, refused above."""
    each = containers(unit)
    if not each:
        return
    most = (MAX_CONTAINERS - 1) // each
    written = json.dumps(unit)
    room = " " * (2 * MAX_CONTAINERS)
    if most * written.count('"') <= MAX_STRINGS:
        check_size(f"[{','.join([written] * most)}]{room}".encode())
    with pytest.raises(InvalidRequestError):
        check_size(f"[{','.join([written] * (most + 1))}]{room}".encode())
