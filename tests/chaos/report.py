"""What a run tells: the figures, and whatever one needs to find out what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos.faults import Faults
from tests.chaos.judge import Verdict, Wrong
from tests.chaos.ledger import Fate, Ledger

#: How long before and after a client's story faults may have to do with it.
_AROUND_S = 5.0


@dataclass(frozen=True)
class Report:
    """A run and its verdict."""

    seed: int
    seconds: float
    ledger: Ledger
    faults: Faults
    verdict: Verdict
    began_s: float

    @property
    def is_clean(self) -> bool:
        """Whether nothing happened that must not."""
        return not self.verdict.violations

    def summary(self) -> dict[str, Any]:
        """The figures."""
        return {
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "orders": len(self.ledger.entries),
            **{fate.value: self.ledger.count(fate) for fate in Fate},
            "unknown_found": self.verdict.found,
            "states": dict(self.verdict.states),
            "faults": dict(self.faults.counts),
            **{wrong.value: self.verdict.count(wrong) for wrong in Wrong},
        }

    def story(self) -> Iterator[str]:
        """What to know of each violation."""
        for violation in self.verdict.violations:
            yield f"{violation.wrong}: {violation.what}"
            if violation.entry is not None:
                entry = violation.entry
                yield f"  {entry.kind} {entry.order.mark} {entry.job} {entry.order.body}"
                yield from self._timeline(entry.history)

    def _timeline(self, history: list[tuple[float, str]]) -> Iterator[str]:
        """The client's and the tormentor's doings, side by side."""
        first, last = history[0][0] - _AROUND_S, history[-1][0] + _AROUND_S
        both = [(at, event) for at, event in history]
        both += [(at, f"    ! {event}") for at, event in self.faults.history if first < at < last]
        for at, event in sorted(both):
            yield f"  {at - self.began_s:8.3f} {event}"
