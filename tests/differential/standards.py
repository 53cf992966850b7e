"""What is right: vLLM's answer, put into the words of OpenAI's API where vLLM has its own.

The conventions: an error's type follows from its status, its code is a word or null, its param names a field of the
body; where a stream was asked for its usage, every chunk says `usage`, and all but the last one say null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.differential.cases import Case
from tests.differential.facts import Facts

#: What two servers need not have in common where chance decides.
_BY_CHANCE = ("content", "text", "finish_reason", "stop_reason", "logprobs", "token_ids", "tool_calls", "reasoning")
_COUNTED = ("usage.completion_tokens", "usage.total_tokens")
_TOO_LONG = re.compile(
    r"maximum context length|max_model_len|maximum model length|longer than the maximum|max_total_tokens"
)
#: vLLM's names of what is a field of the body.
_LENGTHS = ("input_tokens", "input_text", "prompt_token_ids", "max_model_len")
_TYPES = {401: "invalid_request_error", 404: "invalid_request_error", 413: "invalid_request_error"}


def right(case: Case, vllm: Facts) -> Facts:
    """What Penstock must answer, of what vLLM answered. The param is the set of those that will do."""
    found = {name: value for name, value in vllm.items() if _is_asked_for(case, name)}
    if "error.message" in found:
        return {**found, **_error(case, found)}
    if found.get("stream.usage_elsewhere") == "nothing" and _wants_usage(case.body):
        found["stream.usage_elsewhere"] = "null"
    return repeatable(case, found)


def repeatable(case: Case, found: Facts) -> Facts:
    """The facts that are the same at every try."""
    if case.is_repeatable:
        return found
    return {
        name: value
        for name, value in found.items()
        if name not in _COUNTED and name.rpartition(".")[2] not in _BY_CHANCE
    }


def _error(case: Case, found: Facts) -> Facts:
    message, status = str(found["error.message"]), found["status"]
    is_too_long = status == 400 and bool(_TOO_LONG.search(message))
    fields: Facts = {"error.type": _TYPES.get(status, "invalid_request_error" if status == 400 else "server_error")}
    fields["error.code"] = "model_not_found" if status == 404 else "context_length_exceeded" if is_too_long else None
    fields["error.param"] = _params(case, found.get("error.param"), is_too_long=is_too_long)
    return fields


def _params(case: Case, named: str | None, *, is_too_long: bool) -> frozenset[str | None]:
    """The fields that may be named: vLLM's, and where it names none, any that was sent, or none."""
    root = field_of(named)
    lengths = {"messages", "prompt", "max_tokens", "max_completion_tokens"} & case.body.keys()
    if is_too_long and (root is None or root in _LENGTHS):
        return frozenset(lengths)
    return frozenset({root}) if root else frozenset({None, *case.body})


def field_of(param: str | None) -> str | None:
    """The field of the body that a param is, or lies in."""
    path = re.split(r"[.\[]", (param or "").removeprefix("body."))[0]
    return path if path not in ("", "body") else None


def _wants_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _is_asked_for(case: Case, name: str) -> bool:
    """Ids are only asked of vLLM, so that the prompt of each case is known."""
    return case.body.get("return_token_ids") is True or name.rpartition(".")[2] not in ("token_ids", "prompt_token_ids")
