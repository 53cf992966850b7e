"""Errors about a chat request, told in the names of the request to `/v1/responses` that it was made of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from penstock.errors import ApiError

_MESSAGE = re.compile(r"messages\[(\d+)\]", re.ASCII)
_TOOL = re.compile(r"(tools\[\d+\])\.function", re.ASCII)
_NAMES = {
    "logprobs": "include",
    "max_completion_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
}
#: Those that are no words of a sentence, wherever one has them.
_UNMISTAKABLE = ("max_completion_tokens", "reasoning_effort", "response_format")


def renamed(error: ApiError, origins: Sequence[str] = ()) -> ApiError:
    """The same error with the field's name as the client sent it; `origins` has that of each message."""
    theirs, message = error.param, error.message
    ours = None if theirs is None else _renamed(theirs, origins)
    if theirs is not None and ours is not None and ours != theirs:
        message = message.replace(theirs, ours)
    for name in _UNMISTAKABLE:
        message = message.replace(name, _NAMES[name])
    return type(error)(message, param=ours, retry_after_s=error.retry_after_s)


def _renamed(param: str, origins: Sequence[str]) -> str:
    found = _MESSAGE.match(param)
    if found is not None:
        index = int(found[1])
        if index >= len(origins):
            return "input"
        origin = origins[index]
        # Only an item's own fields have the names of its message's.
        return origin + param[found.end() :] if origin.endswith("]") else origin
    first, dot, rest = _TOOL.sub(r"\1", param).partition(".")
    return _NAMES.get(first, first) + dot + rest
