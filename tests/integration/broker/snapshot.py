"""All that a pool's scripts leave behind, read at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.broker.holding import Held
from penstock.broker.keys import PoolKeys
from penstock.job import RESUME_LANE, State
from penstock.ledger import Entry
from penstock.usage import day_of, usage_of

LANES = (RESUME_LANE, "standard:acme", "batch:acme")

#: What PTTL says of a key that is not there.
_NO_KEY = -2

Record = dict[bytes, bytes]


@dataclass(frozen=True)
class Waiting:
    """A lane entry."""

    job: str
    lane: str
    entry: str
    bytes: int


@dataclass(frozen=True)
class Taken:
    """An inbox entry."""

    instance: str
    held: Held


@dataclass
class Snapshot:
    """A pool at one moment; beats and what is sent to workers are left out, for a repeat may add to them."""

    waiting: list[Waiting]
    #: Waiting jobs and bytes by lane, as the scripts count them.
    counts: dict[str, int]
    sizes: dict[str, int]
    taken: list[Taken]
    workers: dict[str, Record]
    names: Record
    instances: set[bytes]
    live: dict[str, float]
    records: dict[str, Record]
    #: Whole minutes until a record goes; None where it stays.
    ttls_min: dict[str, int | None]
    dead_letters: int
    #: What of the ledger nobody has applied yet.
    ledger: list[Entry]
    cursor: str
    #: By measure, over all days and lines.
    used: Counter[str]

    def jobs(self, states: frozenset[State]) -> dict[str, Record]:
        """The records in one of these states."""
        return {job: record for job, record in self.records.items() if State(record[b"state"].decode()) in states}


def look(client: Any, keys: PoolKeys, jobs: Sequence[str], instances: Sequence[str]) -> Snapshot:
    """One round trip."""
    pipe = client.pipeline(transaction=False)
    pipe.hgetall(keys.lane_counts).hgetall(keys.lane_bytes).hgetall(keys.workers).smembers(keys.instances)
    pipe.zrange(keys.live, 0, -1, withscores=True).xlen(keys.dead_letters)
    pipe.xrange(keys.ledger).get(keys.ledger_cursor).hgetall(keys.usage(day_of(time.time_ns() // 1_000_000)))
    for lane in LANES:
        pipe.xrange(keys.lane(lane))
    for instance in instances:
        pipe.xrange(keys.inbox(instance)).hgetall(keys.worker(instance))
    for job in jobs:
        pipe.hgetall(keys.job(job)).pttl(keys.job(job))
    counts, sizes, names, registered, live, dead_letters, ledger, cursor, usage, *replies = pipe.execute()
    lanes, rest = replies[: len(LANES)], replies[len(LANES) :]
    inboxes, workers = rest[: 2 * len(instances) : 2], rest[1 : 2 * len(instances) : 2]
    records, ttls_ms = rest[2 * len(instances) :: 2], rest[2 * len(instances) + 1 :: 2]
    return Snapshot(
        waiting=[_waiting(lane, *entry) for lane, entries in zip(LANES, lanes, strict=True) for entry in entries],
        counts=_numbers(counts),
        sizes=_numbers(sizes),
        taken=[
            Taken(instance, Held.from_entry(*entry))
            for instance, entries in zip(instances, inboxes, strict=True)
            for entry in entries
        ],
        workers={instance: _without_beat(worker) for instance, worker in zip(instances, workers, strict=True)},
        names=names,
        instances=registered,
        live={job.decode(): score for job, score in live},
        records={job: record for job, record in zip(jobs, records, strict=True) if record},
        ttls_min={
            job: None if ttl == -1 else round(ttl / 60_000)
            for job, ttl in zip(jobs, ttls_ms, strict=True)
            if ttl != _NO_KEY
        },
        dead_letters=dead_letters,
        ledger=[Entry.from_stream(*entry) for entry in ledger],
        cursor=(cursor or b"").decode(),
        used=sum((Counter(measures) for measures in usage_of(usage).values()), Counter()),
    )


def _waiting(lane: str, entry: bytes, fields: Record) -> Waiting:
    return Waiting(fields[b"j"].decode(), lane, entry.decode(), int(fields[b"b"]))


def _numbers(reply: Record) -> dict[str, int]:
    return {name.decode(): int(value) for name, value in reply.items()}


def _without_beat(worker: dict[bytes, Any]) -> Record:
    return {field: value for field, value in worker.items() if field != b"beat"}
