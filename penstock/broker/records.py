"""Queries of an ingress: a job's record, and who serves a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.job import Job
from penstock.worker_state import WorkerState

if TYPE_CHECKING:
    from penstock.broker.client import Broker

_WORKER_FIELDS = ("state", "failures", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """One worker as its newest record has it."""

    name: str
    state: WorkerState
    #: How often its engine did not start, or died.
    failures: int
    #: The reason of its last failure.
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """Who serves a pool at this moment."""

    is_led: bool
    workers: tuple[WorkerStatus, ...]

    def names(self, state: WorkerState) -> list[str]:
        """The workers in that state."""
        return sorted(worker.name for worker in self.workers if worker.state is state)


def record(pool: str, job_id: str) -> Query[Job | None]:
    """A job, or None if there is no record of it (any more)."""
    return Query(("HGETALL", keys_of(pool).job(job_id)), partial(_job, job_id))


async def pool_status(broker: Broker, pool: str) -> PoolStatus:
    """The workers of a pool, and whether anybody leads it. Raises BrokerUnavailableError."""
    keys = keys_of(pool)
    is_led, newest = await broker.ask_many(
        [Query(("EXISTS", keys.leader), bool), Query(("HGETALL", keys.workers), _by_name)]
    )
    queries = [
        Query(("HMGET", keys.worker(it), *_WORKER_FIELDS), partial(_worker, name)) for name, it in newest.items()
    ]
    return PoolStatus(is_led=is_led, workers=tuple(await broker.ask_many(queries)) if queries else ())


def _job(job_id: str, flat: Sequence[bytes]) -> Job | None:
    return Job.from_record(job_id, dict(zip(flat[::2], flat[1::2], strict=True))) if flat else None


def _by_name(flat: Sequence[bytes]) -> dict[str, str]:
    return {name.decode(): instance.decode() for name, instance in zip(flat[::2], flat[1::2], strict=True)}


def _worker(name: str, reply: Sequence[bytes | None]) -> WorkerStatus:
    state, failures, why = ((value or b"").decode() for value in reply)
    return WorkerStatus(name=name, state=WorkerState(state or WorkerState.LOST), failures=int(failures or 0), why=why)
