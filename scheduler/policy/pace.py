"""How fast rounds may follow each other: a few at once, and on average no faster than one every two milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

#: What jobs that come thick and fast wait at most, so that they are assigned by the dozen.
GAP_S = 0.002
#: Rounds that may follow each other without a pause after a quiet time: a single job never waits.
BURST = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """A token bucket, its tokens counted in seconds of round: a round costs GAP_S, and a second earns a second."""

    credit_s: float = BURST * GAP_S
    at_s: float = 0.0

    def after_round(self, now_s: float) -> Pace:
        """The bucket after a round that ended now."""
        earned_s = min(self.credit_s + now_s - self.at_s, BURST * GAP_S)
        return Pace(earned_s - GAP_S, now_s)

    @property
    def pause_s(self) -> float:
        """How long to pause before the next round."""
        return max(-self.credit_s, 0.0)
