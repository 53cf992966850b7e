"""Bodies for tests: the smallest there are, with more fields."""

from __future__ import annotations

import json
from typing import Any

from penstock.request import (
    Api,
    ChatBody,
    CompletionBody,
    parse,
)

CHAT: dict[str, Any] = {"model": "sim", "messages": [{"role": "user", "content": "Hi"}]}
COMPLETION: dict[str, Any] = {"model": "sim", "prompt": "Hi"}


def chat(**fields: Any) -> ChatBody:
    body = parse(Api.CHAT, json.dumps(CHAT | fields).encode())
    assert isinstance(body, ChatBody)
    return body


def completion(**fields: Any) -> CompletionBody:
    body = parse(Api.COMPLETION, json.dumps(COMPLETION | fields).encode())
    assert isinstance(body, CompletionBody)
    return body


TOOLS = [{"type": "function", "function": {"name": "weather"}}]


def of_schema(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def shortened(value: Any) -> str:
    """A test's id: the same in every process, which an address is not."""
    return getattr(value, "__name__", str(value))[:40]
