"""What a run tells: the figures, and whatever one needs to find out what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.history import History
from tests.chaos.hostile import Mob
from tests.chaos.judge import Verdict, Wrong
from tests.chaos.ledger import Fate, Ledger
from tests.chaos.outages import Outage, recoveries
from tests.chaos.probes import Probes

#: How long before and after a client's story faults may have to do with it.
_AROUND_S = 5.0


@dataclass(frozen=True)
class Report:
    """A run and its verdict."""

    form: str
    seed: int
    seconds: float
    ledger: Ledger
    history: History
    outages: Sequence[Outage]
    probes: Probes
    mob: Mob
    verdict: Verdict
    began_s: float

    @property
    def is_clean(self) -> bool:
        """Whether nothing happened that must not."""
        return not self.verdict.violations

    def summary(self) -> dict[str, Any]:
        """The figures."""
        calm, stormy = (
            [s for outage, _, s in recoveries(self.outages, self.probes.served_s) if outage.is_calm is is_calm]
            for is_calm in (True, False)
        )
        return {
            "redis": self.form,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "orders": len(self.ledger.entries),
            **{fate.value: self.ledger.count(fate) for fate in Fate},
            "unknown_found": self.verdict.found,
            "states": dict(self.verdict.states),
            "faults": dict(self.history.counts),
            "failovers": sum(outage.is_failover for outage in self.outages),
            "recovery_s": round(max(calm, default=0.0), 2),
            "storm_recovery_s": round(max(stormy, default=0.0), 2),
            "neighbours_s": round(max(self._neighbours(), default=0.0), 2),
            "hostile": dict(self.mob.counts),
            "allowed_by_failover": len(self.verdict.allowed),
            **{wrong.value: self.verdict.count(wrong) for wrong in Wrong},
        }

    def _neighbours(self) -> Iterator[float]:
        """How long, while nothing else was out of order, the pools of other servers went without serving."""
        for outage in self.outages:
            if outage.is_calm:
                for pool in self.probes.served_s.keys() - set(outage.pools):
                    yield outage.gap_s(self.probes.served_s[pool])

    def allowances(self) -> Iterator[str]:
        """What a failover has cost, and why it may."""
        for allowed in self.verdict.allowed:
            pools = ", ".join(allowed.outage.pools)
            yield (
                f"allowed: {allowed.violation.what}; written {allowed.before_death_s:.3f} s "
                f"before the master of {pools} died"
            )

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
        both += [(at, f"    ! {event}") for at, event in self.history.events if first < at < last]
        for at, event in sorted(both):
            yield f"  {at - self.began_s:8.3f} {event}"
