"""Queries of an ingress: a job's record, and who serves a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from penstock.broker.diagnosis import wrong_keys
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.job import Job
from penstock.worker_state import WorkerState

if TYPE_CHECKING:
    from penstock.broker.client import Broker

_WORKER_FIELDS = ("state", "failures", "why")
#: Starts in a row that failed, after which it is not taken for an accident.
_TRIES = 2
_SERVING = frozenset({WorkerState.READY, WorkerState.DRAINING})


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
    #: Keys that hold something else than we wrote, in words.
    troubles: tuple[str, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether a request sent now would be run."""
        return self.is_led and bool(self.names(WorkerState.READY)) and not self.troubles

    @property
    def failing(self) -> str:
        """Why none of its workers comes up, though each was tried again; "" where that is not so."""
        is_hopeless = all(one.failures >= _TRIES and one.state not in _SERVING for one in self.workers)
        return next((one.why for one in self.workers), "") if is_hopeless else ""

    def names(self, state: WorkerState) -> list[str]:
        """The workers in that state."""
        return sorted(worker.name for worker in self.workers if worker.state is state)


def record(pool: str, job_id: str) -> Query[Job | None]:
    """A job, or None if there is no record of it (any more)."""
    return Query(("HGETALL", keys_of(pool).job(job_id)), partial(_job, job_id))


async def pool_status(broker: Broker, pool: str) -> PoolStatus:
    """The workers of a pool, whether anybody leads it, and what keeps it from work. Raises BrokerUnavailableError."""
    keys = keys_of(pool)
    is_led, newest = await broker.ask_each(
        [Query(("EXISTS", keys.leader), bool), Query(("HGETALL", keys.workers), _by_name)]
    )
    names = {} if isinstance(newest, Exception) else newest
    queries = [Query(("HMGET", keys.worker(it), *_WORKER_FIELDS), partial(_worker, name)) for name, it in names.items()]
    answers = await broker.ask_each(queries) if queries else []
    workers = tuple(
        _unreadable(name) if isinstance(answer, Exception) else answer
        for name, answer in zip(names, answers, strict=True)
    )
    return PoolStatus(is_led=is_led, workers=workers, troubles=tuple(await wrong_keys(broker, keys.common)))


def exists(pool: str, job_id: str) -> Query[bool]:
    """Whether there is a job of that id."""
    return Query(("EXISTS", keys_of(pool).job(job_id)), bool)


def leaders_settings(pool: str) -> Query[str]:
    """What the pool's leader says of it, as `lead` wrote it; "" where none has yet."""
    return Query(("GET", keys_of(pool).settings), lambda reply: (reply or b"").decode())


def _job(job_id: str, flat: Sequence[bytes]) -> Job | None:
    return Job.from_record(job_id, dict(zip(flat[::2], flat[1::2], strict=True))) if flat else None


def _by_name(flat: Sequence[bytes]) -> dict[str, str]:
    return {name.decode(): instance.decode() for name, instance in zip(flat[::2], flat[1::2], strict=True)}


def _unreadable(name: str) -> WorkerStatus:
    return WorkerStatus(name=name, state=WorkerState.LOST, failures=0, why="its record cannot be read")


def _worker(name: str, reply: Sequence[bytes | None]) -> WorkerStatus:
    state, failures, why = ((value or b"").decode() for value in reply)
    return WorkerStatus(name=name, state=WorkerState(state or WorkerState.LOST), failures=int(failures or 0), why=why)
