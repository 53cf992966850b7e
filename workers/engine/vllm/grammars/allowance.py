"""How much of the engine's time one generation's grammar may take."""

from __future__ import annotations

#: Spent in one go at most: about as long as other streams may stand still.
BURST_S = 0.15
#: Earned with each step.
PER_STEP_S = 0.002


class Allowance:
    """A budget of seconds that grows with each step: a grammar that can read a text in many ways takes any time."""

    def __init__(self) -> None:
        self._left_s = BURST_S

    @property
    def is_spent(self) -> bool:
        """Whether it has taken more than its share."""
        return self._left_s < 0

    def spend(self, seconds: float) -> None:
        """Deduct what a piece of work took."""
        self._left_s -= seconds

    def earn(self) -> None:
        """Add what one step earns."""
        self._left_s = min(self._left_s + PER_STEP_S, BURST_S)
