"""`/tokenize` and `/detokenize`, as vLLM has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.body import read_json
from ingress.http.replies import json_response
from ingress.intake.service import Service
from ingress.intake.tokenizers import max_model_len
from ingress.openapi import examples
from ingress.openapi.generation import OF_A_BODY
from ingress.openapi.operation import Body, Component, Example, Media, Operation, Reply, Tag, described
from penstock.errors import ContextLengthError, InvalidRequestError, ModelNotFoundError
from penstock.json_body import decode_body
from penstock.long_bodies import reading
from penstock.request import MAX_TOKEN_ID, Api, ChatBody, check_size, conversation, parse

if TYPE_CHECKING:
    from penstock.text.tokenizer import Tokenizer

T = TypeVar("T")

router = APIRouter()

#: From this size on a text is encoded beside the event loop.
_LONG_BYTES = 4096


class TokenizeBody(Struct, kw_only=True):
    """A text, or a conversation."""

    model: str | None = None
    prompt: str | None = None
    #: Checked with all that goes with it as the body of a chat.
    messages: Any = None
    #: For a text; a conversation's template brings its own.
    add_special_tokens: bool = True
    return_token_strs: bool | None = None


class DetokenizeBody(Struct, kw_only=True):
    """Token ids."""

    model: Annotated[str | None, Meta(description="The only model there is, unless given.")] = None
    tokens: Annotated[list[Annotated[int, Meta(ge=0, le=MAX_TOKEN_ID)]], Meta(description="Those of the model.")]


class Tokenized(Struct, kw_only=True):
    """What a text or a conversation is to the model."""

    count: Annotated[int, Meta(ge=0)]
    tokens: list[int]
    token_strs: Annotated[list[str] | UnsetType, Meta(description="Told with `return_token_strs`.")] = UNSET
    max_model_len: Annotated[int | None, Meta(description="The context in tokens, where it is known here.")]


class Detokenized(Struct, kw_only=True):
    """The text of token ids."""

    prompt: str


_tokenize = msgspec.json.Decoder(TokenizeBody)
_detokenize = msgspec.json.Decoder(DetokenizeBody)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


@router.post("/tokenize")
@described(
    Operation(
        id="tokenize",
        tag=Tag.TOKENS,
        summary="Turn a text or a conversation into tokens",
        description="The prompt is the one that the generating operations make of the same fields.",
        body=Body(
            description="A text in `prompt`, or a conversation in `messages`.",
            schema=Component("TokenizeRequest"),
            examples=examples.TOKENIZE_REQUESTS,
        ),
        replies=(
            Reply(
                description="The tokens.",
                media=(Media(schema=Tokenized, examples={"tokens": Example("Three tokens", examples.TOKENIZED)}),),
            ),
        ),
        errors=(*OF_A_BODY, ContextLengthError, ModelNotFoundError),
    )
)
async def tokenize(request: Request) -> Response:
    """The token ids of a text or a conversation."""
    service, raw = await _read(request)
    body = await reading(partial(_decoded, decoder=_tokenize), raw)
    tokenizer = await service.tokenizers.get(body.model)
    ids, names = await _worked(partial(_tokens, tokenizer, body, raw), raw)
    context = max_model_len(service.tokenizers.pool(body.model))
    return json_response(request, Tokenized(count=len(ids), tokens=ids, token_strs=names, max_model_len=context))


@router.post("/detokenize")
@described(
    Operation(
        id="detokenize",
        tag=Tag.TOKENS,
        summary="Turn tokens into their text",
        body=Body(description="The tokens.", schema=DetokenizeBody, examples=examples.DETOKENIZE_REQUESTS),
        replies=(
            Reply(
                description="Their text.",
                media=(Media(schema=Detokenized, examples={"text": Example("A text", {"prompt": "abc"})}),),
            ),
        ),
        errors=(*OF_A_BODY, ModelNotFoundError),
    )
)
async def detokenize(request: Request) -> Response:
    """The text of token ids."""
    service, raw = await _read(request)
    body = await reading(partial(_decoded, decoder=_detokenize), raw)
    tokenizer = await service.tokenizers.get(body.model)
    text = await _worked(partial(tokenizer.decode, body.tokens, skip_special=False), raw)
    return json_response(request, Detokenized(prompt=text))


async def _worked(work: Callable[[], T], raw: bytes) -> T:
    """What a request asks for, made in a thread unless it is short."""
    return await asyncio.to_thread(work) if len(raw) >= _LONG_BYTES else work()


async def _read(request: Request) -> tuple[Service, bytes]:
    service = Service.of(request)
    service.caller(request)
    return service, await read_json(request, service.settings.ingress)


def _decoded(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    check_size(raw)
    return decode_body(raw, decoder)


def _tokens(tokenizer: Tokenizer, body: TokenizeBody, raw: bytes) -> tuple[list[int], list[str] | UnsetType]:
    """The ids and, where asked for, their names."""
    ids = _ids(tokenizer, body, raw)
    return ids, tokenizer.names(ids) if body.return_token_strs else UNSET


def _ids(tokenizer: Tokenizer, body: TokenizeBody, raw: bytes) -> list[int]:
    if (body.prompt is None) == (body.messages is None):
        field = "messages" if "messages" in _fields.decode(raw) else "prompt"
        raise InvalidRequestError("Give either a prompt or messages.", param=field)
    if body.prompt is not None:
        return tokenizer.encode(body.prompt, special=body.add_special_tokens)
    # A chat names its model; here the only one there is needs no name.
    named = msgspec.json.encode(_fields.decode(raw) | {"model": body.model or ""})
    chat = parse(Api.CHAT, named)
    return tokenizer.chat(conversation(chat)) if isinstance(chat, ChatBody) else []
