"""A line of a batch's input: one request, by a name of its client's."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from penstock.errors import InvalidRequestError
from penstock.json_body import decode_exactly

MAX_CUSTOM_ID = 512


class LineHead(Struct, kw_only=True):
    """What a line says besides its request."""

    custom_id: Annotated[str, Meta(min_length=1, max_length=MAX_CUSTOM_ID)]
    method: str
    url: str


class BatchLine(LineHead, kw_only=True, forbid_unknown_fields=True):
    """One request of a batch."""

    #: As its endpoint takes it.
    body: Raw


class Place(Struct, frozen=True, array_like=True):
    """What is kept of a line while its job is under way."""

    custom_id: str
    #: In the input, bytes.
    offset: int
    size: int


_decoder = msgspec.json.Decoder(BatchLine)


def parse_line(text: bytes) -> BatchLine:
    """Read a line. Raises InvalidRequestError naming the field."""
    found = decode_exactly(text, _decoder)
    if not bytes(found.body).startswith(b"{"):
        raise InvalidRequestError("body must be an object: the request as its endpoint takes it.", param="body")
    return found
