"""When a delivery that failed is tried again."""

from __future__ import annotations

from collections.abc import Sequence

#: A pause is up to this share longer than the schedule says, so that what failed together does not come back together.
JITTER = 0.2


def pause_s(attempts: int, retry_s: Sequence[float], chance: float, asked_s: float = 0.0) -> float | None:
    """Seconds to the next attempt after so many, or None where that was the last.

    `retry_s` has the pause after each attempt; `chance` is from 0 to 1; `asked_s` is what the receiver asked for, which
    counts up to the longest pause of the schedule.
    """
    if attempts > len(retry_s):
        return None
    planned_s = retry_s[attempts - 1] * (1 + JITTER * chance)
    return max(planned_s, min(asked_s, max(retry_s)))
