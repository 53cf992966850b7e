"""Whether prompt and answer fit the model's context."""

from __future__ import annotations

import msgspec

from penstock.errors import ContextLengthError, InvalidRequestError
from penstock.request.body import Body
from penstock.request.sampling import Sampling


def check_length(text: str, body: Body, longest_token: int | None, context_tokens: int) -> None:
    """Raise ContextLengthError for a prompt that is too long however its text is encoded.

    `longest_token`: how many characters a token stands for at most, if that has an end.
    """
    is_whole = body.truncate_prompt_tokens is None
    if is_whole and longest_token is not None and len(text) > context_tokens * longest_token:
        raise _no_room(body, context_tokens, "more")


def fitted(chosen: Sampling, body: Body, prompt_tokens: int, context_tokens: int) -> Sampling:
    """`chosen` with no more tokens than the prompt leaves room for.

    Raises ContextLengthError for a prompt that leaves none, and for a limit above the context itself;
    InvalidRequestError for a prompt without tokens.
    """
    if not prompt_tokens:
        raise InvalidRequestError("The prompt has no tokens.", param=body.prompt_field)
    limit = chosen.max_tokens
    if limit is not None and limit > context_tokens:
        raise ContextLengthError(
            f"{body.max_tokens_field} is {limit}, above this model's context of {context_tokens} tokens.",
            param=body.max_tokens_field,
        )
    room = context_tokens - prompt_tokens
    # One is generated for an echo too, and not shown.
    if room < 1:
        raise _no_room(body, context_tokens, str(prompt_tokens))
    if chosen.min_tokens > room:
        raise ContextLengthError(
            f"min_tokens is {chosen.min_tokens}, and the prompt leaves room for {room} tokens.", param="min_tokens"
        )
    return chosen if limit is None or limit <= room else msgspec.structs.replace(chosen, max_tokens=room)


def _no_room(body: Body, context_tokens: int, has: str) -> ContextLengthError:
    return ContextLengthError(
        f"This model's context is {context_tokens} tokens, and the prompt has {has}: shorten it so that at least one "
        "token can be generated.",
        param=body.prompt_field,
    )
