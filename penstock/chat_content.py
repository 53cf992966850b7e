"""The content of chat messages as plain text: the one form that text-only chat templates take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence


def with_plain_content(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Copies of the messages whose content is one string. Raises InvalidRequestError where it is not all text."""
    return [
        {**message, "content": plain_content(message.get("content"), f"messages[{index}].content")}
        for index, message in enumerate(messages)
    ]


def plain_content(content: str | list[Any] | None, param: str) -> str:
    """A message's content as text; text parts are joined by line breaks, as vLLM does. `param` names it in errors."""
    if isinstance(content, str):
        return content
    return "\n".join(_part(part, f"{param}[{index}]") for index, part in enumerate(content or ()))


def _part(part: Any, param: str) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else None
    if kind != "text":
        raise InvalidRequestError(f"Only text content is supported, got a part of type {kind!r}.", param=param)
    if not isinstance(part.get("text"), str):
        raise InvalidRequestError("A text part needs a string in `text`.", param=param)
    return str(part["text"])
