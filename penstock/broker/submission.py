"""Calls of an ingress: accept a job, end it early, attach to it, leave it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from penstock.broker.keys import keys_of
from penstock.broker.script import Argument, Call, Script, text
from penstock.frames import Failure, Generated, Result, decode_generated, decode_result, encode_result
from penstock.job import LIVING, REPLACEABLE, RESPONSE, NewJob, State, sources
from penstock.ledger import encode_outcome

T = TypeVar("T")

ENQUEUE = Script("enqueue")
_WITHDRAW = Script("withdraw")
_REQUEST_CANCEL = Script("request_cancel")
_ATTACH = Script("attach")
_LEAVE = Script("leave")
_PURGE = Script("purge")

_encoder = msgspec.msgpack.Encoder()
_REPLACEABLE = "," + "".join(f"{state}," for state in sorted(REPLACEABLE))

#: Jobs of one tenant that can be listed, per pool: the newest.
MOST_INDEXED = 50_000
#: An ingress that is pushed out by newer ones notices the silence and attaches again.
MAX_LISTENERS = 8


class Accepted(Struct, frozen=True):
    """The job is in its lane."""

    #: By Redis' clock: what every chunk of the answer says, on whichever ingress it is read.
    created_ms: int


class Exists(Struct, frozen=True):
    """A job of this id was accepted before."""

    state: State
    #: "" where the record was erased.
    digest: str
    created_ms: int
    fence: int
    #: Why it did not complete, where it ended so and there is more to say than its state.
    failure: Failure | None = None


class LaneFull(Struct, frozen=True):
    """The lane takes no more; nothing was written."""

    jobs: int
    bytes: int


Enqueued = Accepted | Exists | LaneFull


def enqueue(job: NewJob, *, max_jobs: int, max_bytes: int, replaces: int | None = None) -> Call[Enqueued]:
    """Record and lane entry in one; a bound of 0 is none.

    `replaces` is the fence of a run of the same job that has ended: this one takes its place, unless another has.
    """
    return _enqueue([job], max_jobs, max_bytes, "" if replaces is None else replaces, lambda reply: _enqueued(reply[0]))


def enqueue_each(jobs: Sequence[NewJob], *, max_jobs: int, max_bytes: int) -> Call[list[Enqueued]]:
    """The same of many jobs of one lane and tenant: each is accepted or not by itself."""
    return _enqueue(jobs, max_jobs, max_bytes, "", lambda reply: [_enqueued(one) for one in reply])


def _enqueue(
    jobs: Sequence[NewJob], max_jobs: int, max_bytes: int, replaces: str | int, parse: Callable[[Any], T]
) -> Call[T]:
    first = jobs[0]
    keys = keys_of(first.pool)
    args = enqueue_arguments(jobs, max_jobs, max_bytes)
    for job in jobs:
        args += (*job_arguments(job, replaces), "")
    common = enqueue_keys(first)
    return Call(ENQUEUE, [*common, common[-1], common[-1], *(keys.job(job.id) for job in jobs)], args, parse)


def enqueue_keys(first: NewJob) -> list[str]:
    """The keys that jobs of one lane and tenant have in common, as enqueue.lua takes them."""
    keys = keys_of(first.pool)
    lane = keys.lane(first.lane)
    return [lane, keys.lane_counts, keys.lane_bytes, keys.live, keys.wake_up, keys.job_index(first.tenant)]


def enqueue_arguments(
    jobs: Sequence[NewJob], max_jobs: int, max_bytes: int, token: str = "", batch_fields: bytes = b""
) -> list[Argument]:
    """What enqueue.lua is told before the jobs; a token is of who owns the batch that they are lines of."""
    longest_ms = max([job.life_ms for job in jobs])
    return [jobs[0].lane, max_jobs, max_bytes, _REPLACEABLE, MOST_INDEXED, longest_ms, token, batch_fields]


def job_arguments(job: NewJob, replaces: str | int = "") -> tuple[Argument, ...]:
    """What enqueue.lua is told of a job, up to its line in a batch."""
    return job.id, job.size_bytes, job.queue_timeout_ms, job.fence, replaces, job.body, job.prefix, _fields(job)


def _fields(job: NewJob) -> bytes:
    """What of the record never changes and is no bytes, which Redis' reader of msgpack does not know.

    A record has many fields: each as a word of its own costs as much as all of them so.
    """
    return _encoder.encode(
        (
            *("api", job.api, "digest", job.digest, "engine_written", "1" if job.is_engine_written else ""),
            *("model", job.model, "class", job.job_class, "tenant", job.tenant, "key", job.key),
            *(("webhook", job.webhook) if job.webhook else ()),
            *("kept", "1" if job.is_kept else "", "stored", "1" if job.is_stored else ""),
            *("listeners", job.listeners, "trace", job.trace, "metadata", job.metadata),
            *("queue_timeout_ms", job.queue_timeout_ms, "run_timeout_ms", job.run_timeout_ms),
            *("result_ttl_ms", job.result_ttl_ms),
            *(("batch", job.batch) if job.batch else ()),
            *(("request", job.request.decode(), "view", RESPONSE) if job.request else ()),
        )
    )


def _enqueued(reply: list[Any]) -> Enqueued:
    match reply:
        case [b"accepted", created_ms]:
            return Accepted(int(created_ms))
        case [b"exists", state, digest, created_ms, fence, result]:
            failure = decode_result(result).end.failure if result else None
            return Exists(State(state.decode()), digest.decode(), int(created_ms), int(fence), failure)
        case [b"full", jobs, size]:
            return LaneFull(int(jobs), int(size))
    raise ValueError(reply)


def purge(pool: str, job_id: str, left: Result) -> Call[str]:
    """Erase a job's request and answer: "purged", "marked" (it lives, and is erased when it ends) or "missing".

    `left` is the result that whoever still listens is given.
    """
    return Call(_PURGE, (keys_of(pool).job(job_id),), (encode_result(left), LIVING), text)


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
        (keys.job(job_id), keys.lane(lane), keys.lane_counts, keys.lane_bytes, keys.live, keys.ledger),
        (
            *(job_id, lane, state, sources(state), encode_result(result), fence, only_if or ""),
            *(encode_outcome(result.end), *notices),
        ),
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
