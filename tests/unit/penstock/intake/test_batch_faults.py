"""A batch's input, looked at line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.batches.batch import BatchFault
from penstock.intake.batch_input import InputCheck
from penstock.lines import LineSplitter
from penstock.settings import EngineName, ModelSettings, PoolSettings, Settings
from tests.harness.batches import CHAT, chat_line

SETTINGS = Settings(
    models={"sim": ModelSettings(pool="sim")}, pools={"sim": PoolSettings(engine=EngineName.SIMULATED, slots=4)}
)


def faults_of(*lines: dict[str, Any]) -> list[BatchFault]:
    check, splitter = InputCheck(SETTINGS, "sim", CHAT), LineSplitter(SETTINGS.ingress.max_body_bytes)
    text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    for line in [*splitter.feed(text), *splitter.end()]:
        check.take(line)
    return list(check.faults)


def test_a_line_without_mistakes_is_fine() -> None:
    assert faults_of(chat_line("a"), chat_line("b")) == []


@pytest.mark.parametrize(
    ("field", "sent", "said"), [("custom_id", None, "null"), ("method", None, "null"), ("url", 5.0, "a number")]
)
def test_a_field_of_another_type_is_named(field: str, sent: Any, said: str) -> None:
    (fault,) = faults_of({**chat_line("a"), field: sent})
    assert (fault.param, fault.message) == (field, f"{field} must be a text, not {said}.")


def test_no_mistake_is_as_long_as_what_was_sent() -> None:
    """A record keeps a hundred of them, and a line may be of megabytes."""
    long = "x" * 100_000
    lines = [
        {**chat_line("a"), long: 1},
        chat_line(long),
        {**chat_line("b"), "method": long},
        {**chat_line("c"), "url": f"/{long}"},
        chat_line("d", model=long),
        chat_line("e", response_format={"type": long}),
        chat_line("f", tool_choice=long),
        {**chat_line("g"), "body": {"model": "sim", "messages": [{"role": "user", "content": [{"type": long}]}]}},
    ]
    found = faults_of(*lines)
    assert [fault.line for fault in found] == list(range(1, len(lines) + 1))
    assert all(len(fault.message) + len(fault.param or "") < 1000 for fault in found)
