"""What a Redis server says of itself, and what about it does not suit us."""

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
class Server:
    """Facts that hold as long as the server runs; what it does not tell is empty."""

    version: tuple[int, int] = (0, 0)
    #: master or slave.
    role: str = ""
    #: Its maxmemory-policy.
    eviction: str = ""

    @classmethod
    def from_info(cls, info: bytes) -> Server:
        """Read its INFO, which services that forbid CONFIG permit too."""
        fields = {name: value.decode(errors="replace") for name, value in _FIELD.findall(info)}
        major, minor = (*re.findall(r"\d+", fields.get(b"redis_version", "")), "0", "0")[:2]
        return cls(
            version=(int(major), int(minor)),
            role=fields.get(b"role", ""),
            eviction=fields.get(b"maxmemory_policy", ""),
        )

    @property
    def knows_flags(self) -> bool:
        """Whether scripts may say what they are allowed to do."""
        return self.version >= _FLAGS_SINCE


def unsuitable(server: Server) -> Iterator[str]:
    """One sentence for each thing that will go wrong with this server, and what to do about it."""
    if (0, 0) < server.version < OLDEST_VERSION:
        yield (
            f"Redis {'.'.join(map(str, server.version))} is older than {'.'.join(map(str, OLDEST_VERSION))} and lacks "
            "commands that every job needs: upgrade it."
        )
    if server.role == "slave":
        yield "This Redis is a replica and takes no writes: give the URL of its master, or redis+sentinel://."
    if server.eviction.startswith("allkeys-"):
        yield (
            f"Redis has maxmemory-policy {server.eviction}: at its memory limit it deletes whatever it likes, accepted "
            "jobs and running ones among it. Set noeviction: then new work is refused and nothing is lost."
        )
    if server.eviction.startswith("volatile-"):
        yield (
            f"Redis has maxmemory-policy {server.eviction}: at its memory limit it deletes what has an expiry, such as "
            "unread results and leaderships. Set noeviction: then new work is refused and nothing is lost."
        )


def warn_of(server: Server) -> None:
    """Log what does not suit us."""
    for why in unsuitable(server):
        log.warning(events.REDIS_UNSUITABLE, why=why)
