"""What a Redis or Valkey server says of itself, and what about it does not suit us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from penstock.telemetry import events, logs

OLDEST_VERSION = (6, 2)
#: The first that knows script flags.
_FLAGS_SINCE = (7, 0)
_FIELD = re.compile(rb"^(\w+):(.*?)\r?$", re.MULTILINE)

log = logs.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Facts that hold as long as the server runs; what it does not tell is empty."""

    #: Of the Redis that it is, or with which it is compatible: every Valkey says 7.2.4.
    version: tuple[int, int] = (0, 0)
    #: What its operator knows it by: `Redis 7.0.15`, `Valkey 9.1.2`.
    name: str = "Redis"
    #: master or slave.
    role: str = ""
    #: Its maxmemory-policy.
    eviction: str = ""

    @classmethod
    def from_info(cls, info: bytes) -> RedisServer:
        """Read its INFO, which services that forbid CONFIG permit too."""
        fields = {name: value.decode(errors="replace") for name, value in _FIELD.findall(info)}
        major, minor = (*re.findall(r"\d+", fields.get(b"redis_version", "")), "0", "0")[:2]
        return cls(
            version=(int(major), int(minor)),
            name=_name(fields),
            role=fields.get(b"role", ""),
            eviction=fields.get(b"maxmemory_policy", ""),
        )

    @property
    def knows_flags(self) -> bool:
        """Whether scripts may say what they are allowed to do."""
        return self.version >= _FLAGS_SINCE


def _name(fields: dict[bytes, str]) -> str:
    valkey_version = fields.get(b"valkey_version", "")
    version = valkey_version or fields.get(b"redis_version", "")
    return f"{'Valkey' if valkey_version else 'Redis'} {version}".rstrip()


def unsuitable(server: RedisServer) -> Iterator[str]:
    """One sentence for each thing that will go wrong with this server, and what to do about it."""
    if (0, 0) < server.version < OLDEST_VERSION:
        yield (
            f"{server.name} is older than {'.'.join(map(str, OLDEST_VERSION))} and lacks commands that every job "
            "needs: upgrade it."
        )
    if server.role == "slave":
        yield f"This {server.name} is a replica and takes no writes: give the URL of its master, or redis+sentinel://."
    if server.eviction.startswith("allkeys-"):
        yield (
            f"{server.name} has maxmemory-policy {server.eviction}: at its memory limit it deletes whatever it likes, "
            "accepted jobs and running ones among it. Set noeviction: then new work is refused and nothing is lost."
        )
    if server.eviction.startswith("volatile-"):
        yield (
            f"{server.name} has maxmemory-policy {server.eviction}: at its memory limit it deletes what has an expiry, "
            "such as unread results and leaderships. Set noeviction: then new work is refused and nothing is lost."
        )


def warn_of(server: RedisServer) -> None:
    """Log what does not suit us."""
    for why in unsuitable(server):
        log.warning(events.REDIS_UNSUITABLE, why=why)
