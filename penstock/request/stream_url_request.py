"""What a client may ask of `/v1/jobs/{id}/stream-url`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from penstock.json_body import decode_body


class StreamUrlRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """On which terms a page may read a job's stream."""

    #: How long it can be opened, in seconds; at most what the settings allow, and that where nothing is said.
    ttl_s: Annotated[float, Meta(ge=1.0)] | None = None
    #: Whether it can end the job, too.
    can_cancel: bool | None = None


_decoder = msgspec.json.Decoder(StreamUrlRequest)


def parse_stream_url_request(raw: bytes) -> StreamUrlRequest:
    """Decode a body; an empty one asks for nothing special. Raises InvalidRequestError naming the field."""
    return decode_body(raw, _decoder) if raw else StreamUrlRequest()
