"""Calls of a worker: its lease, the jobs it holds, the tokens it sends."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from penstock.broker.keys import keys_of
from penstock.broker.script import Argument, Call, Script, text
from penstock.frames import Generated, Result, decode_generated, encode_generated, encode_result
from penstock.job import RESUME_LANE, State, sources
from penstock.job_class import JobClass
from penstock.ledger import encode_outcome
from penstock.request import Api

_REGISTER = Script("register")
_BEAT = Script("beat")
_CLAIM = Script("claim")
_EMIT = Script("emit")
_CLEAR_JOURNAL = Script("clear_journal")
_FINISH = Script("finish")
_HAND_BACK = Script("hand_back")
_CHECKPOINT = Script("checkpoint")

FENCED = "fenced"


class Held(Struct, frozen=True):
    """An inbox entry: a job that was assigned to us, under its fence."""

    job: str
    fence: int
    entry: str

    @classmethod
    def from_entry(cls, entry: bytes, fields: dict[bytes, bytes]) -> Held:
        """Read an entry of the inbox stream."""
        return cls(fields[b"j"].decode(), int(fields[b"f"]), entry.decode())


class Claimed(Struct, frozen=True, kw_only=True):
    """A job that is ours to run, or to end at once where `cancel` is set."""

    held: Held
    cancel: bool
    api: Api
    body: bytes
    is_engine_written: bool
    prefix: Generated
    listeners: str
    trace: str
    job_class: JobClass
    created_ms: int
    #: Workers that it has lost so far.
    losses: int
    started_ms: int


def register(pool: str, name: str, instance: str, before: str, fields: dict[str, Argument]) -> Call[str]:
    """Begin an epoch; `before` is the instance last read under that name. "registered" or "moved"."""
    keys = keys_of(pool)
    return Call(
        _REGISTER,
        (keys.workers, keys.instances, keys.worker(instance), keys.worker(before)),
        (name, instance, before, *_flat(fields)),
        text,
    )


def name_of(instance: str) -> str:
    """The worker whose instance it is."""
    return instance.rpartition(".")[0]


def beat(pool: str, instance: str, state: str, fields: dict[str, Argument]) -> Call[str]:
    """Renew the lease: "alive" or "fenced"."""
    keys = keys_of(pool)
    return Call(
        _BEAT,
        (keys.worker(instance), keys.wake_up, keys.workers, keys.instances),
        (state, name_of(instance), instance, *_flat(fields)),
        text,
    )


def claim(pool: str, instance: str, held: Sequence[Held]) -> Call[list[Claimed | str]]:
    """Take up jobs: what each asks for, or "stale" or "fenced"."""
    keys = keys_of(pool)
    return Call(
        _CLAIM,
        (keys.worker(instance), *(keys.job(one.job) for one in held)),
        (instance, sources(State.RUNNING), *(one.fence for one in held)),
        partial(_claimed, held),
    )


def _claimed(held: Sequence[Held], replies: list[list[bytes]]) -> list[Claimed | str]:
    return [_claim(one, reply) for one, reply in zip(held, replies, strict=True)]


def _claim(held: Held, reply: list[bytes]) -> Claimed | str:
    if len(reply) == 1:
        return reply[0].decode()
    verdict, api, body, engine_written, prefix, listeners, trace, job_class, created, losses, started = reply
    return Claimed(
        held=held,
        cancel=verdict == b"cancel",
        api=Api(api.decode()),
        body=body,
        is_engine_written=bool(engine_written),
        prefix=decode_generated(prefix),
        listeners=listeners.decode(),
        trace=trace.decode(),
        job_class=JobClass(job_class.decode()),
        created_ms=int(created),
        losses=int(losses),
        started_ms=int(started),
    )


def emit(
    pool: str,
    instance: str,
    oldest: str,
    frames: Sequence[bytes],
    sends: Sequence[tuple[str, int]],
    *,
    unjournalled: Sequence[bytes] = (),
) -> Call[str]:
    """Journal one step's frames and send them: `sends` pairs a channel with the index of its frame.

    `unjournalled` frames (snapshots for an ingress that attached) are only sent; their indices follow the others'.
    `oldest` is the first journal id still needed, "" for all. Returns the step's journal id, or "fenced".
    """
    keys = keys_of(pool)
    args: list[Argument] = [oldest, len(frames) + len(unjournalled), len(frames), *frames, *unjournalled]
    for channel, index in sends:
        args += (channel, index + 1)
    return Call(_EMIT, (keys.worker(instance), keys.journal(instance)), args, text)


def clear_journal(pool: str, instance: str, last: str) -> Call[str]:
    """Drop a journal that recovery does not need, up to its last entry: "cleared" or "fenced"."""
    keys = keys_of(pool)
    return Call(_CLEAR_JOURNAL, (keys.worker(instance), keys.journal(instance)), (last,), text)


def finish(
    pool: str,
    instance: str,
    held: Held,
    result: Result,
    *,
    ttft_ms: int | None,
    notices: Sequence[str | bytes],
) -> Call[str]:
    """End a job: "finished", "repeated", "stale" or "fenced". `notices` pair channels with its last frame."""
    keys = keys_of(pool)
    state = State(result.end.state)
    return Call(
        _FINISH,
        (
            *(keys.job(held.job), keys.inbox(instance), keys.live, keys.worker(instance), keys.wake_up),
            *(keys.lane_counts, keys.ledger),
        ),
        (
            *(held.job, held.fence, instance, state, sources(state), held.entry, encode_result(result)),
            *("" if ttft_ms is None else ttft_ms, encode_outcome(result.end), *notices),
        ),
        text,
    )


def hand_back(pool: str, instance: str, held: Held, generated: Generated, *, queue_timeout_ms: int) -> Call[str]:
    """Give a job back with what it has generated: "queued", "stale" or "fenced"."""
    keys = keys_of(pool)
    lane = keys.lane(RESUME_LANE)
    return Call(
        _HAND_BACK,
        (
            *(keys.job(held.job), keys.inbox(instance), lane, keys.lane_counts, keys.lane_bytes),
            *(keys.live, keys.worker(instance), keys.wake_up),
        ),
        (
            *(held.job, held.fence, instance, sources(State.QUEUED), held.entry),
            *(encode_generated(generated), RESUME_LANE, queue_timeout_ms),
        ),
        text,
    )


def checkpoint(pool: str, instance: str, held: Held, generated: Generated) -> Call[str]:
    """Keep a long job's tokens in its record: "kept", "stale" or "fenced"."""
    keys = keys_of(pool)
    return Call(
        _CHECKPOINT,
        (keys.job(held.job), keys.worker(instance)),
        (held.fence, instance, encode_generated(generated)),
        text,
    )


def _flat(fields: dict[str, Argument]) -> list[Any]:
    return [part for pair in fields.items() for part in pair]
