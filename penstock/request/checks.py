"""What the fields of a body must be together, and what a type cannot say of one alone."""

from __future__ import annotations

from typing import Any

from penstock.request.body import (
    MAX_LOGIT_BIAS,
    MAX_STOP_STRINGS,
    MAX_TOKEN_ID,
    Body,
    ChatBody,
    CompletionBody,
)
from penstock.request.formats import check_formats
from penstock.request.messages import check_messages
from penstock.request.tools import check_tools
from penstock.request.wrong import wrong

#: Prompts of one completion: each is a generation of its own.
MAX_PROMPTS = 1024


def check(body: ChatBody | CompletionBody) -> None:
    """Raise InvalidRequestError naming the field."""
    _check_stops(body)
    if body.stream_options is not None and not body.stream:
        raise wrong("stream_options", "needs stream to be true")
    _check_bias(body)
    check_formats(body)
    _check_prompt_logprobs(body)
    if isinstance(body, ChatBody):
        _check_chat(body)
    else:
        _check_completion(body)
    _check_limits(body)


def stops(body: Body) -> tuple[str, ...]:
    """The stop strings, however they were sent."""
    if body.stop is None:
        return ()
    return (body.stop,) if isinstance(body.stop, str) else tuple(body.stop)


def are_ids(values: list[Any]) -> bool:
    """Whether a prompt is one list of token ids."""
    return all(type(value) is int and 0 <= value <= MAX_TOKEN_ID for value in values)


def _check_stops(body: Body) -> None:
    given = stops(body)
    if len(given) > MAX_STOP_STRINGS:
        raise wrong("stop", f"has at most {MAX_STOP_STRINGS} strings, got {len(given)}")
    if any(not stop for stop in given):
        raise wrong("stop", "must not hold an empty string")


def _check_limits(body: ChatBody | CompletionBody) -> None:
    limit = body.limit
    only_echoes = isinstance(body, CompletionBody) and bool(body.echo)
    if limit == 0 and not only_echoes:
        raise wrong(body.max_tokens_field, "must be at least 1")
    if limit and (body.min_tokens or 0) > limit:
        raise wrong("min_tokens", f"is above {body.max_tokens_field}, which is {limit}")


def _check_chat(body: ChatBody) -> None:
    check_messages(body.messages)
    check_tools(body)
    if body.top_logprobs and not body.logprobs:
        raise wrong("top_logprobs", "needs logprobs to be true")


def _check_completion(body: CompletionBody) -> None:
    _check_prompt(body.prompt)
    if body.suffix is not None:
        raise wrong("suffix", "is not offered: this endpoint only continues a prompt")
    if body.best_of is not None and body.best_of != (body.n or 1):
        raise wrong("best_of", "must be equal to n: choosing among more answers is not offered")


def _check_prompt(prompt: str | list[Any]) -> None:
    if not prompt:
        raise wrong("prompt", "must not be empty")
    if isinstance(prompt, str) or are_ids(prompt):
        return
    if not all(isinstance(one, str) or (one and isinstance(one, list) and are_ids(one)) for one in prompt):
        raise wrong("prompt", "is a text, token ids, or a list of either")
    if len({type(one) for one in prompt}) > 1:
        raise wrong("prompt", "mixes texts and token ids")
    if len(prompt) > MAX_PROMPTS:
        raise wrong("prompt", f"has at most {MAX_PROMPTS} prompts, got {len(prompt)}")


def _check_prompt_logprobs(body: Body) -> None:
    if body.stream and body.prompt_logprobs:
        raise wrong("prompt_logprobs", "comes with a whole answer only: leave stream out")


def _check_bias(body: Body) -> None:
    bias = body.logit_bias or {}
    if len(bias) > MAX_LOGIT_BIAS:
        raise wrong("logit_bias", f"has at most {MAX_LOGIT_BIAS} entries, got {len(bias)}")
    other = next((token for token in bias if not _is_id(token)), None)
    if other is not None:
        raise wrong("logit_bias", f"has token ids as keys, got {other[:40]!r}")


def _is_id(text: str) -> bool:
    """Few digits are asked for before `int` sees them: it refuses thousands with an error of its own."""
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_TOKEN_ID)) and int(text) <= MAX_TOKEN_ID
