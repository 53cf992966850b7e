"""Queries of an ingress: a job's record, and who serves a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from penstock.broker.diagnosis import wrong_keys
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.engine_stats import EngineStats
from penstock.job import Job
from penstock.worker_state import WorkerState

if TYPE_CHECKING:
    from penstock.broker.client import Broker

_NO_STATS = EngineStats()
_stats = msgspec.json.Decoder(EngineStats)
_WORKER_FIELDS = ("state", "failures", "why", "slots", "engine", "ended", "stats")
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
    instance: str = ""
    slots: int = 0
    #: Jobs that it holds, whether it runs them yet or not.
    held: int = 0
    engine: str = ""
    #: Jobs that this instance has ended.
    ended: int = 0
    stats: EngineStats = _NO_STATS


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
    records = [_worker_of(pool, name, instance) for name, instance in names.items()]
    loads = [Query(("XLEN", keys.inbox(instance)), int) for instance in names.values()]
    answers = await broker.ask_each([*records, *loads]) if names else []
    workers = tuple(
        _unreadable(name) if isinstance(worker, Exception) else _holding(worker, jobs)
        for name, worker, jobs in zip(names, answers[: len(names)], answers[len(names) :], strict=True)
    )
    return PoolStatus(is_led=is_led, workers=workers, troubles=tuple(await wrong_keys(broker, keys.common)))


def exists(pool: str, job_id: str) -> Query[bool]:
    """Whether there is a job of that id."""
    return Query(("EXISTS", keys_of(pool).job(job_id)), bool)


class KeptTerms(Struct, frozen=True):
    """What a job's record keeps of the terms on which it was submitted, as they were encoded then."""

    job_class: str
    metadata: str
    webhook: str


def kept_terms(pool: str, job_id: str) -> Query[KeptTerms | None]:
    """The terms of a job, or None if there is no record of it (any more)."""
    command = ("HMGET", keys_of(pool).job(job_id), "class", "metadata", "webhook")
    return Query(command, _kept_terms)


def leaders_settings(pool: str) -> Query[str]:
    """What the pool's leader says of it, as `lead` wrote it; "" where none has yet."""
    return Query(("GET", keys_of(pool).settings), lambda reply: (reply or b"").decode())


def _job(job_id: str, flat: Sequence[bytes]) -> Job | None:
    record = dict(zip(flat[::2], flat[1::2], strict=True))
    # One that was erased has left its end, for those who still listen.
    return Job.from_record(job_id, record) if record and b"purged" not in record else None


def _by_name(flat: Sequence[bytes]) -> dict[str, str]:
    return {name.decode(): instance.decode() for name, instance in zip(flat[::2], flat[1::2], strict=True)}


def _unreadable(name: str) -> WorkerStatus:
    return WorkerStatus(name=name, state=WorkerState.LOST, failures=0, why="its record cannot be read")


def _worker_of(pool: str, name: str, instance: str) -> Query[WorkerStatus]:
    return Query(("HMGET", keys_of(pool).worker(instance), *_WORKER_FIELDS), partial(_worker, name, instance))


def _worker(name: str, instance: str, reply: Sequence[bytes | None]) -> WorkerStatus:
    state, failures, why, slots, engine, ended, stats = ((value or b"").decode() for value in reply)
    return WorkerStatus(
        name=name,
        state=WorkerState(state or WorkerState.LOST),
        failures=int(failures or 0),
        why=why,
        instance=instance,
        slots=int(slots or 0),
        engine=engine,
        ended=int(ended or 0),
        stats=_stats.decode(stats) if stats else _NO_STATS,
    )


def _holding(worker: WorkerStatus, jobs: int | Exception) -> WorkerStatus:
    return worker if isinstance(jobs, Exception) else replace(worker, held=jobs)


def _kept_terms(reply: Sequence[bytes | None]) -> KeptTerms | None:
    return None if reply[0] is None else KeptTerms(*((value or b"").decode() for value in reply))
