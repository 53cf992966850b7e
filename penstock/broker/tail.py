"""A worker's two streams, inbox and control, read as they grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from msgspec import Struct

from penstock.broker.client import Broker, read
from penstock.broker.error_replies import LOST
from penstock.broker.holding import Held
from penstock.broker.keys import keys_of
from penstock.broker.link import Command, raise_any
from penstock.broker.query import Query
from penstock.errors import BrokerError, BrokerUnavailableError

T = TypeVar("T")

#: A read asks the server to answer within this time, so that nobody ever needs to cancel one.
_BLOCK_MS = 2000
#: A server that is this much later than it was asked to be will not answer at all.
_GRACE_S = 1.0
_MOST_ENTRIES = 256


class Cancel(Struct, frozen=True):
    """A job is to end that was assigned under this fence, or an older one."""

    job: str
    fence: int


class Attach(Struct, frozen=True):
    """An ingress wants a job's tokens from `offset` on; see NewJob.listeners."""

    job: str
    listener: str
    offset: int


class Arrivals(Struct, frozen=True):
    """What came in one read, in order."""

    held: Sequence[Held]
    controls: Sequence[Cancel | Attach]
    #: Entries that none of our scripts has written; they are gone.
    unreadable: Sequence[str]


class Tail:
    """The end of an instance's streams. No group, so nothing is pending: what a lost reply had is read again."""

    def __init__(self, broker: Broker, pool: str, instance: str) -> None:
        self._broker = broker
        self._channel = broker.channel()
        keys = keys_of(pool)
        self._inbox, self._control = keys.inbox(instance).encode(), keys.control(instance).encode()
        self._last = {self._inbox: b"0", self._control: b"0"}

    async def read(self) -> Arrivals:
        """Wait for entries, at most two seconds. Raises BrokerUnavailableError, BrokerDataError."""
        command: Command = (
            "XREAD",
            "COUNT",
            _MOST_ENTRIES,
            "BLOCK",
            _BLOCK_MS,
            "STREAMS",
            *self._last,
            *self._last.values(),
        )
        try:
            # Cuts off only a connection that has gone silent.
            replies = await self._channel.ask([command], _BLOCK_MS / 1000 + _GRACE_S)
            raise_any(replies, LOST)
        except LOST as error:
            raise BrokerUnavailableError(f"Redis is out of reach: {error}") from error
        streams = read(lambda reply: dict(reply or ()), replies[0], command)
        for stream, entries in streams.items():
            self._last[stream] = entries[-1][0]
        held, bad = _sorted(streams.get(self._inbox, ()), Held.from_entry)
        controls, bad_controls = _sorted(streams.get(self._control, ()), _control)
        await self._clear(self._inbox, bad)
        await self._clear(self._control, [entry for entry, _ in streams.get(self._control, ())])
        return Arrivals(held, controls, [entry.decode() for entry in (*bad, *bad_controls)])

    async def drop(self, held: Sequence[Held]) -> None:
        """Take entries out of the inbox that are not ours (any more): an older fence never becomes valid again."""
        await self._drop(self._inbox, [one.entry for one in held])

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()

    async def _clear(self, stream: bytes, entries: Sequence[bytes]) -> None:
        # What stays because Redis went away is bounded by the scripts that write it.
        with suppress(BrokerError):
            if entries:
                await self._drop(stream, entries)

    async def _drop(self, stream: bytes, entries: Sequence[str | bytes]) -> None:
        await self._broker.ask(Query(("XDEL", stream, *entries), int))


def _sorted(
    entries: Sequence[tuple[bytes, Any]], parse: Callable[[bytes, dict[bytes, bytes]], T]
) -> tuple[list[T], list[bytes]]:
    """What can be read, and the ids of what cannot."""
    found: list[T] = []
    unreadable: list[bytes] = []
    for entry, fields in entries:
        try:
            found.append(parse(entry, dict(_pairs(fields))))
        except (KeyError, ValueError):
            unreadable.append(entry)
    return found, unreadable


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _control(_entry: bytes, fields: dict[bytes, bytes]) -> Cancel | Attach:
    if b"cancel" in fields:
        return Cancel(fields[b"cancel"].decode(), int(fields[b"fence"]))
    return Attach(fields[b"attach"].decode(), fields[b"listener"].decode(), int(fields[b"offset"]))
