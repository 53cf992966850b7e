"""Whether the token ids of a request are the model's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.errors import InvalidRequestError
from penstock.request.body import Body, ChatBody


def check_vocabulary(body: Body, prompts: Sequence[Sequence[int]], vocabulary_tokens: int) -> None:
    """Raise InvalidRequestError naming the field that holds an id which no token has."""
    if not isinstance(body, ChatBody):
        for prompt in prompts:
            _check("prompt", prompt, vocabulary_tokens)
    for field in ("stop_token_ids", "allowed_token_ids"):
        _check(field, getattr(body, field) or (), vocabulary_tokens)
    _check("logit_bias", map(int, body.logit_bias or ()), vocabulary_tokens)


def _check(field: str, ids: Iterable[int], vocabulary_tokens: int) -> None:
    highest = max(ids, default=0)
    if highest >= vocabulary_tokens:
        raise InvalidRequestError(
            f"{field} holds the token id {highest}; this model's ids end at {vocabulary_tokens - 1}.", param=field
        )
