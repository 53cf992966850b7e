"""Calls of an ingress: accept a job, end it early, attach to it, leave it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from penstock.broker.keys import keys_of
from penstock.broker.script import Call, Script, text
from penstock.frames import Failure, Generated, Result, decode_generated, decode_result, encode_result
from penstock.job import REPLACEABLE, NewJob, State, sources

_ENQUEUE = Script("enqueue")
_WITHDRAW = Script("withdraw")
_REQUEST_CANCEL = Script("request_cancel")
_ATTACH = Script("attach")
_LEAVE = Script("leave")

_REPLACEABLE = "," + "".join(f"{state}," for state in sorted(REPLACEABLE))

#: An ingress that is pushed out by newer ones notices the silence and attaches again.
MAX_LISTENERS = 8


class Accepted(Struct, frozen=True):
    """The job is in its lane."""

    #: By Redis' clock: what every chunk of the answer says, on whichever ingress it is read.
    created_ms: int


class Exists(Struct, frozen=True):
    """A job of this id was accepted before."""

    state: State
    digest: str
    created_ms: int
    fence: int
    #: Why it did not complete, where it ended so and there is more to say than its state.
    failure: Failure | None = None


class LaneFull(Struct, frozen=True):
    """The lane takes no more; nothing was written."""

    jobs: int
    bytes: int


def enqueue(
    job: NewJob, *, max_jobs: int, max_bytes: int, replaces: int | None = None
) -> Call[Accepted | Exists | LaneFull]:
    """Record and lane entry in one; a bound of 0 is none.

    `replaces` is the fence of a run of the same job that has ended: this one takes its place, unless another has.
    """
    keys = keys_of(job.pool)
    fields: list[str | bytes | int] = [
        *("api", job.api, "body", job.body, "digest", job.digest, "rich", "1" if job.is_rich else ""),
        *("model", job.model, "class", job.job_class, "tenant", job.tenant),
        *("listeners", job.listeners, "kept", "1" if job.is_kept else "", "trace", job.trace, "prefix", job.prefix),
        *("queue_timeout_ms", job.queue_timeout_ms, "run_timeout_ms", job.run_timeout_ms),
        *("result_ttl_ms", job.result_ttl_ms),
    ]
    return Call(
        _ENQUEUE,
        (keys.job(job.id), keys.lane(job.lane), keys.lane_counts, keys.lane_bytes, keys.live, keys.bell),
        (
            *(job.id, job.lane, len(job.body), max_jobs, max_bytes, job.queue_timeout_ms, job.fence),
            *("" if replaces is None else replaces, _REPLACEABLE, *fields),
        ),
        _enqueued,
    )


def _enqueued(reply: list[Any]) -> Accepted | Exists | LaneFull:
    match reply:
        case [b"accepted", created_ms]:
            return Accepted(int(created_ms))
        case [b"exists", state, digest, created_ms, fence, result]:
            failure = decode_result(result).end.failure if result else None
            return Exists(State(state.decode()), digest.decode(), int(created_ms), int(fence), failure)
        case [b"full", jobs, size]:
            return LaneFull(int(jobs), int(size))
    raise ValueError(reply)


class OnlyIf(enum.StrEnum):
    """What a job is not ended without."""

    #: Its deadline has passed.
    OVERDUE = "overdue"
    #: Nobody waits for it.
    UNWANTED = "unwanted"


def withdraw(
    pool: str,
    job_id: str,
    lane: str,
    fence: int,
    state: State,
    result: Result,
    notices: Sequence[str | bytes],
    *,
    only_if: OnlyIf | None = None,
) -> Call[str]:
    """End a waiting job; lane and fence as last read. See withdraw.lua for the replies."""
    keys = keys_of(pool)
    return Call(
        _WITHDRAW,
        (keys.job(job_id), keys.lane(lane), keys.lane_counts, keys.lane_bytes, keys.live),
        (job_id, lane, state, sources(state), encode_result(result), fence, only_if or "", *notices),
        text,
    )


def request_cancel(pool: str, job_id: str, worker: str, fence: int, *, only_if: OnlyIf | None = None) -> Call[str]:
    """Ask the instance that holds a job to end it: "requested", "moved", "ended" or "wanted"."""
    keys = keys_of(pool)
    return Call(
        _REQUEST_CANCEL,
        (keys.job(job_id), keys.control(worker)),
        (job_id, worker, sources(State.CANCELLED), fence, "1" if only_if is OnlyIf.UNWANTED else ""),
        text,
    )


def leave(pool: str, job_id: str, listeners: Sequence[str]) -> Call[str]:
    """Strike an ingress, by all its names, off those who wait for a job: "unwanted", "wanted" or "ended"."""
    return Call(_LEAVE, (keys_of(pool).job(job_id),), tuple(listeners), text)


class Missing(Struct, frozen=True):
    """There is no record of that id (any more)."""


class Moved(Struct, frozen=True):
    """Another instance has it by now: attach again, naming that one."""

    worker: str


class Attached(Struct, frozen=True):
    """The job as it stands; what its worker has beyond `prefix` comes by the channel."""

    state: State
    fence: int
    prefix: Generated
    #: Present when it has ended.
    result: Result | None
    #: What its bounds are, as it was promised; 0 where its record does not say.
    queue_timeout_ms: int
    run_timeout_ms: int


def attach(pool: str, job_id: str, worker: str, listener: str, offset: int) -> Call[Missing | Moved | Attached]:
    """Have a job's tokens from `offset` on sent to a listener (see NewJob.listeners); `worker` as last read."""
    keys = keys_of(pool)
    return Call(
        _ATTACH,
        (keys.job(job_id), keys.control(worker)),
        (job_id, worker, listener, offset, MAX_LISTENERS),
        _attached,
    )


def _attached(reply: list[Any]) -> Missing | Moved | Attached:
    match reply:
        case [b"missing"]:
            return Missing()
        case [b"moved", worker]:
            return Moved(worker.decode())
        case [_, state, fence, prefix, result, queue_ms, run_ms]:
            ended = decode_result(result) if result else None
            timeouts_ms = int(queue_ms), int(run_ms)
            return Attached(State(state.decode()), int(fence), decode_generated(prefix), ended, *timeouts_ms)
    raise ValueError(reply)
