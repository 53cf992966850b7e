"""Calls that find the jobs of a tenant, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from penstock.broker import replies
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.job import State

_FIELDS = (
    "state",
    "model",
    "class",
    "created_ms",
    "assigned_ms",
    "started_ms",
    "finished_ms",
    "metadata",
    "tenant",
    "purged",
)


class Listed(Struct, frozen=True, kw_only=True):
    """What a list says of a job. Times are Unix milliseconds, 0 for `not yet`."""

    id: str
    state: State
    model: str
    job_class: str
    created_ms: int
    assigned_ms: int
    started_ms: int
    finished_ms: int
    #: JSON, or "".
    metadata: str
    tenant: str

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in its tenant's list; greater is newer."""
        return self.created_ms, self.id


def indexed(pool: str, tenant: str, *, newest_ms: int | None, skip: int, count: int) -> Query[list[tuple[int, str]]]:
    """A page of a tenant's jobs in a pool, newest first: the time of acceptance and the id of each.

    `newest_ms` leaves out those accepted after it; `skip` so many of the others.
    """
    bound = "+inf" if newest_ms is None else newest_ms
    command = ("ZREVRANGEBYSCORE", keys_of(pool).job_index(tenant), bound, "-inf", "WITHSCORES", "LIMIT", skip, count)
    return Query(command, replies.scored)


def oldest(pool: str, tenant: str, count: int) -> Query[list[str]]:
    """The ids of a tenant's oldest jobs in a pool."""
    command = ("ZRANGE", keys_of(pool).job_index(tenant), 0, count - 1)
    return Query(command, replies.names)


def listed(pool: str, job_id: str) -> Query[Listed | None]:
    """What a list says of a job, or None where its record is gone."""
    return Query(("HMGET", keys_of(pool).job(job_id), *_FIELDS), lambda reply: _listed(job_id, reply))


def forget(pool: str, tenant: str, job_ids: Sequence[str]) -> Query[int]:
    """Strike jobs whose records are gone off the index."""
    return Query(("ZREM", keys_of(pool).job_index(tenant), *job_ids), int)


def _listed(job_id: str, reply: list[Any]) -> Listed | None:
    state, model, job_class, *times, metadata, tenant, purged = ((part or b"").decode() for part in reply)
    if not state or purged:
        return None
    created_ms, assigned_ms, started_ms, finished_ms = (int(time or 0) for time in times)
    return Listed(
        id=job_id,
        state=State(state),
        model=model,
        job_class=job_class,
        created_ms=created_ms,
        assigned_ms=assigned_ms,
        started_ms=started_ms,
        finished_ms=finished_ms,
        metadata=metadata,
        tenant=tenant,
    )


def place_of(pool: str, tenant: str, job_id: str) -> Query[tuple[int, str] | None]:
    """Where a job stands in its tenant's list, or None where it is not in it."""
    command = ("ZSCORE", keys_of(pool).job_index(tenant), job_id)
    return Query(command, replies.place_of(job_id))
