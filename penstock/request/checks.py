"""What the fields of a body must be together, and what a type cannot say of one alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from penstock.request.body import Body, ChatBody, CompletionBody, TokenId
from penstock.request.formats import check_formats
from penstock.request.limits import (
    MAX_BAD_WORD_CHARACTERS,
    MAX_GENERATIONS,
    MAX_LOGIT_BIAS,
    MAX_PROMPTS,
    MAX_STOP_CHARACTERS,
    MAX_STOP_STRINGS,
    MAX_TEMPLATE_DEPTH,
    MAX_TEMPLATE_VALUES,
    MAX_TOKEN_ID,
)
from penstock.request.messages import check_messages
from penstock.request.tools import check_tools
from penstock.request.wrong import wrong


def check(body: ChatBody | CompletionBody) -> None:
    """Raise InvalidRequestError naming the field."""
    # Most bodies have few of the fields, and each call costs.
    if body.stop is not None:
        _check_stops(body)
    if body.bad_words:
        _check_bad_words(body)
    if body.stream_options is not None and not body.stream:
        raise wrong("stream_options", "needs stream to be true")
    if body.logit_bias:
        _check_bias(body.logit_bias)
    check_formats(body)
    if body.prompt_logprobs:
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
    try:
        # A hundred thousand are no rarity, and a loop of ours would take ten times as long.
        msgspec.convert(values, list[TokenId])
    except msgspec.ValidationError:
        return False
    return True


def _check_stops(body: Body) -> None:
    given = stops(body)
    if len(given) > MAX_STOP_STRINGS:
        raise wrong("stop", f"has at most {MAX_STOP_STRINGS} strings, got {len(given)}")
    if any(not stop for stop in given):
        raise wrong("stop", "must not hold an empty string")
    if sum(map(len, given)) > MAX_STOP_CHARACTERS:
        raise wrong("stop", f"has at most {MAX_STOP_CHARACTERS} characters")


def _check_bad_words(body: Body) -> None:
    if sum(map(len, body.bad_words or ())) > MAX_BAD_WORD_CHARACTERS:
        raise wrong("bad_words", f"has at most {MAX_BAD_WORD_CHARACTERS} characters")


def _check_limits(body: ChatBody | CompletionBody) -> None:
    limit = body.limit
    only_echoes = isinstance(body, CompletionBody) and bool(body.echo)
    if limit == 0 and not only_echoes:
        raise wrong(body.max_tokens_field, "must be at least 1")
    if limit and (body.min_tokens or 0) > limit:
        raise wrong("min_tokens", f"is above {body.max_tokens_field}, which is {limit}")


def _check_chat(body: ChatBody) -> None:
    check_messages(body.messages)
    if body.tools or body.tool_choice is not None:
        check_tools(body)
    if body.chat_template_kwargs:
        _check_template_values(body.chat_template_kwargs)
    if body.top_logprobs and not body.logprobs:
        raise wrong("top_logprobs", "needs logprobs to be true")


def _check_completion(body: CompletionBody) -> None:
    _check_prompt(body.prompt)
    _check_generations(body)
    if body.suffix is not None:
        raise wrong("suffix", "is not offered: this endpoint only continues a prompt")
    if body.best_of is not None and body.best_of != (body.n or 1):
        raise wrong("best_of", "must be equal to n: choosing among more answers is not offered")


def _check_prompt(prompt: str | list[Any]) -> None:
    if not prompt:
        raise wrong("prompt", "must not be empty")
    if isinstance(prompt, str) or are_ids(prompt):
        return
    if len(prompt) > MAX_PROMPTS:
        raise wrong("prompt", f"has at most {MAX_PROMPTS} prompts, got {len(prompt)}")
    if not all(isinstance(one, str) or (one and isinstance(one, list) and are_ids(one)) for one in prompt):
        raise wrong("prompt", "is a text, token ids, or a list of either")
    if len({type(one) for one in prompt}) > 1:
        raise wrong("prompt", "mixes texts and token ids")


def _check_generations(body: CompletionBody) -> None:
    """A prompt is a list of prompts unless its first value is a number."""
    prompt = body.prompt
    prompts = 1 if isinstance(prompt, str) or isinstance(prompt[0], int) else len(prompt)
    if prompts * (body.n or 1) > MAX_GENERATIONS:
        raise wrong("n", f"times the number of prompts is at most {MAX_GENERATIONS}, got {body.n} times {prompts}")


def _check_template_values(given: Any) -> None:
    """Level by level: what is nested without end has no more levels than values."""
    field, count = "chat_template_kwargs", 0
    level = [given]
    for _ in range(MAX_TEMPLATE_DEPTH):
        level = [value for container in level for value in _held(container)]
        count += len(level)
        if count > MAX_TEMPLATE_VALUES:
            raise wrong(field, f"holds at most {MAX_TEMPLATE_VALUES} values")
        if not level:
            return
    if any(isinstance(value, list | dict) for value in level):
        raise wrong(field, f"is nested deeper than {MAX_TEMPLATE_DEPTH} levels")


def _held(container: Any) -> Iterable[Any]:
    if isinstance(container, dict):
        return container.values()
    return container if isinstance(container, list) else ()


def _check_prompt_logprobs(body: Body) -> None:
    if body.stream:
        raise wrong("prompt_logprobs", "comes with a whole answer only: leave stream out")


def _check_bias(bias: Mapping[str, float]) -> None:
    if len(bias) > MAX_LOGIT_BIAS:
        raise wrong("logit_bias", f"has at most {MAX_LOGIT_BIAS} entries, got {len(bias)}")
    other = next((token for token in bias if not _is_id(token)), None)
    if other is not None:
        raise wrong("logit_bias", f"has token ids as keys, got {other[:40]!r}")


def _is_id(text: str) -> bool:
    """Few digits are asked for before `int` sees them: it refuses thousands with an error of its own."""
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_TOKEN_ID)) and int(text) <= MAX_TOKEN_ID
