"""Calls that mend what records and streams disagree about; each looks again before it changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.broker.holding import Held
from penstock.broker.keys import keys_of
from penstock.broker.script import Call, Script, text
from penstock.job import LIVING

_RESTORE = Script("restore")
_SWEEP_LANE = Script("sweep_lane")
_SWEEP_INBOX = Script("sweep_inbox")
_UNLIST = Script("unlist")


def restore(pool: str, token: str, job_id: str, lane: str, entry: str) -> Call[str]:
    """Put a waiting job back into the lane that lost it."""
    keys = keys_of(pool)
    return Call(
        _RESTORE,
        (keys.leader, keys.job(job_id), keys.lane(lane), keys.lane_counts, keys.lane_bytes, keys.wake_up),
        (token, job_id, lane, entry),
        text,
    )


def sweep_lane(pool: str, token: str, lane: str, entries: Sequence[tuple[str, str]]) -> Call[int]:
    """Drop entries (job id, entry id) whose job does not wait there, list the others as live; returns how many went."""
    keys = keys_of(pool)
    return Call(
        _SWEEP_LANE,
        (
            *(keys.leader, keys.lane(lane), keys.lane_counts, keys.lane_bytes, keys.live),
            *(keys.job(job_id) for job_id, _ in entries),
        ),
        (token, lane, *(part for entry in entries for part in entry)),
        _dropped,
    )


def sweep_inbox(pool: str, token: str, instance: str, held: Sequence[Held]) -> Call[int]:
    """Drop inbox entries whose job the instance does not hold, list the others as live; returns how many went."""
    keys = keys_of(pool)
    return Call(
        _SWEEP_INBOX,
        (keys.leader, keys.inbox(instance), keys.wake_up, keys.live, *(keys.job(one.job) for one in held)),
        (token, instance, LIVING, *(part for one in held for part in (one.job, one.fence, one.entry))),
        _dropped,
    )


def unlist(pool: str, token: str, job_id: str) -> Call[str]:
    """Strike a job that has ended, or whose record is gone, off the live ones: "unlisted" or "stale"."""
    keys = keys_of(pool)
    return Call(_UNLIST, (keys.leader, keys.job(job_id), keys.live), (token, job_id, LIVING), text)


def _dropped(reply: Any) -> int:
    return reply if isinstance(reply, int) else 0
