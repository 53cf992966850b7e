"""The survey: what a round of dispatching needs to know, in one round trip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.broker.client import Broker
from penstock.broker.observing import InstanceRecord
from penstock.broker.script import Call
from penstock.broker.surveying import View, survey
from penstock.broker.wake_up import WakeUp
from penstock.errors import BrokerDataError
from penstock.worker_state import WorkerState
from scheduler.policy.facts import Lane, Liveness, Waiting, WorkerFacts

#: An empty lane is deleted and soon made anew: names are remembered, so that its next job costs one round trip only.
_REMEMBERED_LANES = 64


@dataclass(frozen=True, slots=True)
class Survey:
    """A pool as it was a moment ago."""

    #: Redis' clock.
    now_ms: int
    #: Waiting jobs by lane.
    depths: Mapping[str, int]
    lanes: list[Lane]
    instances: list[InstanceRecord]
    #: Jobs held by instance.
    held: Mapping[str, int]
    #: What could not be read: such a lane has no jobs here, such an instance takes none.
    errors: Sequence[BrokerDataError] = ()

    @property
    def lost(self) -> list[InstanceRecord]:
        """The instances that will write nothing more."""
        return [one for one in self.instances if one.state in ("", WorkerState.LOST)]

    @property
    def present(self) -> list[InstanceRecord]:
        """The others."""
        return [one for one in self.instances if one.state not in ("", WorkerState.LOST)]

    def workers(self, liveness: Mapping[str, Liveness]) -> list[WorkerFacts]:
        """The instances as facts for placement."""
        return [
            WorkerFacts(
                one.instance,
                is_ready=one.state == WorkerState.READY,
                liveness=liveness[one.instance],
                slots=one.slots,
                held=self.held[one.instance],
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
        return await self._complete(await self._broker.run(self._call(page)), page)

    async def read_after(self, wake_up: WakeUp, timeout_s: float, page: int) -> Survey:
        """A survey as of when somebody wakes us, at most `timeout_s` from now."""
        return await self._complete(await wake_up.then(timeout_s, self._call(page)), page)

    def _call(self, page: int) -> Call[View]:
        return survey(self._pool, list(self._lanes), list(self._instances), page)

    async def _complete(self, view: View, page: int) -> Survey:
        views = [view]
        new_lanes, new_instances = view.depths.keys() - self._lanes, view.instances - self._instances
        if new_lanes or new_instances:
            views.append(await self._broker.run(survey(self._pool, list(new_lanes), list(new_instances), page)))
        self._remember(view)
        return Survey(
            view.now_ms,
            view.depths,
            [_lane(name, heads, page) for one in views for name, heads in one.heads.items()],
            [record for one in views for name, record in one.records.items() if name in view.instances],
            {name: count for one in views for name, count in one.held.items()},
            [error for one in views for error in one.errors],
        )

    def _remember(self, view: View) -> None:
        lanes = self._lanes | view.depths.keys()
        self._lanes = lanes if len(lanes) <= _REMEMBERED_LANES else frozenset(view.depths)
        self._instances = view.instances


def _lane(name: str, heads: list[tuple[str, str]], page: int) -> Lane:
    return Lane(name, [Waiting(job, name, entry) for job, entry in heads], has_more=len(heads) == page)
