"""How many jobs of a batch are under way at once. Pure."""

from __future__ import annotations

#: With fewer, a worker would wait for the next look.
FEWEST = 64
#: Seconds of work that wait, so that no worker is idle between two looks.
_AHEAD_S = 4.0


def window(*, slots: int, ended_per_s: float, most: int, lane_jobs: int) -> int:
    """The most jobs that may wait or run: what runs, what runs next, and some seconds of work more.

    `slots` are those of the pool's ready workers, `ended_per_s` is the batch's rate lately, `most` is the operator's
    bound and `lane_jobs` the lane's, of which other jobs of the tenant need some too.
    """
    wanted = max(FEWEST, 2 * slots + round(_AHEAD_S * ended_per_s))
    return min(wanted, most, slots + max(lane_jobs // 2, 1))
