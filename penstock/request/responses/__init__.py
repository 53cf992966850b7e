"""What a client may ask of `/v1/responses`, and the chat request that it is to a worker."""

from __future__ import annotations

from penstock.request.responses.body import ReasoningConfig, ResponsesBody
from penstock.request.responses.chat_body import ChatRequest, as_chat
from penstock.request.responses.items import Messages, kind_of
from penstock.request.responses.naming import renamed
from penstock.request.responses.parsing import ResponsesRequest, parse_responses, read_responses

__all__ = [
    "ChatRequest",
    "Messages",
    "ReasoningConfig",
    "ResponsesBody",
    "ResponsesRequest",
    "as_chat",
    "kind_of",
    "parse_responses",
    "read_responses",
    "renamed",
]
