"""How to choose tokens and when to stop: a checked body as the engines see it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from penstock.request.body import Body, ChatBody, CompletionBody
from penstock.request.checks import stops

#: OpenAI's for a completion that sets none.
_COMPLETION_TOKENS = 16


class Constraint(Struct, frozen=True):
    """A form that the whole answer must have."""

    #: json, json_object, regex, choice or grammar.
    kind: str
    #: The schema, the expression, the choices or the grammar; True for any JSON object.
    value: Any
    #: The field of the request that asked for it.
    field: str


class Sampling(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to choose tokens and when to stop; what engines receive."""

    #: None: whatever is left of the context.
    max_tokens: int | None = None
    min_tokens: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    #: 0: all tokens.
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: dict[int, float] = {}
    #: Empty: all.
    allowed_token_ids: tuple[int, ...] = ()
    bad_words: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    include_stop: bool = False
    ignore_eos: bool = False
    skip_special_tokens: bool = True
    n: int = 1
    #: None: free text.
    constraint: Constraint | None = None

    @property
    def continuable(self) -> bool:
        """Whether a cut generation can go on from its tokens; a grammar or several choices start from zero."""
        return self.n == 1 and self.constraint is None


def sampling(body: ChatBody | CompletionBody) -> Sampling:
    """The engine's view of a checked body."""
    return Sampling(
        max_tokens=_limit(body),
        min_tokens=body.min_tokens or 0,
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        top_k=max(body.top_k or 0, 0),
        min_p=body.min_p or 0.0,
        seed=body.seed,
        frequency_penalty=body.frequency_penalty or 0.0,
        presence_penalty=body.presence_penalty or 0.0,
        repetition_penalty=body.repetition_penalty or 1.0,
        logit_bias={int(token): bias for token, bias in (body.logit_bias or {}).items()},
        allowed_token_ids=tuple(body.allowed_token_ids or ()),
        bad_words=tuple(body.bad_words or ()),
        stop=stops(body),
        stop_token_ids=tuple(body.stop_token_ids or ()),
        include_stop=body.include_stop_str_in_output,
        ignore_eos=body.ignore_eos,
        skip_special_tokens=body.skip_special_tokens,
        n=body.n or 1,
        constraint=_constraint(body),
    )


def _limit(body: ChatBody | CompletionBody) -> int | None:
    return _COMPLETION_TOKENS if isinstance(body, CompletionBody) and body.limit is None else body.limit


def _constraint(body: Body) -> Constraint | None:
    wanted, outputs = body.response_format, body.structured_outputs
    if outputs is not None:
        name = next(name for name in outputs.__struct_fields__ if getattr(outputs, name) is not None)
        return Constraint(name, getattr(outputs, name), "structured_outputs")
    if wanted is None or wanted.type == "text":
        return None
    if wanted.json_schema is None:
        return Constraint("json_object", True, "response_format")  # noqa: FBT003 - the value of a field
    return Constraint("json", wanted.json_schema.schema, "response_format")
