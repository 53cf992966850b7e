"""Times in which a server was away: what its end may have cost, and how soon every pool served again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

#: A write that a master acknowledged so shortly before its death may not have reached its replica.
REPLICATION_S = 1.0


@dataclass(frozen=True)
class Outage:
    """From the death of a server until another, or it itself, serves in its place."""

    #: Whose keys it had.
    pools: Sequence[str]
    died_s: float
    served_s: float
    #: A replica took over, with what it had by then.
    is_failover: bool
    #: Nothing else was out of order at the time.
    is_calm: bool = False

    def may_have_lost(self, pool: str, written_s: float) -> bool:
        """Whether a pool's write that was acknowledged at this time may be gone by it."""
        is_late = self.died_s - REPLICATION_S <= written_s <= self.served_s
        return self.is_failover and pool in self.pools and is_late

    def recovery_s(self, pool: str, served_s: Iterable[float]) -> float:
        """How long after a server was back a pool served again, as its requests' ends tell; inf if it never did."""
        return min((at - self.served_s for at in served_s if at >= self.served_s), default=math.inf)

    def gap_s(self, served_s: Iterable[float]) -> float:
        """The longest time in it that a pool, whose server lived, went without serving anybody."""
        marks = [self.died_s, *(at for at in served_s if self.died_s < at < self.served_s), self.served_s]
        return max(later - earlier for earlier, later in itertools.pairwise(marks))


def recoveries(outages: Iterable[Outage], served_s: Mapping[str, Sequence[float]]) -> list[tuple[Outage, str, float]]:
    """Each outage with each pool that it concerned, and how long that took to serve again."""
    return [(outage, pool, outage.recovery_s(pool, served_s[pool])) for outage in outages for pool in outage.pools]


def losing_outage(outages: Iterable[Outage], pool: str, written_s: float) -> Outage | None:
    """The outage by which a pool's write may be gone that was acknowledged at this time."""
    return next((outage for outage in outages if outage.may_have_lost(pool, written_s)), None)
