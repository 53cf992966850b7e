"""Calls of the leading scheduler: its lease, assignment, and the recovery of what others left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.broker.keys import PoolKeys
from penstock.broker.script import Call, Script, text
from penstock.frames import Generated, Result, encode_generated, encode_result
from penstock.job import RESUME_LANE, State, sources

_LEAD = Script("lead")
_RESIGN = Script("resign")
_ASSIGN = Script("assign")
_REQUEUE = Script("requeue")
_DECLARE_LOST = Script("declare_lost")
_RETIRE = Script("retire")
_RESTORE = Script("restore")
_SWEEP_LANE = Script("sweep_lane")

#: Dead letters kept per pool, and how long their records stay (7 days).
DEAD_LETTERS_KEPT = 10_000
DEAD_LETTER_TTL_MS = 7 * 24 * 3600 * 1000


def lead(pool: str, token: str, ttl_ms: int) -> Call[bool]:
    """Take or renew the leadership; False while another holds it."""
    return Call(_LEAD, (PoolKeys(pool).leader,), (token, ttl_ms), _is_leading)


def _is_leading(reply: bytes) -> bool:
    return reply == b"leading"


def resign(pool: str, token: str) -> Call[str]:
    """Give the leadership up."""
    keys = PoolKeys(pool)
    return Call(_RESIGN, (keys.leader, keys.bell), (token,), text)


def assign(pool: str, token: str, job_id: str, lane: str, entry: str, instance: str) -> Call[str]:
    """Give a waiting job to an instance; see assign.lua for the replies."""
    keys = PoolKeys(pool)
    return Call(
        _ASSIGN,
        (
            *(keys.leader, keys.job(job_id), keys.lane(lane), keys.lane_counts, keys.lane_bytes),
            *(keys.worker(instance), keys.inbox(instance), keys.live),
        ),
        (token, job_id, lane, entry, instance, sources(State.ASSIGNED)),
        text,
    )


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
    counted: bool,
    max_losses: int,
    if_cancelled: Result,
    if_dead: Result,
    evidence: bytes,
) -> Call[str]:
    """Take a job from a lost instance; `counted` where the loss speaks against the job. Replies in requeue.lua."""
    keys = PoolKeys(pool)
    return Call(
        _REQUEUE,
        (
            *(keys.leader, keys.job(job_id), keys.inbox(instance), keys.lane(RESUME_LANE), keys.lane_counts),
            *(keys.lane_bytes, keys.live, keys.worker(instance), keys.bell, keys.dead_letters),
        ),
        (
            *(token, job_id, fence, instance, sources(State.QUEUED), entry, encode_generated(prefix), RESUME_LANE),
            *(queue_timeout_ms, int(counted), max_losses, encode_result(if_cancelled), encode_result(if_dead)),
            *(evidence, DEAD_LETTERS_KEPT, DEAD_LETTER_TTL_MS),
        ),
        text,
    )


def declare_lost(pool: str, instance: str, *, beat: int | None, why: str) -> Call[str]:
    """Fence an instance whose beat stood still at `beat`, or (None) whose death is certain."""
    keys = PoolKeys(pool)
    return Call(_DECLARE_LOST, (keys.worker(instance), keys.bell), ("" if beat is None else beat, why), text)


def retire(pool: str, instance: str, name: str) -> Call[str]:
    """Forget an instance with an empty inbox: "retired" or "holds"."""
    keys = PoolKeys(pool)
    return Call(
        _RETIRE,
        (
            *(keys.worker(instance), keys.inbox(instance), keys.control(instance), keys.journal(instance)),
            *(keys.instances, keys.workers),
        ),
        (instance, name),
        text,
    )


def restore(pool: str, token: str, job_id: str, lane: str, entry: str) -> Call[str]:
    """Put a waiting job back into the lane that lost it."""
    keys = PoolKeys(pool)
    return Call(
        _RESTORE,
        (keys.leader, keys.job(job_id), keys.lane(lane), keys.lane_counts, keys.lane_bytes, keys.bell),
        (token, job_id, lane, entry),
        text,
    )


def sweep_lane(pool: str, token: str, lane: str, entries: Sequence[tuple[str, str]]) -> Call[int]:
    """Drop entries (job id, entry id) whose job does not wait there; returns how many."""
    keys = PoolKeys(pool)
    return Call(
        _SWEEP_LANE,
        (
            *(keys.leader, keys.lane(lane), keys.lane_counts, keys.lane_bytes),
            *(keys.job(job_id) for job_id, _ in entries),
        ),
        (token, lane, *(part for entry in entries for part in entry)),
        _dropped,
    )


def _dropped(reply: Any) -> int:
    return reply if isinstance(reply, int) else 0
