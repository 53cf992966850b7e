"""From a request's bytes to a checked body."""

from __future__ import annotations

import msgspec

from penstock.json_body import decode_body, integral
from penstock.request.body import Api, ChatBody, CompletionBody
from penstock.request.checks import are_ids, check
from penstock.request.foreign import HARMLESS, REFUSED, check_foreign
from penstock.request.size import check_size

_TYPES: dict[Api, type[ChatBody | CompletionBody]] = {Api.CHAT: ChatBody, Api.COMPLETION: CompletionBody}
_DECODERS: dict[Api, msgspec.json.Decoder[ChatBody | CompletionBody]] = {
    api: msgspec.json.Decoder(kind) for api, kind in _TYPES.items()
}
_FIELDS = {api: frozenset(kind.__struct_fields__) for api, kind in _TYPES.items()}
_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parse(api: Api, raw: bytes) -> ChatBody | CompletionBody:
    """Decode and check a request body. Raises InvalidRequestError naming the field."""
    return parse_noting(api, raw)[0]


def parse_noting(api: Api, raw: bytes) -> tuple[ChatBody | CompletionBody, list[str]]:
    """Decode and check a body; returns it with the names of fields that have no effect, in the client's order."""
    check_size(raw)
    body = read(api, raw)
    sent, known = _by_name.decode(raw), _FIELDS[api]
    if sent.keys() <= known:
        check(body)
        return body, []
    foreign = {name: value for name, value in sent.items() if name not in known}
    check_foreign(foreign)
    check(body)
    return body, [name for name in foreign if name not in HARMLESS and name not in REFUSED]


def read(api: Api, raw: bytes) -> ChatBody | CompletionBody:
    """Decode a body without checking its values. Raises InvalidRequestError naming the field."""
    body = decode_body(raw, _DECODERS[api])
    if isinstance(body, CompletionBody) and isinstance(body.prompt, list) and not are_ids(body.prompt):
        # msgspec checks no numbers in a list of any values: make integral floats integers.
        body.prompt = integral(body.prompt)
    return body
