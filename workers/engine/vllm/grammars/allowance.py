"""How much of the engine's time one generation's grammar may take."""

from __future__ import annotations

#: Spent in one go: about what a neighbour's stream may stand still.
BURST_S = 0.15
#: Earned with each step.
PER_STEP_S = 0.002


class Allowance:
    """A budget of seconds that grows with each step; a grammar with many ways to read a text can use up any."""

    def __init__(self) -> None:
        self._left_s = BURST_S

    @property
    def is_spent(self) -> bool:
        """Whether it has taken more than its share."""
        return self._left_s < 0

    def spend(self, seconds: float) -> None:
        """Take what a piece of work took."""
        self._left_s -= seconds

    def earn(self) -> None:
        """One step more."""
        self._left_s = min(self._left_s + PER_STEP_S, BURST_S)
