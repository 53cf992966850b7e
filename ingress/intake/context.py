"""What the handlers share: made once per process, at its start."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ingress.intake.admission import LaneBounds
from ingress.intake.drain import DrainRate
from ingress.intake.pools import PoolWatch
from ingress.intake.service import Service
from ingress.intake.stream_keys import StreamKeys
from ingress.intake.tokenizers import Tokenizers
from ingress.streams.attachment import Attacher
from ingress.streams.keepalive import KeepAlive
from ingress.streams.relay import Relay
from ingress.streams.watch import JobWatch
from penstock.broker import server
from penstock.broker.batcher import Batcher
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.keys import ingress_channel
from penstock.broker.subscription import Subscription
from penstock.intake.ending import expire
from penstock.storage import Storage, open_storage
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from penstock.settings import Settings

log = logs.get()


@dataclass(frozen=True, kw_only=True)
class Context(Service):
    """One ingress process."""

    broker: Broker
    #: By pool, for what every request does: in a cluster one pool's node may be away while another's is not.
    batchers: Mapping[str, Batcher]
    relay: Relay
    attacher: Attacher
    pool_watch: PoolWatch
    stream_keys: StreamKeys
    storage: Storage
    #: By pool.
    drains: defaultdict[str, DrainRate] = field(default_factory=lambda: defaultdict(DrainRate))
    #: Tasks that no request waits for.
    background_tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that no request waits for."""
        task = asyncio.create_task(work)
        self.background_tasks.add(task)
        task.add_done_callback(self.background_tasks.discard)

    def lane(self, pool: str) -> LaneBounds:
        """The bounds of a pool's lanes."""
        limits = self.settings.pools[pool]
        return LaneBounds(
            max_jobs=limits.lane_max_jobs,
            max_bytes=limits.lane_max_bytes,
            queue_timeout_s=limits.queue_timeout_s,
            # What the workers say is late by a second or two; what this process has seen is but its own part.
            drained_per_s=max(self.drains[pool].at(time.monotonic()), self.pool_watch.jobs_per_s(pool)),
        )

    def watch(self, pool: str, offset: int = 0, queue_timeout_s: float | None = None) -> JobWatch:
        """What a listener for a job of this pool is patient with; the job may wait as long as it was promised."""
        limits, now_s = self.settings.pools[pool], time.monotonic()
        return JobWatch(
            queue_timeout_s or limits.queue_timeout_s, limits.run_timeout_s, moved_s=now_s, asked_s=now_s, offset=offset
        )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Context]:
    """A context whose relay hears frames, until the block is left."""
    redis = settings.redis
    broker = Broker(Endpoint.parse(redis.address), timeout_s=redis.command_timeout_s, on_met=server.warn_of)
    relay = Relay()
    channel = ingress_channel(secrets.token_hex(8))
    attacher = Attacher(broker, relay, channel, partial(expire, broker))
    subscription = Subscription(broker, channel, deliver=relay.on_frame, connected=attacher.attach_all)
    pool_watch = PoolWatch(broker, settings)
    context = Context(
        settings=settings,
        tokenizers=Tokenizers(settings),
        broker=broker,
        batchers={pool: Batcher(broker, settings.ingress.submit_timeout_s) for pool in settings.pools},
        relay=relay,
        attacher=attacher,
        pool_watch=pool_watch,
        stream_keys=StreamKeys(settings.streams, broker),
        storage=open_storage(settings.storage),
    )
    keep_alive = KeepAlive(relay, settings.ingress)
    tasks = [asyncio.create_task(part.run()) for part in (subscription, attacher, keep_alive, pool_watch)]
    for task in tasks:
        task.add_done_callback(_end_process)
    try:
        yield context
    finally:
        for task in (*tasks, *context.background_tasks):
            task.cancel()
        await asyncio.gather(*tasks, *context.background_tasks, return_exceptions=True)
        await broker.close()
        await context.storage.close()


def _end_process(task: asyncio.Task[None]) -> None:
    """Without its relay an ingress is of no use: whoever supervises it shall start a new one."""
    if not task.cancelled():
        log.critical(events.STOPPED, exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)
