"""Whole answers: what a request without `stream` gets, and what a finished job keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.answers.chunks import Envelope, usage
from penstock.request import Api

if TYPE_CHECKING:
    from penstock.frames import End


def whole_answer(envelope: Envelope, text: str, end: End) -> dict[str, Any]:
    """The `chat.completion` or `text_completion` object of one choice of plain text."""
    is_chat = envelope.api is Api.CHAT
    content: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
    choice = {
        "index": 0,
        **content,
        "logprobs": None,
        "finish_reason": end.finish_reason,
        "stop_reason": end.stop_reason,
    }
    return envelope.wrap("chat.completion" if is_chat else "text_completion", [choice], usage=usage(end))
