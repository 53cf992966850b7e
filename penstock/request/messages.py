"""The form of a conversation's messages; what their content means is the template's matter."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidRequestError

#: An answer of the model's may be all tool calls.
_MAY_BE_EMPTY = "assistant"


def check_messages(messages: list[dict[str, Any]]) -> None:
    """Raise InvalidRequestError unless each message has a role, and content of a form there is."""
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role, content = message.get("role"), message.get("content")
        if not isinstance(role, str) or not role:
            raise InvalidRequestError("Each message needs a role.", param=f"{where}.role")
        if not isinstance(content, str | list | None):
            raise InvalidRequestError("Content is a string or a list of parts.", param=f"{where}.content")
        if content is None and role != _MAY_BE_EMPTY:
            raise InvalidRequestError(f"A message of role {role[:40]!r} needs content.", param=f"{where}.content")
        _check_calls(message.get("tool_calls"), f"{where}.tool_calls")


def _check_calls(calls: Any, where: str) -> None:
    if calls is None:
        return
    if not isinstance(calls, list):
        raise InvalidRequestError("tool_calls is a list of calls.", param=where)
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise InvalidRequestError("A tool call has a function with a name.", param=f"{where}[{index}]")
