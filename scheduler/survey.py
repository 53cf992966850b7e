"""The survey: what a round of dispatching needs to know, in one round trip."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.broker import observing
from penstock.broker.client import Broker
from penstock.broker.observing import InstanceRecord
from penstock.broker.query import Query
from penstock.worker_state import WorkerState
from scheduler.policy.facts import Lane, Liveness, Waiting, Worker

#: An empty lane is deleted and soon made anew: names are remembered, so that its next job costs one round trip only.
_REMEMBERED_LANES = 64


@dataclass(frozen=True, slots=True)
class Survey:
    """A pool as it was a moment ago."""

    #: Redis' clock.
    now_ms: int
    depths: Mapping[str, int]
    lanes: list[Lane]
    instances: list[InstanceRecord]
    #: Jobs held by instance.
    held: Mapping[str, int]

    @property
    def lost(self) -> list[InstanceRecord]:
        """The instances that will write nothing more."""
        return [one for one in self.instances if one.state in ("", WorkerState.LOST)]

    @property
    def present(self) -> list[InstanceRecord]:
        """The others."""
        return [one for one in self.instances if one.state not in ("", WorkerState.LOST)]

    def workers(self, liveness: Mapping[str, Liveness]) -> list[Worker]:
        """The instances as facts for placement."""
        return [
            Worker(
                one.instance,
                one.state == WorkerState.READY,
                liveness[one.instance],
                one.slots,
                self.held.get(one.instance, 0),
            )
            for one in self.present
        ]


class Surveyor:
    """Reads surveys; it remembers the names it met, so as to ask for all they stand for at once."""

    def __init__(self, broker: Broker, pool: str) -> None:
        self._broker = broker
        self._pool = pool
        self._lanes: frozenset[str] = frozenset()
        self._instances: frozenset[str] = frozenset()

    async def read(self, page: int) -> Survey:
        """A survey with at most `page` jobs of each lane; a second round trip only where there are new names."""
        heads = _Details(self._pool, self._lanes, self._instances, page)
        pool_wide: list[Query[Any]] = [
            observing.clock_ms(),
            observing.lane_counts(self._pool),
            observing.instances(self._pool),
        ]
        now_ms, depths, instances, *answers = await self._broker.ask_many([*pool_wide, *heads.queries])
        heads.take(answers)
        rest = _Details(self._pool, depths.keys() - self._lanes, instances - self._instances, page)
        if rest.queries:
            rest.take(await self._broker.ask_many(rest.queries))
        self._instances = instances
        lanes = self._lanes | depths.keys()
        self._lanes = lanes if len(lanes) <= _REMEMBERED_LANES else frozenset(depths)
        return Survey(
            now_ms,
            depths,
            [*heads.lanes, *rest.lanes],
            [one for one in (*heads.records, *rest.records) if one.instance in instances],
            {**heads.held, **rest.held},
        )


class _Details:
    """What is asked of each lane and instance, and the answers."""

    def __init__(self, pool: str, lanes: Collection[str], instances: Collection[str], page: int) -> None:
        self._lane_names = list(lanes)
        self._instance_names = list(instances)
        self._page = page
        self.queries: list[Query[Any]] = [
            *(observing.waiting(pool, lane, page) for lane in self._lane_names),
            *(observing.instance(pool, name) for name in self._instance_names),
            *(observing.held_count(pool, name) for name in self._instance_names),
        ]
        self.lanes: list[Lane] = []
        self.records: list[InstanceRecord] = []
        self.held: dict[str, int] = {}

    def take(self, answers: list[Any]) -> None:
        """Take the answers in the order of the queries."""
        lanes, instances = len(self._lane_names), len(self._instance_names)
        self.lanes = [
            Lane(name, [Waiting(job, name, entry) for job, entry in entries], len(entries) == self._page)
            for name, entries in zip(self._lane_names, answers[:lanes], strict=True)
        ]
        self.records = answers[lanes : lanes + instances]
        self.held = dict(zip(self._instance_names, answers[lanes + instances :], strict=True))
