"""What a client may ask for: the bodies of the two generating endpoints, typed and range-checked."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from penstock.errors import InvalidRequestError

MAX_STOP_STRINGS = 16
MAX_CHOICES = 16
MAX_LOGIT_BIAS = 1024
#: No vocabulary is this large; what is above would not fit the engines' 32-bit ids.
MAX_TOKEN_ID = 2**31 - 1

Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]
Penalty = Annotated[float, Meta(ge=-2.0, le=2.0)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Api(enum.StrEnum):
    """The endpoint a job came in by; it decides the shape of its chunks."""

    CHAT = "chat"
    COMPLETION = "completion"


class StreamOptions(Struct):
    """`stream_options` of the OpenAI API."""

    include_usage: bool | None = None


class JsonSchema(Struct):
    """`response_format.json_schema`."""

    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Struct):
    """`response_format`: free text, any JSON, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None


class Body(Struct, kw_only=True):
    """The fields that both endpoints share. Unknown fields are ignored, as OpenAI's server does."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    stop: str | list[str] | None = None
    stop_token_ids: list[NotNegative] | None = None
    seed: Seed | None = None
    max_tokens: Positive | None = None
    min_tokens: NotNegative | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    top_k: Annotated[int, Meta(ge=-1)] | None = None
    min_p: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, Meta(gt=0.0, le=10.0)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100.0, le=100.0)]] | None = None
    response_format: ResponseFormat | None = None
    ignore_eos: bool = False
    include_stop_str_in_output: bool = False
    skip_special_tokens: bool = True
    user: str | None = None


class ChatBody(Body, kw_only=True):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[dict[str, Any]], Meta(min_length=1)]
    max_completion_tokens: Positive | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    add_generation_prompt: bool = True


class CompletionBody(Body, kw_only=True):
    """`POST /v1/completions`."""

    #: A text, token ids, or a list of either; `_check_prompt` tells them apart.
    prompt: str | list[Any]
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None


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
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    include_stop: bool = False
    ignore_eos: bool = False
    skip_special_tokens: bool = True
    n: int = 1
    #: None: free text; {}: any JSON object; otherwise a JSON schema.
    json_schema: dict[str, Any] | None = None

    @property
    def continuable(self) -> bool:
        """Whether a cut generation can go on from its tokens; a grammar or several choices start from zero."""
        return self.n == 1 and self.json_schema is None


_CHAT = msgspec.json.Decoder(ChatBody)
_COMPLETION = msgspec.json.Decoder(CompletionBody)


def parse(api: Api, raw: bytes) -> ChatBody | CompletionBody:
    """Decode and check a request body. Raises InvalidRequestError naming the field."""
    try:
        body = _CHAT.decode(raw) if api is Api.CHAT else _COMPLETION.decode(raw)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"The request body is not valid JSON: {error}") from None
    except RecursionError:
        raise InvalidRequestError("The request body is nested too deeply.") from None
    _check(body)
    return body


def sampling(body: ChatBody | CompletionBody) -> Sampling:
    """The engine's view of a checked body."""
    limit = body.max_tokens
    if isinstance(body, ChatBody) and body.max_completion_tokens is not None:
        limit = body.max_completion_tokens
    elif isinstance(body, CompletionBody) and limit is None:
        limit = 16
    return Sampling(
        max_tokens=limit,
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
        stop=_stops(body),
        stop_token_ids=tuple(body.stop_token_ids or ()),
        include_stop=body.include_stop_str_in_output,
        ignore_eos=body.ignore_eos,
        skip_special_tokens=body.skip_special_tokens,
        n=body.n or 1,
        json_schema=_schema(body.response_format),
    )


def is_rich(body: ChatBody | CompletionBody) -> bool:
    """Whether the answer is more than one choice of plain text, and so needs the engine's own response writer."""
    if (body.n or 1) > 1:
        return True
    if isinstance(body, ChatBody):
        return bool(body.tools or body.logprobs or body.tool_choice not in (None, "none"))
    many = isinstance(body.prompt, list) and bool(body.prompt) and not isinstance(body.prompt[0], int)
    return many or body.logprobs is not None or bool(body.echo)


def _stops(body: Body) -> tuple[str, ...]:
    if body.stop is None:
        return ()
    return (body.stop,) if isinstance(body.stop, str) else tuple(body.stop)


def _schema(wanted: ResponseFormat | None) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    return (wanted.json_schema.schema if wanted.json_schema else None) or {}


def _check(body: ChatBody | CompletionBody) -> None:
    stops = _stops(body)
    if len(stops) > MAX_STOP_STRINGS:
        raise InvalidRequestError(f"At most {MAX_STOP_STRINGS} stop strings, got {len(stops)}.", param="stop")
    if any(not stop for stop in stops):
        raise InvalidRequestError("A stop string must not be empty.", param="stop")
    if body.stream_options is not None and not body.stream:
        raise InvalidRequestError("stream_options needs stream to be true.", param="stream_options")
    _check_bias(body)
    if isinstance(body, ChatBody):
        check_messages(body.messages)
        if body.top_logprobs is not None and not body.logprobs:
            raise InvalidRequestError("top_logprobs needs logprobs to be true.", param="top_logprobs")
        return
    _check_prompt(body.prompt)
    if body.suffix:
        raise InvalidRequestError("suffix is not supported.", param="suffix")
    if body.best_of not in (None, 1, body.n):
        raise InvalidRequestError("best_of above n is not supported.", param="best_of")


def _check_prompt(prompt: str | list[Any]) -> None:
    if not prompt:
        raise InvalidRequestError("The prompt must not be empty.", param="prompt")
    if isinstance(prompt, str) or _are_ids(prompt):
        return
    if not all(one and (isinstance(one, str) or (isinstance(one, list) and _are_ids(one))) for one in prompt):
        raise InvalidRequestError("The prompt is a text, token ids, or a list of either.", param="prompt")


def _are_ids(values: list[Any]) -> bool:
    return all(type(value) is int and 0 <= value <= MAX_TOKEN_ID for value in values)


def _check_bias(body: Body) -> None:
    bias = body.logit_bias or {}
    if len(bias) > MAX_LOGIT_BIAS:
        raise InvalidRequestError(f"At most {MAX_LOGIT_BIAS} logit_bias entries.", param="logit_bias")
    wrong = next((token for token in bias if not _is_id(token)), None)
    if wrong is not None:
        raise InvalidRequestError(f"logit_bias keys are token ids, got {wrong[:40]!r}.", param="logit_bias")


def _is_id(text: str) -> bool:
    """Few digits are asked for before `int` sees them: it refuses thousands with an error of its own."""
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_TOKEN_ID)) and int(text) <= MAX_TOKEN_ID


def check_messages(messages: list[dict[str, Any]]) -> None:
    """Raise InvalidRequestError unless each message has a role, and content of a form there is."""
    for index, message in enumerate(messages):
        if not isinstance(message.get("role"), str):
            raise InvalidRequestError("Each message needs a role.", param=f"messages[{index}].role")
        content = message.get("content")
        if not isinstance(content, str | list | None):
            raise InvalidRequestError("Content is a string or a list of parts.", param=f"messages[{index}].content")


def _invalid(reason: str) -> InvalidRequestError:
    """Turn msgspec's `… - at `$.a.b`` and `missing required field `a`` into a message with its `param`."""
    reason, _, where = reason.partition(" - at `$")
    param = where.strip("`.") or None
    if param is None and "missing required field `" in reason:
        param = reason.split("`")[1]
    return InvalidRequestError(f"{reason} in {param}." if param else f"{reason}.", param=param)
