"""Calls and queries of batches: by whoever asks for one, and by the process that owns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from penstock.batches.batch import Batch, BatchStatus, Cursor, batch_sources, encode_cursor
from penstock.batches.line import Place
from penstock.batches.part import BatchPart, decode_part, encode_part
from penstock.broker import replies
from penstock.broker.keys import keys_of
from penstock.broker.observing import clock_ms
from penstock.broker.query import Query
from penstock.broker.script import Argument, Call, Script, text
from penstock.broker.submission import ENQUEUE, enqueue_arguments, enqueue_keys, job_arguments
from penstock.job import NewJob

_CREATE = Script("create_batch")
_OWN = Script("own_batch")
_CHANGE = Script("change_batch")
_RECORD = Script("record_parts")
_SETTLE = Script("settle_batch")

_encode = msgspec.msgpack.Encoder().encode
_place = msgspec.msgpack.Decoder(Place)

#: Batches of one tenant that can be listed, per pool: the newest.
MOST_INDEXED = 10_000


class Progress(Struct, frozen=True, kw_only=True):
    """What is written down together with a batch's parts."""

    #: Lines of output recorded before, and with them.
    before: int
    after: int
    parts: Sequence[BatchPart]
    #: Those in the list of ends that are done with.
    ends: Sequence[str] = ()
    #: Jobs whose results are in these parts, and those of them whose records are needed no more.
    jobs: Sequence[str] = ()
    forgotten: Sequence[str] = ()
    #: Fields of the record: new values, and what to add.
    fields: Mapping[str, str | int] = {}
    counts: Mapping[str, int] = {}


def create(
    pool: str, batch_id: str, tenant: str, fields: Mapping[str, str | int], *, window_ms: int, keep_ms: int, most: int
) -> Call[str]:
    """Record a batch that is to be validated: "created", "exists" or "full" (the pool has so many open ones)."""
    keys = keys_of(pool)
    return Call(
        _CREATE,
        (keys.batch(batch_id), keys.open_batches, keys.batch_index(tenant), keys.batch_wake_up),
        (batch_id, most, MOST_INDEXED, window_ms + keep_ms, window_ms, _flat(fields)),
        text,
    )


def batch(pool: str, batch_id: str) -> Query[Batch | None]:
    """A batch, or None if there is no record of it (any more)."""
    return Query(("HGETALL", keys_of(pool).batch(batch_id)), partial(_batch, batch_id))


def take(pool: str, batch_id: str, token: str, ttl_ms: int) -> Call[str]:
    """Take the right to work on a batch, under a new token: "owned", "held" or "missing"."""
    return Call(_OWN, (keys_of(pool).batch(batch_id),), (token, ttl_ms, "take"), text)


def renew(pool: str, batch_id: str, token: str, ttl_ms: int) -> Call[str]:
    """Renew it; for no time at all, it is given up: "owned", "held" or "missing"."""
    return Call(_OWN, (keys_of(pool).batch(batch_id),), (token, ttl_ms, "renew"), text)


def change(
    pool: str, batch_id: str, token: str, status: BatchStatus, fields: Mapping[str, str | int] = {}
) -> Call[str]:
    """Give a batch another status: "changed", "repeated", "moved", "fenced" or "missing"; "" is nobody's token."""
    args = (token, status, batch_sources(status), f"{status}_ms", _flat(fields))
    return Call(_CHANGE, (keys_of(pool).batch(batch_id),), args, text)


def enqueue_lines(
    batch_id: str,
    token: str,
    lines: Sequence[tuple[NewJob, Place]],
    *,
    cursor: Cursor,
    expanded: int,
    max_jobs: int,
    max_bytes: int,
) -> Call[str]:
    """Make jobs of a batch's lines, all of one lane, and move its cursor: "enqueued", "full" or "fenced"."""
    jobs = [job for job, _ in lines]
    keys = keys_of(jobs[0].pool)
    moved = _flat({"cursor": encode_cursor(cursor).decode(), "expanded": expanded})
    args = enqueue_arguments(jobs, max_jobs, max_bytes, token, moved)
    for job, place in lines:
        args += (*job_arguments(job), _encode(place))
    common = (*enqueue_keys(jobs[0]), keys.batch(batch_id), keys.batch_open(batch_id))
    return Call(ENQUEUE, [*common, *(keys.job(job.id) for job in jobs)], args, _enqueued)


def record(pool: str, batch_id: str, token: str, progress: Progress) -> Call[str]:
    """Write down that parts are in storage: "recorded", "repeated", "moved", "fenced" or "missing"."""
    keys = keys_of(pool)
    args: list[Argument] = [
        *(token, progress.before, progress.after, len(progress.ends), len(progress.parts)),
        *(_flat(progress.fields), _flat(progress.counts)),
        *(encode_part(part) for part in progress.parts),
        *progress.ends,
        *progress.jobs,
    ]
    own_keys = (keys.batch(batch_id), keys.batch_open(batch_id), keys.batch_ends(batch_id), keys.batch_parts(batch_id))
    return Call(_RECORD, [*own_keys, *(keys.job(job) for job in progress.forgotten)], args, text)


def settle(pool: str, batch_id: str, token: str, keep_ms: int) -> Call[str]:
    """Nothing is left to do: "settled", "fenced" or "missing"."""
    keys = keys_of(pool)
    return Call(
        _SETTLE,
        (
            *(keys.batch(batch_id), keys.open_batches, keys.batch_open(batch_id)),
            *(keys.batch_ends(batch_id), keys.batch_parts(batch_id)),
        ),
        (token, batch_id, keep_ms),
        text,
    )


def open_batches(pool: str) -> Query[list[str]]:
    """The batches of a pool from whose end something is left to do, the oldest first."""
    return Query(("ZRANGE", keys_of(pool).open_batches, 0, -1), replies.names)


class Owned(Struct, frozen=True):
    """Whose an open batch is, and until when a process has the right to work on it (Unix milliseconds)."""

    tenant: str
    until_ms: int


def owned(pool: str, batch_id: str) -> Query[Owned | None]:
    """The same of one, or None if there is no record of it (any more)."""
    return Query(("HMGET", keys_of(pool).batch(batch_id), "tenant", "owned_until_ms"), _owned)


def ends(pool: str, batch_id: str, count: int) -> Query[list[str]]:
    """The first jobs of a batch that have ended and are in no part."""
    return Query(("LRANGE", keys_of(pool).batch_ends(batch_id), 0, count - 1), replies.names)


def look(pool: str, batch_id: str) -> Sequence[Query[Any]]:
    """A batch, its jobs that are in no part yet, how many of these have ended, and the time: what `next_step` asks."""
    keys = keys_of(pool)
    return (
        batch(pool, batch_id),
        Query(("HLEN", keys.batch_open(batch_id)), int),
        Query(("LLEN", keys.batch_ends(batch_id)), int),
        clock_ms(),
    )


def open_lines(pool: str, batch_id: str) -> Query[dict[str, Place]]:
    """All of these, by id."""
    return Query(("HGETALL", keys_of(pool).batch_open(batch_id)), _places)


def lines_of(pool: str, batch_id: str, jobs: Sequence[str]) -> Query[list[Place | None]]:
    """The lines of jobs; None for one that is in a part."""
    command = ("HMGET", keys_of(pool).batch_open(batch_id), *jobs)
    return Query(command, lambda reply: [None if one is None else _place.decode(one) for one in reply])


def parts(pool: str, batch_id: str) -> Query[list[BatchPart]]:
    """The parts of a batch's output, in order."""
    return Query(("LRANGE", keys_of(pool).batch_parts(batch_id), 0, -1), lambda reply: [decode_part(p) for p in reply])


def indexed(pool: str, tenant: str, *, newest_ms: int | None, skip: int, count: int) -> Query[list[tuple[int, str]]]:
    """A page of a tenant's batches in a pool, newest first: the moment of creation and the id of each.

    `newest_ms` leaves out those made after it; `skip` so many of the others.
    """
    bound = "+inf" if newest_ms is None else newest_ms
    command = ("ZREVRANGEBYSCORE", keys_of(pool).batch_index(tenant), bound, "-inf", "WITHSCORES", "LIMIT", skip, count)
    return Query(command, replies.scored)


def place_of(pool: str, tenant: str, batch_id: str) -> Query[tuple[int, str] | None]:
    """Where a batch stands in its tenant's list, or None where it is not in it."""
    command = ("ZSCORE", keys_of(pool).batch_index(tenant), batch_id)
    return Query(command, replies.place_of(batch_id))


def forget(pool: str, tenant: str, batch_ids: Sequence[str]) -> Query[int]:
    """Strike batches whose records are gone off the list."""
    return Query(("ZREM", keys_of(pool).batch_index(tenant), *batch_ids), int)


def _flat(fields: Mapping[str, Any]) -> bytes:
    return _encode([part for pair in fields.items() for part in pair])


def _owned(reply: list[bytes | None]) -> Owned | None:
    tenant, until_ms = reply
    return None if tenant is None else Owned(tenant.decode(), int(until_ms or 0))


def _batch(batch_id: str, reply: list[bytes]) -> Batch | None:
    return Batch.from_record(batch_id, dict(zip(reply[::2], reply[1::2], strict=True))) if reply else None


def _enqueued(reply: list[list[bytes]]) -> str:
    words = {one[0].decode() for one in reply}
    # A repeat finds the jobs that it made.
    return words.pop() if words in ({"full"}, {"fenced"}) else "enqueued"


def _places(reply: list[bytes]) -> dict[str, Place]:
    return {job.decode(): _place.decode(one) for job, one in zip(reply[::2], reply[1::2], strict=True)}
