"""From a request's bytes to a checked body."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.json_body import field_fault, json_fault
from penstock.request.body import Api, ChatBody, CompletionBody
from penstock.request.checks import check
from penstock.request.foreign import check_foreign

_TYPES: dict[Api, type[ChatBody | CompletionBody]] = {Api.CHAT: ChatBody, Api.COMPLETION: CompletionBody}
_DECODERS = {api: msgspec.json.Decoder(kind) for api, kind in _TYPES.items()}
_FIELDS = {api: frozenset(kind.__struct_fields__) for api, kind in _TYPES.items()}
_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parse(api: Api, raw: bytes) -> ChatBody | CompletionBody:
    """Decode and check a request body. Raises InvalidRequestError naming the field."""
    try:
        body = _decoded(api, raw)
        check_foreign(_foreign(api, raw))
    except msgspec.ValidationError as error:
        raise field_fault(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise json_fault(raw, error) from None
    check(body)
    return body


def ignored_fields(api: Api, raw: bytes) -> list[str]:
    """The names in a checked body that mean nothing here, in the client's order."""
    return list(_foreign(api, raw))


def _foreign(api: Api, raw: bytes) -> dict[str, msgspec.Raw]:
    """What the body holds beside the fields that are obeyed."""
    known = _FIELDS[api]
    return {name: value for name, value in _by_name.decode(raw).items() if name not in known}


def _decoded(api: Api, raw: bytes) -> ChatBody | CompletionBody:
    try:
        return _DECODERS[api].decode(raw)
    except msgspec.ValidationError as error:
        # JSON knows no difference between 5 and 5.0, and some languages write the latter.
        if "got `float`" not in str(error):
            raise
        sent = msgspec.json.decode(raw)
        return msgspec.convert({name: _integral(value) for name, value in sent.items()}, _TYPES[api])


def _integral(value: Any) -> Any:
    """A field's value with 5.0 as 5: of the field itself, or of a list of numbers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list) and value and isinstance(value[0], float | int):
        return [_integral(one) for one in value]
    return value
