"""Calls of who reads a pool's ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.broker.script import Argument, Call, Script, text
from penstock.job import State
from penstock.ledger import Entry

_LEAD = Script("lead_ledger")
_APPLY = Script("apply_ledger")


class BatchEnds(Struct, frozen=True):
    """Jobs of a batch that have ended."""

    completed: list[str]
    others: list[str]


class Page(Struct, frozen=True):
    """Entries from one place of the ledger on."""

    entries: Sequence[Entry]
    #: Ids of entries that nobody can read.
    unreadable: Sequence[str]
    #: The last entry's id; the place from which the next page follows.
    last: str

    @property
    def batches(self) -> dict[str, BatchEnds]:
        """The jobs that are lines of a batch, by batch."""
        found = dict[str, BatchEnds]()
        for entry in self.entries:
            if entry.batch:
                of_batch = found.setdefault(entry.batch, BatchEnds([], []))
                (of_batch.completed if entry.state is State.COMPLETED else of_batch.others).append(entry.job)
        return found

    def first(self, count: int) -> Page:
        """The same up to this many entries; with all of them, it is the whole page."""
        if count >= len(self.entries):
            return self
        last = self.entries[count - 1].id
        unreadable = [entry for entry in self.unreadable if _place(entry) < _place(last)]
        return Page(self.entries[:count], unreadable, last)


def lead(pool: str, token: str, ttl_ms: int) -> Call[bool]:
    """Take or renew the right to read; whether we have it."""
    return Call(_LEAD, (keys_of(pool).ledger_leader,), (token, ttl_ms), lambda reply: reply == b"leading")


def cursor(pool: str) -> Query[str]:
    """The last entry that was applied, "" for none."""
    return Query(("GET", keys_of(pool).ledger_cursor), lambda reply: "" if reply is None else reply.decode())


def after(pool: str, place: str, count: int) -> Query[Page]:
    """At most so many entries behind a place; "" is the beginning."""
    start = f"({place}" if place else "-"
    return Query(("XRANGE", keys_of(pool).ledger, start, "+", "COUNT", count), _page)


def length(pool: str) -> Query[int]:
    """How many entries wait."""
    return Query(("XLEN", keys_of(pool).ledger), int)


def apply(
    pool: str,
    token: str,
    *,
    before: str,
    last: str,
    counts: Mapping[str, Mapping[str, int]],
    keep_ms: int,
    batches: Mapping[str, BatchEnds] | None = None,
) -> Call[str]:
    """Add counts by day and name, and move the cursor from `before` to `last`: "applied", "moved" or "not_leader".

    `keep_ms` is how long a day's counts are kept after something was added to them; `batches` are told of their jobs.
    """
    keys = keys_of(pool)
    names = [keys.ledger_leader, keys.ledger, keys.ledger_cursor, *(keys.usage(day) for day in counts)]
    args: list[Argument] = [token, before, last, _next(last), len(counts)]
    for of_day in counts.values():
        args += (keep_ms, len(of_day), *(part for pair in of_day.items() for part in pair))
    for batch, ended in (batches or {}).items():
        names += (keys.batch(batch), keys.batch_ends(batch))
        args += (len(ended.completed), len(ended.others), *ended.completed, *ended.others)
    return Call(_APPLY, names, args, text)


def usage(pool: str, day: str) -> Query[Mapping[bytes, bytes]]:
    """A day's counts as they are kept; see penstock/usage.py."""
    return Query(("HGETALL", keys_of(pool).usage(day)), _pairs)


def _page(reply: list[Any]) -> Page:
    entries, unreadable = list[Entry](), list[str]()
    for entry, fields in reply:
        try:
            entries.append(Entry.from_stream(entry, dict(zip(fields[::2], fields[1::2], strict=True))))
        except (ValueError, KeyError, msgspec.DecodeError):
            unreadable.append(entry.decode())
    return Page(entries, unreadable, reply[-1][0].decode() if reply else "")


def _pairs(reply: list[bytes]) -> Mapping[bytes, bytes]:
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _place(entry: str) -> tuple[int, int]:
    """Where an entry stands in the stream; greater is later."""
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number)


def _next(entry: str) -> str:
    """The least id above that of an entry."""
    milliseconds, number = _place(entry)
    return f"{milliseconds}-{number + 1}"
