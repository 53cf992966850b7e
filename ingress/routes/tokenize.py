"""`/tokenize` and `/detokenize`, as vLLM has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from ingress.body import read_json
from ingress.replies import json_response
from ingress.service import Service
from ingress.tokenizers import max_model_len
from penstock.errors import InvalidRequestError
from penstock.json_body import decode_body
from penstock.request import MAX_TOKEN_ID, Api, ChatBody, check_size, conversation, parse

if TYPE_CHECKING:
    from penstock.tokenizer import Tokenizer

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

    model: str | None = None
    tokens: list[Annotated[int, Meta(ge=0, le=MAX_TOKEN_ID)]]


_tokenize = msgspec.json.Decoder(TokenizeBody)
_detokenize = msgspec.json.Decoder(DetokenizeBody)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


@router.post("/tokenize")
async def tokenize(request: Request) -> Response:
    """The token ids of a text or a conversation."""
    service, raw = await _read(request)
    body = decode_body(raw, _tokenize)
    tokenizer = await service.tokenizers.get(body.model)
    reply = await _worked(partial(_tokens, tokenizer, body, raw), raw)
    reply["max_model_len"] = max_model_len(service.tokenizers.pool(body.model))
    return json_response(request, reply)


@router.post("/detokenize")
async def detokenize(request: Request) -> Response:
    """The text of token ids."""
    service, raw = await _read(request)
    body = decode_body(raw, _detokenize)
    tokenizer = await service.tokenizers.get(body.model)
    text = await _worked(partial(tokenizer.decode, body.tokens, skip_special=False), raw)
    return json_response(request, {"prompt": text})


async def _worked(work: Callable[[], T], raw: bytes) -> T:
    """What a request asks for, made in a thread unless it is short."""
    return await asyncio.to_thread(work) if len(raw) >= _LONG_BYTES else work()


async def _read(request: Request) -> tuple[Service, bytes]:
    service = Service.of(request)
    service.tenant(request)
    raw = await read_json(request, service.settings.ingress)
    check_size(raw)
    return service, raw


def _tokens(tokenizer: Tokenizer, body: TokenizeBody, raw: bytes) -> dict[str, Any]:
    ids = _ids(tokenizer, body, raw)
    names = {"token_strs": tokenizer.names(ids)} if body.return_token_strs else {}
    return {"count": len(ids), "tokens": ids, **names}


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
