"""The form of a conversation's messages; what their content means is the template's matter."""

from __future__ import annotations

from typing import Any

from penstock.chat_messages import is_plain, prepared
from penstock.errors import InvalidRequestError

#: An answer of the model's may be all tool calls.
_MAY_BE_EMPTY = "assistant"


def check_messages(messages: list[dict[str, Any]]) -> None:
    """Raise InvalidRequestError unless each message has a role, and content and calls of a form there is."""
    for index, message in enumerate(messages):
        role = message.get("role")
        if not isinstance(role, str) or not role:
            raise InvalidRequestError("Each message needs a role.", param=f"messages[{index}].role")
        if not is_plain(message):
            _check_content(message.get("content"), role, f"messages[{index}].content")
    # What a template would be given: the worker makes it again, and a wrong part shall not wait for that.
    prepared(messages)


def _check_content(content: Any, role: str, where: str) -> None:
    if not isinstance(content, str | list | None):
        raise InvalidRequestError("Content is a string or a list of parts.", param=where)
    if content is None and role != _MAY_BE_EMPTY:
        raise InvalidRequestError(f"A message of role {role[:40]!r} needs content.", param=where)
