"""The form of a conversation's messages; what their content means is the template's matter."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidRequestError
from penstock.request.limits import MAX_CONTENT_PARTS, MAX_TOOL_CALLS
from penstock.request.size import check_arguments
from penstock.text.chat.messages import is_plain, prepared

#: An answer of the model's may be all tool calls.
_MAY_BE_EMPTY = "assistant"


def check_messages(messages: list[dict[str, Any]]) -> None:
    """Raise InvalidRequestError unless each message has a role, and content and calls of a form there is."""
    if all(map(is_plain, messages)) and all(type(one["role"]) is str and one["role"] for one in messages):
        return
    _check_counts(messages)
    for index, message in enumerate(messages):
        role = message.get("role")
        if not isinstance(role, str) or not role:
            raise InvalidRequestError("Each message needs a role.", param=f"messages[{index}].role")
        if not is_plain(message):
            _check_content(message.get("content"), role, f"messages[{index}].content")
    # What a template would be given: the worker makes it again, and a wrong part shall not wait for that.
    prepared(messages)


def _check_counts(messages: list[dict[str, Any]]) -> None:
    """Of what the messages hold together."""
    if len(_listed(messages, "content")) > MAX_CONTENT_PARTS:
        raise InvalidRequestError(f"The messages have at most {MAX_CONTENT_PARTS} parts together.", param="messages")
    calls = _listed(messages, "tool_calls")
    if len(calls) > MAX_TOOL_CALLS:
        raise InvalidRequestError(f"The messages have at most {MAX_TOOL_CALLS} tool calls together.", param="messages")
    functions = [call.get("function") for call in calls if isinstance(call, dict)]
    arguments = [function.get("arguments") for function in functions if isinstance(function, dict)]
    check_arguments([text for text in arguments if isinstance(text, str)])


def _listed(messages: list[dict[str, Any]], field: str) -> list[Any]:
    """What the lists in a field of the messages hold."""
    lists = [message.get(field) for message in messages]
    return [one for several in lists if isinstance(several, list) for one in several]


def _check_content(content: Any, role: str, where: str) -> None:
    if not isinstance(content, str | list | None):
        raise InvalidRequestError("Content is a string or a list of parts.", param=where)
    if content is None and role != _MAY_BE_EMPTY:
        raise InvalidRequestError(f"A message of role {role[:40]!r} needs content.", param=where)
