"""From a request's bytes to a checked body of `/v1/responses`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from penstock.json_body import decode_body
from penstock.request.responses.body import ResponsesBody
from penstock.request.responses.checks import check
from penstock.request.responses.foreign import HARMLESS, PASSED_ON, REFUSED, check_responses_foreign
from penstock.request.size import check_size

_decoder = msgspec.json.Decoder(ResponsesBody)
_by_name = msgspec.json.Decoder(dict[str, Raw])
_FIELDS = frozenset(ResponsesBody.__struct_fields__)


class ResponsesRequest(Struct, frozen=True):
    """A checked request."""

    #: As the client sent it, JSON in UTF-8.
    raw: bytes
    body: ResponsesBody
    #: Fields that the chat request has under the same names.
    passed_on: Mapping[str, Raw]
    #: Names that mean nothing to anybody, in the client's order.
    ignored: list[str]


def parse_responses(raw: bytes) -> ResponsesRequest:
    """Decode and check a request, all but its conversation. Raises InvalidRequestError naming the field."""
    check_size(raw)
    body = read_responses(raw)
    others = {name: value for name, value in _by_name.decode(raw).items() if name not in _FIELDS}
    check_responses_foreign(others)
    check(body)
    passed_on = {name: value for name, value in others.items() if name in PASSED_ON}
    known = PASSED_ON | HARMLESS | REFUSED.keys()
    return ResponsesRequest(raw, body, passed_on, [name for name in others if name not in known])


def read_responses(raw: bytes) -> ResponsesBody:
    """Decode a request that was checked when its job was made. Raises InvalidRequestError naming the field."""
    return decode_body(raw, _decoder)
