"""A prompt that ends inside the last message, for a model that goes on with it: a mark, and the cut at it."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidRequestError

#: The space shows whether the template trims what it is given.
_MARK = "PENSTOCK_END_OF_FINAL_MESSAGE "


def with_mark(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """The messages with the mark behind the last text, and that text without it. Raises InvalidRequestError."""
    *others, last = messages
    content = last["content"]
    if isinstance(content, str):
        return [*others, {**last, "content": content + _MARK}], content
    if not content:
        raise _refused("continue_final_message needs text in the last message.")
    *parts, end = content
    text = end["text"]
    return [*others, {**last, "content": [*parts, {**end, "text": text + _MARK}]}], text


def cut_after_mark(prompt: str, text: str) -> str:
    """The prompt up to the end of the last message, of which `text` is the end. Raises InvalidRequestError."""
    end = prompt.rfind(_MARK.strip())
    if end < 0 or text.strip() not in prompt:
        raise _refused("The chat template leaves out the last message, or changes it: it cannot be continued.")
    return prompt[:end] if prompt.startswith(_MARK, end) else prompt[:end].rstrip()


def _refused(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, param="continue_final_message")
