"""Calls of the leading scheduler: its lease, assignment, and what becomes of the jobs of a lost worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from penstock.broker.keys import keys_of
from penstock.broker.script import Call, Script, text
from penstock.frames import Generated, Result, encode_generated, encode_result
from penstock.job import RESUME_LANE, State, sources
from penstock.ledger import encode_outcome

_LEAD = Script("lead")
_RESIGN = Script("resign")
_ASSIGN = Script("assign")
_REQUEUE = Script("requeue")
_DECLARE_LOST = Script("declare_lost")
_RETIRE = Script("retire")
_ABORT = Script("abort")

#: Dead letters kept per pool, and how long their records stay (7 days).
DEAD_LETTERS_KEPT = 10_000
DEAD_LETTER_TTL_MS = 7 * 24 * 3600 * 1000


class Leadership(Struct, frozen=True):
    """Whether the pool is ours to lead, and what its leader says of it."""

    is_ours: bool
    #: The settings that the leader gives the pool, "" where it has said nothing yet.
    settings: str


def lead(pool: str, token: str, ttl_ms: int, settings: str = "{}") -> Call[Leadership]:
    """Take or renew the leadership; `settings` are what the pool's are while it is ours."""
    keys = keys_of(pool)
    return Call(_LEAD, (keys.leader, keys.wake_up, keys.settings), (token, ttl_ms, settings), _leadership)


def _leadership(reply: list[bytes]) -> Leadership:
    verdict, settings = reply
    return Leadership(verdict == b"leading", settings.decode())


def resign(pool: str, token: str) -> Call[str]:
    """Give the leadership up."""
    keys = keys_of(pool)
    return Call(_RESIGN, (keys.leader, keys.wake_up), (token,), text)


def assign(pool: str, token: str, job_id: str, lane: str, entry: str, instance: str) -> Call[str]:
    """Give a waiting job to an instance; see assign.lua for the replies."""
    keys = keys_of(pool)
    return Call(
        _ASSIGN,
        (
            *(keys.leader, keys.job(job_id), keys.lane(lane), keys.lane_counts, keys.lane_bytes),
            *(keys.worker(instance), keys.inbox(instance), keys.live),
        ),
        (token, job_id, lane, entry, instance, sources(State.ASSIGNED)),
        text,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A job's loss of its worker, and the ends it may have earned."""

    #: Whether it speaks against the job.
    counted: bool
    #: Whether it was another job's doing, as far as one can tell; believed `max_losses` times in a row.
    spared: bool = False
    #: Losses that make a dead letter.
    max_losses: int
    #: What is known of this loss, a JSON object.
    evidence: bytes
    if_cancelled: Result
    if_dead: Result
    #: Per listener: channel, last frame if cancelled, last frame if dead-lettered.
    notices: Sequence[tuple[str, bytes, bytes]] = ()


def requeue(
    pool: str,
    token: str,
    *,
    job_id: str,
    fence: int,
    instance: str,
    entry: str,
    prefix: Generated,
    queue_timeout_ms: int,
    loss: Loss,
) -> Call[str]:
    """Take a job from an instance that lost it; `entry` of its inbox, "" if there is none. Replies in requeue.lua."""
    keys = keys_of(pool)
    return Call(
        _REQUEUE,
        (
            *(keys.leader, keys.job(job_id), keys.inbox(instance), keys.lane(RESUME_LANE), keys.lane_counts),
            *(keys.lane_bytes, keys.live, keys.worker(instance), keys.wake_up, keys.dead_letters),
            keys.ledger,
        ),
        (
            *(token, job_id, fence, instance, sources(State.QUEUED), entry, encode_generated(prefix), RESUME_LANE),
            *(queue_timeout_ms, "spared" if loss.spared else int(loss.counted), loss.max_losses),
            *(encode_result(loss.if_cancelled), encode_result(loss.if_dead)),
            *(loss.evidence, DEAD_LETTERS_KEPT, DEAD_LETTER_TTL_MS),
            *(encode_outcome(loss.if_cancelled.end), encode_outcome(loss.if_dead.end)),
            *(part for notice in loss.notices for part in notice),
        ),
        text,
    )


def declare_lost(pool: str, instance: str, *, beat: int | None, why: str) -> Call[str]:
    """Fence an instance whose beat stood still at `beat`, or (None) whose death is certain."""
    keys = keys_of(pool)
    return Call(_DECLARE_LOST, (keys.worker(instance), keys.wake_up), ("" if beat is None else beat, why), text)


def retire(pool: str, instance: str, name: str) -> Call[str]:
    """Forget an instance with an empty inbox: "retired" or "holds"."""
    keys = keys_of(pool)
    return Call(
        _RETIRE,
        (
            *(keys.worker(instance), keys.inbox(instance), keys.control(instance), keys.journal(instance)),
            *(keys.instances, keys.workers),
        ),
        (instance, name),
        text,
    )


def abort(pool: str, instance: str, job_id: str, fence: int) -> Call[str]:
    """Tell an instance to stop generating for a job that ended or went without it: "told" or "gone"."""
    keys = keys_of(pool)
    return Call(_ABORT, (keys.control(instance), keys.worker(instance)), (job_id, fence), text)
