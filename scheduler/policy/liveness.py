"""Whether a worker is gone: its beat stood still for the length of a lease, under eyes that never looked away."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.policy.facts import Liveness

#: A worker is not given new work after this share of its lease in silence.
SUSPECT_SHARE = 0.3
#: Two looks are near enough to each other to count as watching while they are no further apart than this share.
WATCHING_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Sighting:
    """A beat, and since when (by the observer's own monotonic clock) it has been seen unchanged."""

    beat: int
    since_s: float


def sight(before: Sighting | None, beat: int, now_s: float) -> Sighting:
    """The sighting that follows from seeing `beat` now."""
    return before if before is not None and before.beat == beat else Sighting(beat, now_s)


def judge(sighting: Sighting, now_s: float, lease_ttl_s: float) -> Liveness:
    """What a sighting means by now."""
    silent_s = now_s - sighting.since_s
    if silent_s >= lease_ttl_s:
        return Liveness.LOST
    return Liveness.SUSPECT if silent_s >= lease_ttl_s * SUSPECT_SHARE else Liveness.ALIVE


def is_unbroken(last_look_s: float, now_s: float, lease_ttl_s: float) -> bool:
    """Whether two looks are near enough to each other to count as watching.

    Where they are not (Redis was away, or this process was halted) the workers may have been unable to beat just as we
    were unable to look, and every silence is measured anew.
    """
    return now_s - last_look_s < lease_ttl_s * WATCHING_SHARE
