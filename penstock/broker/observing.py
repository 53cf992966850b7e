"""Queries of the leading scheduler: who works, what waits, what is held, and what was generated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from penstock.broker.holding import Held, name_of
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.frames import Generated, decode_generated
from penstock.job import State

#: The state of an instance whose record is none: of another type, or with words where numbers are.
UNREADABLE = "unreadable"
INSTANCE_FIELDS = ("name", "state", "slots", "beat", "why", "engine", "host", "pid", "checking")
_STANDING_FIELDS = ("state", "fence", "worker", "lane", "entry", "listeners", "deadline_ms", "run_timeout_ms")
#: Begins a walk through a stream; the id of a page's last entry continues it.
FROM_START = ""


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """What an instance last said of itself; where Redis has no record of it, `state` is empty."""

    instance: str
    name: str
    state: str
    slots: int
    beat: int
    #: Why it was declared lost, or what its engine last failed of.
    why: str
    engine: str
    host: str
    pid: str
    #: Jobs that it had begun to look at, and had no token of, when it last spoke.
    checking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands: the part of its record that moves it."""

    job: str
    state: State
    fence: int
    worker: str
    lane: str
    entry: str
    listeners: str
    deadline_ms: int
    #: How long it may run, as it was promised.
    run_timeout_ms: int


@dataclass(frozen=True, slots=True)
class WaitSpan:
    """When a job began to wait and when it was assigned, and the trace it belongs to."""

    trace: str
    created_ms: int
    assigned_ms: int


def clock_ms() -> Query[int]:
    """Redis' clock, which dates every record."""
    return Query(("TIME",), lambda reply: int(reply[0]) * 1000 + int(reply[1]) // 1000)


def lane_counts(pool: str) -> Query[dict[str, int]]:
    """Waiting jobs by lane."""
    return Query(("HGETALL", keys_of(pool).lane_counts), read_numbers)


def lane_bytes(pool: str) -> Query[dict[str, int]]:
    """Waiting bytes by lane."""
    return Query(("HGETALL", keys_of(pool).lane_bytes), read_numbers)


def waiting(pool: str, lane: str, count: int, after: str = FROM_START) -> Query[list[tuple[str, str]]]:
    """A page of a lane, oldest first: job id and entry id."""
    return Query(_page(keys_of(pool).lane(lane), after, count), read_waiting)


def waits_at(pool: str, lane: str, entry: str) -> Query[str | None]:
    """The job at one entry of a lane."""
    return Query(("XRANGE", keys_of(pool).lane(lane), entry, entry), _first_job)


def instances(pool: str) -> Query[frozenset[str]]:
    """Every instance that is not retired yet."""
    return Query(("SMEMBERS", keys_of(pool).instances), _names)


def instance(pool: str, name: str) -> Query[InstanceRecord]:
    """One instance."""
    return Query(("HMGET", keys_of(pool).worker(name), *INSTANCE_FIELDS), partial(read_instance, name))


def held(pool: str, name: str, count: int, after: str = FROM_START) -> Query[list[Held]]:
    """A page of the jobs an instance holds."""
    return Query(_page(keys_of(pool).inbox(name), after, count), _held)


def journal(pool: str, name: str, count: int, after: str = FROM_START) -> Query[list[tuple[str, list[bytes]]]]:
    """A page of an instance's journal: the id and the frames of each step."""
    return Query(_page(keys_of(pool).journal(name), after, count), _journal)


def standing(pool: str, job_id: str) -> Query[Standing | None]:
    """How a job stands, or None if it has no record (any more)."""
    return Query(("HMGET", keys_of(pool).job(job_id), *_STANDING_FIELDS), partial(_standing, job_id))


def prefix(pool: str, job_id: str) -> Query[Generated]:
    """What a job's record keeps of its tokens."""
    return Query(("HGET", keys_of(pool).job(job_id), "prefix"), lambda reply: decode_generated(reply or b""))


def wait_span(pool: str, job_id: str) -> Query[WaitSpan]:
    """What the span of a job's waiting needs."""
    return Query(("HMGET", keys_of(pool).job(job_id), "trace", "created_ms", "assigned_ms"), _wait_span)


def next_deadline_ms(pool: str) -> Query[int | None]:
    """The earliest deadline of all live jobs, or None where there are none."""
    command = ("ZRANGE", keys_of(pool).live, 0, 0, "WITHSCORES")
    return Query(command, lambda reply: int(float(reply[1])) if reply else None)


def deadline_ms(pool: str, job_id: str) -> Query[int | None]:
    """When a live job is overdue, or None if it is not among them."""
    command = ("ZSCORE", keys_of(pool).live, job_id)
    return Query(command, lambda reply: None if reply is None else int(float(reply)))


def overdue(pool: str, now_ms: int, offset: int, count: int) -> Query[list[str]]:
    """A page of the jobs whose deadline has passed, the longest overdue first."""
    command = ("ZRANGEBYSCORE", keys_of(pool).live, "-inf", now_ms, "LIMIT", offset, count)
    return Query(command, lambda ids: [job_id.decode() for job_id in ids])


def live(pool: str, cursor: int, count: int) -> Query[tuple[int, list[str]]]:
    """About `count` jobs that have not ended, and the cursor that continues the walk (0: it is through)."""
    return Query(("ZSCAN", keys_of(pool).live, cursor, "COUNT", count), _scanned)


def read_numbers(reply: list[bytes]) -> dict[str, int]:
    """Read a hash of numbers."""
    return {name.decode(): int(value) for name, value in _pairs(reply)}


def read_waiting(reply: list[Any]) -> list[tuple[str, str]]:
    """Read entries of a lane: job id and entry id."""
    return [(fields[1].decode(), entry.decode()) for entry, fields in reply]


def read_instance(name: str, reply: list[bytes | None]) -> InstanceRecord:
    """Read the INSTANCE_FIELDS of an instance."""
    texts = [(value or b"").decode() for value in reply]
    base, state, slots, beat, why, engine, host, pid, checking = texts
    jobs = frozenset(filter(None, checking.split(",")))
    return InstanceRecord(name, base, state, int(slots or 0), int(beat or 0), why, engine, host, pid, jobs)


def unreadable_instance(name: str) -> InstanceRecord:
    """An instance of which nothing can be known."""
    return InstanceRecord(name, name_of(name), UNREADABLE, 0, 0, "", "", "", "", frozenset())


def register_again(pool: str, instances: Sequence[str]) -> Query[int]:
    """List instances that the set of them has lost; whoever among them is gone is found to be lost."""
    return Query(("SADD", keys_of(pool).instances, *instances), int)


def newest_instances(pool: str) -> Query[frozenset[str]]:
    """The newest instance of each worker."""
    return Query(("HVALS", keys_of(pool).workers), _names)


def _names(reply: Sequence[bytes]) -> frozenset[str]:
    return frozenset(name.decode() for name in reply)


def _page(key: str, after: str, count: int) -> tuple[str, str, str, str, str, int]:
    return ("XRANGE", key, f"({after}" if after else "-", "+", "COUNT", count)


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _first_job(reply: list[Any]) -> str | None:
    return reply[0][1][1].decode() if reply else None


def _held(reply: list[Any]) -> list[Held]:
    return [_held_at(entry, dict(_pairs(fields))) for entry, fields in reply]


def _held_at(entry: bytes, fields: dict[bytes, bytes]) -> Held:
    """What nobody of us wrote stands for no job, and is dropped as such."""
    try:
        return Held.from_entry(entry, fields)
    except (KeyError, ValueError):
        return Held("", 0, entry.decode())


def _journal(reply: list[Any]) -> list[tuple[str, list[bytes]]]:
    return [(entry.decode(), fields[1::2]) for entry, fields in reply]


def _standing(job_id: str, reply: list[bytes | None]) -> Standing | None:
    if reply[0] is None:
        return None
    state, fence, worker, lane, entry, listeners, *times_ms = ((value or b"").decode() for value in reply)
    numbers = (int(time_ms or 0) for time_ms in times_ms)
    int(entry.partition("-")[0] or 0)
    return Standing(job_id, State(state), int(fence or 0), worker, lane, entry, listeners, *numbers)


def _wait_span(reply: list[bytes | None]) -> WaitSpan:
    trace, created_ms, assigned_ms = ((value or b"").decode() for value in reply)
    return WaitSpan(trace, int(created_ms or 0), int(assigned_ms or 0))


def _scanned(reply: list[Any]) -> tuple[int, list[str]]:
    cursor, flat = reply
    return int(cursor), [job_id.decode() for job_id in flat[::2]]
