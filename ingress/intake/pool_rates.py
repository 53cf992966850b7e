"""How fast a pool works, from what its workers count. Pure: the time is passed in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from penstock.broker.records import WorkerStatus

#: Older figures count for less: by a factor e per this time.
_MEMORY_S = 5.0
#: What a pool can do shows when jobs have waited for it this long without a break: below that, it has had too little
#: to do, or has only just begun.
_STEADY_S = 20.0


class Rates(Struct, frozen=True):
    """What a worker, or a whole pool, gets done per second, lately."""

    tokens_per_s: float = 0.0
    jobs_per_s: float = 0.0

    def moved(self, to: Rates, weight: float) -> Rates:
        """Part of the way to newer rates."""
        return Rates(
            self.tokens_per_s + weight * (to.tokens_per_s - self.tokens_per_s),
            self.jobs_per_s + weight * (to.jobs_per_s - self.jobs_per_s),
        )

    def rounded(self) -> Rates:
        """As people read it; what has faded away is 0."""
        return Rates(round(self.tokens_per_s, 1), round(self.jobs_per_s, 2))


class PoolRates:
    """Compares what each instance has counted with what it had a moment before."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, int]] = {}
        self._at_s = -math.inf
        #: By instance.
        self.workers: Mapping[str, Rates] = {}
        #: All of them together.
        self.pool = Rates()
        #: Since when jobs have waited, and the best rate since then.
        self._waiting_since_s: float | None = None
        self._best_jobs_per_s = 0.0

    @property
    def full_jobs_per_s(self) -> float:
        """Jobs that the pool ends per second when it has enough of them; 0 where that is not known."""
        since_s = self._waiting_since_s
        return self._best_jobs_per_s if since_s is not None and self._at_s - since_s >= _STEADY_S else 0.0

    def look(self, now_s: float, workers: Sequence[WorkerStatus], waiting_jobs: int = 0) -> None:
        """Take in what the workers have counted by now, and how many jobs wait for them."""
        elapsed_s, self._at_s = now_s - self._at_s, now_s
        counted = {one.instance: (one.stats.generated_tokens, one.ended) for one in workers}
        weight = 1 - math.exp(-elapsed_s / _MEMORY_S)
        self.workers = {
            instance: self.workers.get(instance, Rates()).moved(self._since(instance, counts, elapsed_s), weight)
            for instance, counts in counted.items()
        }
        rates = self.workers.values()
        self.pool = Rates(sum(one.tokens_per_s for one in rates), sum(one.jobs_per_s for one in rates))
        self._before = counted
        if waiting_jobs and self._waiting_since_s is not None:
            self._best_jobs_per_s = max(self._best_jobs_per_s, self.pool.jobs_per_s)
        else:
            self._waiting_since_s = now_s if waiting_jobs else None
            self._best_jobs_per_s = 0.0

    def _since(self, instance: str, counts: tuple[int, int], elapsed_s: float) -> Rates:
        """The rates since the last look: none for an instance that was not there, or whose engine began anew."""
        tokens, jobs = (now - before for now, before in zip(counts, self._before.get(instance, counts), strict=True))
        return Rates(max(tokens, 0) / elapsed_s, max(jobs, 0) / elapsed_s)
