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
_NONE_LEFT = "max_tokens must be at least 1, got 0"
_LIMITS = ("max_tokens", "max_completion_tokens")
_REQUIRED = {"messages", "prompt", "tokens"}
#: Where the parts of a validation error lie.
_PLACES = re.compile(r"'loc': '(body[^']*)'")


def right(case: Case, vllm: Facts) -> Facts:
    """What Penstock must answer, of what vLLM answered. The param is the set of those that will do."""
    found = {name: value for name, value in vllm.items() if _is_asked_for(case, name)}
    if "error.message" in found:
        return {"error.message": found["error.message"], **_error(case, found)}
    # vLLM takes the last message's role where it adds no generation prompt.
    found |= {name: "assistant" for name in found if name.endswith(".role")}
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
    message = str(found["error.message"])
    # vLLM begins a stream before it checks everything; what is known before the first token is a status.
    status = found["error.code"] if found["status"] == 200 else found["status"]
    # Where vLLM falls over a request, the request was not one to be served.
    status = 400 if status == 500 else status
    is_too_long = status == 400 and _is_too_long(case, message)
    return {
        "status": status,
        "error.type": "invalid_request_error" if status in (400, 404, 413) else "server_error",
        "error.code": "model_not_found" if status == 404 else "context_length_exceeded" if is_too_long else None,
        "error.param": _params(case, found.get("error.param"), message, is_too_long=is_too_long),
    }


def _is_too_long(case: Case, message: str) -> bool:
    """vLLM also says that nothing is left of the context as if nothing had been asked for."""
    return bool(_TOO_LONG.search(message)) or (
        _NONE_LEFT in message and not {0} & {case.body.get(one) for one in _LIMITS}
    )


def _params(case: Case, named: str | None, message: str, *, is_too_long: bool) -> frozenset[str | None]:
    """The fields that may be named: vLLM's, and where it names none, any that was sent, or none."""
    roots = {field_of(one) for one in (named, *_PLACES.findall(message))} - {None}
    sent = {*case.body}
    if roots & {*_LIMITS}:
        # vLLM speaks of the older name where the newer one was sent.
        roots = (roots - {*_LIMITS}) | (sent & {*_LIMITS})
    if is_too_long:
        roots |= sent & {"messages", "prompt", *_LIMITS}
    if "logprobs" in roots:
        # One setting of the engine's, two fields of a chat.
        roots |= sent & {"top_logprobs"}
    # Of a body that may be one of two kinds, vLLM names what either lacks; some of its names are no field of a body.
    fitting = roots & (sent | _REQUIRED)
    return frozenset(roots & sent or fitting) if fitting else frozenset({None, *sent})


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
