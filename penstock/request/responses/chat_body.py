"""The chat request that a worker gets for a request to `/v1/responses`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from penstock.errors import ApiError
from penstock.request.body import Api, ChatBody
from penstock.request.parsing import parse
from penstock.request.responses.body import ResponsesBody, TextFormat
from penstock.request.responses.items import Messages
from penstock.request.responses.naming import renamed
from penstock.request.responses.parsing import ResponsesRequest


class ChatRequest(Struct, frozen=True):
    """A body as the chat endpoint takes it, checked."""

    raw: bytes
    body: ChatBody


def as_chat(asked: ResponsesRequest, history: Sequence[dict[str, Any]] = ()) -> ChatRequest:
    """The chat request of a request that goes on from these messages.

    Raises InvalidRequestError naming the field as the client sent it.
    """
    body = asked.body
    messages = _conversation(body, history)
    raw = msgspec.json.encode({**_fields(body), "messages": messages.messages, **asked.passed_on})
    try:
        chat = parse(Api.CHAT, raw)
    except ApiError as error:
        raise renamed(error, messages.origins) from None
    if not isinstance(chat, ChatBody):  # pragma: no cover - for the type checker
        raise TypeError
    return ChatRequest(raw, chat)


def _conversation(body: ResponsesBody, history: Sequence[dict[str, Any]]) -> Messages:
    past = list(history)
    if body.instructions is None:
        found = Messages(past, "previous_response_id")
    else:
        found = Messages([{"role": "system", "content": body.instructions}, *past], "previous_response_id")
        found.origins[0] = "instructions"
    if isinstance(body.input, str):
        found.add_text("user", body.input, "input")
    else:
        found.add_items(body.input, "input")
    return found


def _fields(body: ResponsesBody) -> dict[str, Any]:
    """All but the messages; what was not asked for is left out."""
    fields: dict[str, Any] = {
        "model": body.model,
        "max_completion_tokens": body.max_output_tokens,
        "parallel_tool_calls": body.parallel_tool_calls,
        "reasoning_effort": body.reasoning.effort if body.reasoning else None,
        "response_format": _response_format(body.text.format if body.text else None),
        "service_tier": body.service_tier,
        "store": None if body.is_stored else False,
        "temperature": body.temperature,
        "tools": [_tool(tool) for tool in body.tools or ()] or None,
        "tool_choice": _tool_choice(body.tool_choice),
        "top_p": body.top_p,
    }
    if body.tells_logprobs:
        fields |= {"logprobs": True, "top_logprobs": body.top_logprobs}
    return {name: value for name, value in fields.items() if value is not None}


def _response_format(wanted: TextFormat | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if wanted.type != "json_schema":
        return {"type": wanted.type}
    described = {
        "name": wanted.name,
        "schema": wanted.schema,
        "strict": wanted.strict,
        "description": wanted.description,
    }
    return {
        "type": wanted.type,
        "json_schema": {name: value for name, value in described.items() if value is not None},
    }


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {name: tool[name] for name in names if tool.get(name) is not None}}


def _tool_choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    return {"type": "function", "function": {"name": choice["name"]}} if isinstance(choice, dict) else choice
