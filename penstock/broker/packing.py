"""Connections that pack commands in C; redis-py's asyncio side does it in Python, which costs six times as much."""

from __future__ import annotations

from typing import Any

import hiredis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection


class _PackedInC:
    """Packs what hiredis can pack: text, bytes and numbers, which is all that we send."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """One command in the protocol's form; "CONFIG GET" and its like are two words of it."""
        name, *rest = args
        words = name.split() if isinstance(name, str) and " " in name else (name,)
        return [hiredis.pack_command((*words, *rest))]


class TcpConnection(_PackedInC, Connection):
    """Over TCP."""


class TlsConnection(_PackedInC, SSLConnection):
    """Over TLS."""


class UnixConnection(_PackedInC, UnixDomainSocketConnection):
    """Over a unix socket."""
