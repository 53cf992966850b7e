"""How soon a fenced worker registers anew. Pure: the age of its last epoch is passed in."""

from __future__ import annotations

#: An epoch that lasted this long was no failure.
_SETTLED_S = 1.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0


class Renewal:
    """At once, unless epochs end as soon as they begin: something deletes what a registration writes."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def pause_s(self, age_s: float) -> float:
        """How long to wait after an epoch of that age: longer each time, until one lasts."""
        pause_s = 0.0 if age_s >= _SETTLED_S else self._next_s
        self._next_s = min(max(pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        return pause_s
