"""What the queue's answer to a submit means for the client. Pure."""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.broker.submission import Accepted, Exists, LaneFull
from penstock.errors import IdempotencyConflictError, QueueFullError, by_name
from penstock.job import State

if TYPE_CHECKING:
    from penstock.errors import ApiError
    from penstock.job import NewJob

#: OpenAI's clients give up on a Retry-After above it.
MAX_RETRY_AFTER_S = 120
#: Lanes are bounded in bytes, rate limits are told in tokens: what a token of a request takes, roughly.
_BYTES_PER_TOKEN = 4


_LIMITED = ("requests", "tokens")
RATE_LIMIT_HEADERS = [f"x-ratelimit-{fact}-{what}" for what in _LIMITED for fact in ("limit", "remaining", "reset")]


class AdmissionReason(enum.StrEnum):
    """Why a request was admitted or not; a metric's label."""

    ACCEPTED = "accepted"
    KNOWN = "known"
    KEY_REUSED = "key_reused"
    LANE_FULL = "lane_full"
    REDIS_FULL = "redis_full"
    REDIS_AWAY = "redis_away"
    REDIS_WRONG = "redis_wrong"
    POOL_FAILING = "pool_failing"


class LaneBounds(Struct, frozen=True, kw_only=True):
    """The bounds of a pool's lanes, and how fast they empty."""

    max_jobs: int
    max_bytes: int
    queue_timeout_s: float
    drained_per_s: float


class Admitted(Struct, frozen=True):
    """The job is in the queue, or was before."""

    reason: AdmissionReason
    created_ms: int
    #: As the record has it: tells its run.
    fence: int


class Refused(Struct, frozen=True):
    """The client gets this error."""

    reason: AdmissionReason
    error: ApiError


def decide(reply: Accepted | Exists | LaneFull, job: NewJob, lane: LaneBounds) -> Admitted | Refused:
    """Judge the queue's answer to a request for that job."""
    match reply:
        case Accepted(created_ms):
            return Admitted(AdmissionReason.ACCEPTED, created_ms, job.fence)
        case Exists() if reply.digest == job.digest:
            return Admitted(AdmissionReason.KNOWN, reply.created_ms, reply.fence)
        case Exists():
            error = IdempotencyConflictError("This Idempotency-Key came with another request before.")
            return Refused(AdmissionReason.KEY_REUSED, error)
        case LaneFull():
            wait_s = retry_after_s(reply.jobs, lane)
            return Refused(AdmissionReason.LANE_FULL, QueueFullError(_full(reply, lane), retry_after_s=wait_s))


def may_run_anew(reply: Accepted | Exists | LaneFull, job: NewJob) -> bool:
    """Whether a job ended so that a new run may do better; who asks again after a cancel, or a purge, means it."""
    if not isinstance(reply, Exists) or reply.digest not in ("", job.digest):
        return False
    if not reply.digest or reply.state is State.CANCELLED:
        return reply.state.terminal
    return reply.failure is not None and by_name(reply.failure.error).retryable


def retry_after_s(waiting_jobs: int, lane: LaneBounds) -> int:
    """When that many jobs will be gone: worked off or, at their deadline, expired."""
    drain_s = waiting_jobs / lane.drained_per_s if lane.drained_per_s > 0 else math.inf
    return max(1, min(math.ceil(min(drain_s, lane.queue_timeout_s)), MAX_RETRY_AFTER_S))


def rate_limit_headers(lane: LaneBounds, reset_s: int) -> dict[str, str]:
    """What a client who was turned away may know of the lane: its bounds, that nothing is left, and for how long."""
    limits = {"requests": lane.max_jobs, "tokens": lane.max_bytes // _BYTES_PER_TOKEN}
    headers: dict[str, str] = {}
    for what, limit in limits.items():
        headers[f"x-ratelimit-limit-{what}"] = str(limit)
        headers[f"x-ratelimit-remaining-{what}"] = "0"
        headers[f"x-ratelimit-reset-{what}"] = _duration(reset_s)
    return headers


def _duration(seconds: int) -> str:
    """As in "6m0s"."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _full(reply: LaneFull, lane: LaneBounds) -> str:
    if reply.jobs >= lane.max_jobs:
        return f"The queue is full: {reply.jobs} requests wait."
    return f"The queue is full: the waiting requests have {reply.bytes} bytes, at most {lane.max_bytes} fit."
