"""From a request's bytes to a checked body."""

from __future__ import annotations

import msgspec

from penstock.json_body import decode_lenient, field_fault, integral, json_fault
from penstock.request.body import Api, ChatBody, CompletionBody
from penstock.request.checks import check
from penstock.request.foreign import HARMLESS, REFUSED, check_foreign

_TYPES: dict[Api, type[ChatBody | CompletionBody]] = {Api.CHAT: ChatBody, Api.COMPLETION: CompletionBody}
_DECODERS = {api: msgspec.json.Decoder(kind) for api, kind in _TYPES.items()}
_FIELDS = {api: frozenset(kind.__struct_fields__) for api, kind in _TYPES.items()}
_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parse(api: Api, raw: bytes) -> ChatBody | CompletionBody:
    """Decode and check a request body. Raises InvalidRequestError naming the field."""
    body = read(api, raw)
    check_foreign(_foreign(api, raw))
    check(body)
    return body


def read(api: Api, raw: bytes) -> ChatBody | CompletionBody:
    """Decode a body that was checked when its job was made. Raises InvalidRequestError naming the field."""
    try:
        return _decoded(api, raw)
    except msgspec.ValidationError as error:
        raise field_fault(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise json_fault(raw, error) from None


def ignored_fields(api: Api, raw: bytes) -> list[str]:
    """The names in a checked body that mean nothing to anybody, in the client's order."""
    return [name for name in _foreign(api, raw) if name not in HARMLESS and name not in REFUSED]


def _foreign(api: Api, raw: bytes) -> dict[str, msgspec.Raw]:
    """What the body holds beside the fields that are obeyed."""
    known = _FIELDS[api]
    return {name: value for name, value in _by_name.decode(raw).items() if name not in known}


def _decoded(api: Api, raw: bytes) -> ChatBody | CompletionBody:
    try:
        body = _DECODERS[api].decode(raw)
    except msgspec.ValidationError as error:
        return decode_lenient(raw, _TYPES[api], error)
    if isinstance(body, CompletionBody):
        # Its type says nothing of the numbers in it.
        body.prompt = integral(body.prompt)
    return body
