"""A tenant's jobs, newest first, over all pools, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ingress.intake.newest_first import Index, Place, newest_first
from penstock.broker import job_index
from penstock.broker.job_index import Listed
from penstock.job import State

if TYPE_CHECKING:
    from penstock.broker.client import Broker

#: Jobs that are looked at for one answer: with a filter that few pass, the client asks again.
_MOST_LOOKED_AT = 2000


class JobFilter(Struct, frozen=True, kw_only=True):
    """Which jobs are wanted; what is None or empty says nothing."""

    states: frozenset[State] = frozenset()
    model: str | None = None
    job_class: str | None = None
    created_after_ms: int | None = None
    created_before_ms: int | None = None
    metadata: Mapping[str, str] = {}

    def passes(self, job: Listed) -> bool:
        """Whether a job is wanted."""
        if self.states and job.state not in self.states:
            return False
        if self.model not in (None, job.model) or self.job_class not in (None, job.job_class):
            return False
        if self.created_after_ms is not None and job.created_ms <= self.created_after_ms:
            return False
        return not self.metadata or self.metadata.items() <= _metadata(job).items()

    def newest_ms(self, after: Place | None) -> int | None:
        """The latest moment at which a job may have been accepted that is wanted and behind a place."""
        newest_ms = None if after is None else after[0]
        if self.created_before_ms is None:
            return newest_ms
        return min(self.created_before_ms - 1, newest_ms or self.created_before_ms)

    def ends_before(self, place: Place) -> bool:
        """Whether neither this job nor an older one is wanted."""
        return self.created_after_ms is not None and place[0] <= self.created_after_ms


class JobPage(Struct, frozen=True):
    """Part of a list."""

    jobs: Sequence[Listed]
    #: The job behind which the list goes on; None at its end.
    next: str | None


async def page_of_jobs(
    broker: Broker, pools: Sequence[str], tenant: str, wanted: JobFilter, *, limit: int, after: Place | None
) -> JobPage:
    """The next jobs that are wanted, behind a place. Raises BrokerUnavailableError, BrokerDataError."""
    found, looked_at, last = list[Listed](), 0, ""
    newest_ms = wanted.newest_ms(after)
    async for place, job in newest_first(broker, _index(tenant), pools, newest_ms=newest_ms, after=after):
        if len(found) == limit or looked_at == _MOST_LOOKED_AT:
            return JobPage(found, last)
        if wanted.ends_before(place):
            break
        looked_at += 1
        last = place[1]
        if wanted.passes(job):
            found.append(job)
    return JobPage(found, None)


def _index(tenant: str) -> Index[Listed]:
    return Index(
        places=lambda pool, newest_ms, skip, count: job_index.indexed(
            pool, tenant, newest_ms=newest_ms, skip=skip, count=count
        ),
        record=job_index.listed,
        forget=lambda pool, jobs: job_index.forget(pool, tenant, jobs),
    )


def _metadata(job: Listed) -> Mapping[str, str]:
    return msgspec.json.decode(job.metadata, type=dict[str, str]) if job.metadata else {}
