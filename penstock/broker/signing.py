"""Calls of an ingress for the keys that all ingresses sign stream tokens with."""

from __future__ import annotations

from penstock.broker.keys import stream_key
from penstock.broker.query import Query
from penstock.broker.script import Call, Script

_STREAM_KEY = Script("stream_key")


def key_of_period(period: int, new: bytes, ttl_ms: int) -> Call[bytes]:
    """The key of a period: `new`, unless another ingress made one before."""
    return Call(_STREAM_KEY, (stream_key(period),), (new, ttl_ms), bytes)


def known_key(period: int) -> Query[bytes | None]:
    """The key of a period, None where it was never made, or is forgotten."""
    return Query(("GET", stream_key(period)), lambda reply: reply)
