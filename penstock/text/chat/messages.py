"""A client's messages made ready for a chat template: what says nothing is dropped, what has two names gets both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from penstock.errors import InvalidRequestError
from penstock.text.chat.content import as_text, text_parts

#: Between the texts of messages that become one.
_SEPARATOR = "\n\n"
#: Role and content.
_PLAIN_FIELDS = 2


def prepared(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with content that is a string or a list of text parts, and tool calls that are objects.

    Raises InvalidRequestError naming the field.
    """
    return [
        message if is_plain(message) else _prepared(message, f"messages[{index}]")
        for index, message in enumerate(messages)
    ]


def is_plain(message: dict[str, Any]) -> bool:
    """Whether there is nothing to prepare: a role and a text, as nearly all have."""
    return len(message) == _PLAIN_FIELDS and type(message.get("content")) is str and "role" in message


def without_developer(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Developer messages as system messages, and all of these as one at the front.

    For templates that know no developer: most drop such a message or refuse it, and some take a system message only
    at the front.
    """
    if not any(message["role"] == "developer" for message in messages):
        return messages
    renamed = [_as_system(message) if message["role"] == "developer" else message for message in messages]
    system = [message for message in renamed if message["role"] == "system"]
    others = [message for message in renamed if message["role"] != "system"]
    if len(system) == 1:
        return [*system, *others]
    texts = [as_text(message["content"]) for message in system]
    return [{"role": "system", "content": _SEPARATOR.join(text for text in texts if text)}, *others]


def _as_system(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key != "tools"} | {"role": "system"}


def _prepared(message: dict[str, Any], param: str) -> dict[str, Any]:
    said = {key: value for key, value in message.items() if value is not None}
    content = said.get("content", "")
    said["content"] = content if isinstance(content, str) else text_parts(content, f"{param}.content")
    if not said.get("function_call"):
        said.pop("function_call", None)
    if calls := _calls(said.pop("tool_calls", []), f"{param}.tool_calls"):
        said["tool_calls"] = calls
    reasoning = said.get("reasoning", said.get("reasoning_content"))
    if reasoning is not None and said["role"] == "assistant":
        said["reasoning"] = said["reasoning_content"] = reasoning
    return said


def _calls(calls: Any, param: str) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise InvalidRequestError("tool_calls is a list.", param=param)
    return [_call(call, f"{param}[{index}]") for index, call in enumerate(calls)]


def _call(call: Any, param: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or call.get("type", "function") != "function":
        raise InvalidRequestError("A tool call is of type function, with an object in `function`.", param=param)
    if not isinstance(function.get("name"), str):
        raise InvalidRequestError("A tool call names its function.", param=param)
    return {**call, "function": {**function, "arguments": _arguments(function.get("arguments"))}}


def _arguments(arguments: Any) -> dict[str, Any]:
    """Templates iterate over a call's arguments; the API carries them as a string of JSON.

    No arguments where a model once wrote anything but an object: an error would end every later turn of that
    conversation.
    """
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return {}
    return arguments if isinstance(arguments, dict) else {}
