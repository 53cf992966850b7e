"""What a forked worker process does, from its first line to its last."""

from __future__ import annotations

import asyncio
import math
import signal
from typing import TYPE_CHECKING

import uvloop

from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.process import stop_signals
from penstock.telemetry import events, exposition, logs, tracing
from workers.epoch import Place
from workers.pulse import Rhythm, beating
from workers.worker import Worker

if TYPE_CHECKING:
    from penstock.settings import Settings, TelemetrySettings
    from workers.engine.registry import Recipe
    from workers.history import History
    from workers.report import Reporter

log = logs.get()


def serve(settings: Settings, pool: str, name: str, recipe: Recipe, history: History, reporter: Reporter) -> None:
    """Run one worker until told to stop. Raises whatever ended it, which it has logged and reported."""
    endpoint = Endpoint.parse(settings.redis.address)
    # First, because it forks: this process has no threads yet.
    with beating(endpoint, pool, Rhythm.of(settings.pools[pool])) as pulse:
        broker = Broker(endpoint, timeout_s=settings.redis.command_timeout_s, patience_s=math.inf)
        place = Place(broker=broker, pulse=pulse, pool=pool, settings=settings.pools[pool], name=name)
        _serve(settings.telemetry, place, recipe, history, reporter)


def _serve(telemetry: TelemetrySettings, place: Place, recipe: Recipe, history: History, reporter: Reporter) -> None:
    tracing.configure("penstock-worker")
    with exposition.serve(telemetry.metrics_host, telemetry.worker_metrics_port) as port:
        if port:
            log.info(events.METRICS_SERVED, pool=place.pool, port=port)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_run(place, recipe, history, reporter))
        finally:
            tracing.flush()


async def _run(place: Place, recipe: Recipe, history: History, reporter: Reporter) -> None:
    stop = asyncio.Event()
    signals = stop_signals()
    for sig in signals:
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    # The host forks with these blocked: one that came too early arrives now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals | {signal.SIGCHLD})
    try:
        await Worker(place, recipe.build(), history, reporter).run(stop)
    finally:
        await place.broker.close()
