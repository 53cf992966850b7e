"""Which answers need the engine's own writer."""

from __future__ import annotations

import pytest

from penstock.request import (
    ChatBody,
    CompletionBody,
    is_engine_written,
)
from tests.unit.penstock.request.bodies import TOOLS, chat, completion


@pytest.mark.parametrize(
    ("body", "is_written"),
    [
        (chat(), False),
        (chat(n=1), False),
        (chat(n=2), True),
        (chat(logprobs=True), True),
        (chat(tools=TOOLS), True),
        (chat(tools=TOOLS, tool_choice="none"), False),
        (chat(echo=True), True),
        (chat(return_token_ids=True), True),
        (chat(prompt_logprobs=0), True),
        (chat(stream=True, stream_options={"continuous_usage_stats": True}), True),
        (chat(stream=True, stream_options={"include_usage": True}), False),
        (completion(), False),
        (completion(prompt=[1, 2]), False),
        (completion(prompt=["a"]), True),
        (completion(echo=True), True),
        (completion(logprobs=0), True),
    ],
)
def test_more_than_one_choice_is_engine_written(body: ChatBody | CompletionBody, *, is_written: bool) -> None:
    assert is_engine_written(body) is is_written


def test_a_pool_without_a_parser_answers_in_text_unless_a_call_is_demanded() -> None:
    assert not is_engine_written(chat(tools=TOOLS), calls_tools=False)
    assert is_engine_written(chat(tools=TOOLS, tool_choice="required"), calls_tools=False)
    named = {"type": "function", "function": {"name": "weather"}}
    assert is_engine_written(chat(tools=TOOLS, tool_choice=named), calls_tools=False)
