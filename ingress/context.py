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
from typing import TYPE_CHECKING, Any

from ingress.admission import Lane
from ingress.attachment import Attacher
from ingress.drain import DrainRate
from ingress.keepalive import KeepAlive
from ingress.pools import PoolWatch
from ingress.relay import Relay
from ingress.service import Service
from ingress.tokenizers import Tokenizers
from ingress.watch import Watch
from penstock.broker import server
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.funnel import Funnel
from penstock.broker.keys import ingress_channel
from penstock.broker.subscription import Subscription
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from penstock.settings import Settings

log = logs.get()


@dataclass(frozen=True, kw_only=True)
class Context(Service):
    """One ingress process."""

    broker: Broker
    #: By pool, for what every request does: in a cluster one pool's node may be away while another's is not.
    funnels: Mapping[str, Funnel]
    relay: Relay
    attacher: Attacher
    pool_watch: PoolWatch
    #: By pool.
    drains: defaultdict[str, DrainRate] = field(default_factory=lambda: defaultdict(DrainRate))
    #: What goes on after its request is over.
    errands: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, errand: Coroutine[Any, Any, None]) -> None:
        """Run something that no request waits for."""
        task = asyncio.create_task(errand)
        self.errands.add(task)
        task.add_done_callback(self.errands.discard)

    def lane(self, pool: str) -> Lane:
        """The bounds of a pool's lanes."""
        limits = self.settings.pools[pool]
        return Lane(
            max_jobs=limits.lane_max_jobs,
            max_bytes=limits.lane_max_bytes,
            queue_timeout_s=limits.queue_timeout_s,
            drained_per_s=self.drains[pool].at(time.monotonic()),
        )

    def watch(self, pool: str, offset: int = 0) -> Watch:
        """What a listener for a job of this pool is patient with."""
        limits, now_s = self.settings.pools[pool], time.monotonic()
        return Watch(limits.queue_timeout_s, limits.run_timeout_s, moved_s=now_s, asked_s=now_s, offset=offset)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Context]:
    """A context whose relay hears frames, until the block is left."""
    redis = settings.redis
    broker = Broker(Endpoint.parse(redis.address), timeout_s=redis.command_timeout_s, on_met=server.warn_of)
    relay = Relay()
    channel = ingress_channel(secrets.token_hex(8))
    attacher = Attacher(broker, relay, channel)
    subscription = Subscription(broker, channel, deliver=relay.on_frame, connected=attacher.attach_all)
    pool_watch = PoolWatch(broker, settings.pools)
    context = Context(
        settings=settings,
        tokenizers=Tokenizers(settings),
        broker=broker,
        funnels={pool: Funnel(broker, settings.ingress.submit_timeout_s) for pool in settings.pools},
        relay=relay,
        attacher=attacher,
        pool_watch=pool_watch,
    )
    keep_alive = KeepAlive(relay, settings.ingress)
    tasks = [asyncio.create_task(part.run()) for part in (subscription, attacher, keep_alive, pool_watch)]
    for task in tasks:
        task.add_done_callback(_end_process)
    try:
        yield context
    finally:
        for task in (*tasks, *context.errands):
            task.cancel()
        await asyncio.gather(*tasks, *context.errands, return_exceptions=True)
        await broker.close()


def _end_process(task: asyncio.Task[None]) -> None:
    """Without its relay an ingress is of no use: whoever supervises it shall start a new one."""
    if not task.cancelled():
        log.critical(events.STOPPED, exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)
