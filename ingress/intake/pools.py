"""What this process knows of its pools without asking: who serves them, what waits, how fast they work."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ingress.intake.pool_rates import PoolRates, Rates
from penstock.answers.pool_object import PoolObject, queue_of, unknown_pool, worker_object
from penstock.broker.observing import lane_bytes, lane_counts
from penstock.broker.records import PoolStatus, leaders_settings, pool_status
from penstock.errors import BrokerError
from penstock.settings.shared import SharedSettings
from penstock.telemetry import events, logs
from penstock.worker_state import WorkerState

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.settings import Settings

_EVERY_S = 1.0
#: A worker whose engine did not start is unknown from the end of its process until the next one registers.
_REGISTERS_WITHIN_S = 10.0
_NOT_YET = "This process has not looked at the pool yet."

log = logs.get()


class PoolWatch:
    """Looks at each pool now and then."""

    def __init__(self, broker: Broker, settings: Settings) -> None:
        self._broker = broker
        self._pools = settings.pools
        self._models = {
            pool: [name for name, model in settings.models.items() if model.pool == pool] for pool in settings.pools
        }
        self._shared = {name: SharedSettings.of(pool) for name, pool in settings.pools.items()}
        #: Jobs and bytes that wait, by lane.
        self._counts: dict[str, Mapping[str, int]] = {}
        self._sizes: dict[str, Mapping[str, int]] = {}
        self._rates: defaultdict[str, PoolRates] = defaultdict(PoolRates)
        #: What was said of a leader's settings that are not ours.
        self._differences: dict[str, str] = {}
        self._objects = {name: unknown_pool(name, self._models[name], _NOT_YET) for name in settings.pools}
        #: Why each pool that fails does, and when that was last seen.
        self._failing: dict[str, tuple[str, float]] = {}
        self._looked = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            for name in self._pools:
                try:
                    await self._look(name)
                except BrokerError as error:
                    self._objects[name] = unknown_pool(name, self._models[name], str(error))
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()
            await asyncio.sleep(_EVERY_S)

    @property
    def pools(self) -> Sequence[PoolObject]:
        """All pools as they were a moment ago."""
        return list(self._objects.values())

    async def next_look(self) -> None:
        """Returns when `pools` may be others."""
        await self._looked.wait()

    def reason_to_refuse(self, pool: str) -> str:
        """Why a request for that pool would wait in vain; "" where it would not, or is to wait all the same."""
        # What cannot be known is not held against the pool.
        if not self._pools[pool].refuse_when_failing or pool not in self._failing:
            return ""
        why, seen_s = self._failing[pool]
        return why if time.monotonic() - seen_s < _REGISTERS_WITHIN_S else ""

    def waiting(self, pool: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Jobs and bytes that waited a moment ago, by lane."""
        return self._counts.get(pool, {}), self._sizes.get(pool, {})

    def free_slots(self, pool: str) -> int:
        """Jobs that could have begun a moment ago."""
        return self._objects[pool].free_slots

    def jobs_per_s(self, pool: str) -> float:
        """How many jobs its workers end per second, lately."""
        return self._rates[pool].pool.jobs_per_s

    def full_jobs_per_s(self, pool: str) -> float:
        """How many they end when they have enough to do; 0 where that is not known."""
        return self._rates[pool].full_jobs_per_s

    async def _look(self, name: str) -> None:
        status = await pool_status(self._broker, name)
        queries = [lane_counts(name), lane_bytes(name)]
        self._counts[name], self._sizes[name] = await self._broker.ask_many(queries)
        if status.failing:
            self._failing[name] = (status.failing, time.monotonic())
        elif any(worker.state is not WorkerState.LOST for worker in status.workers):
            self._failing.pop(name, None)
        self._rates[name].look(time.monotonic(), status.workers, sum(self._counts[name].values()))
        self._objects[name] = self._object(name, status)
        difference = self._shared[name].difference(await self._broker.ask(leaders_settings(name)))
        if difference and difference != self._differences.get(name):
            log.warning(events.SETTINGS_DIFFER, pool=name, settings=difference)
        self._differences[name] = difference

    def _object(self, name: str, status: PoolStatus) -> PoolObject:
        rates = self._rates[name]
        of_pool = rates.pool.rounded()
        return PoolObject(
            id=name,
            models=self._models[name],
            serves=status.serves,
            has_leader=status.is_led,
            failing=status.failing,
            troubles=status.troubles,
            queue=queue_of(self._counts[name], self._sizes[name]),
            tokens_per_s=of_pool.tokens_per_s,
            jobs_per_s=of_pool.jobs_per_s,
            workers=[
                worker_object(one, rates.workers.get(one.instance, Rates()).rounded().tokens_per_s)
                for one in sorted(status.workers, key=lambda one: one.name)
            ],
        )
