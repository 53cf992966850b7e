"""The scheduler process: a candidate for every pool, until told to stop."""

from __future__ import annotations

import asyncio
import os
from functools import partial

import uvloop

from penstock import garbage
from penstock.broker import server
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.contact import Contact
from penstock.process import stop_signals
from penstock.settings import Settings
from penstock.telemetry import events, exposition, logs, tracing
from scheduler.duties import fulfil
from scheduler.leader import Candidate

_log = logs.get()


def run(settings: Settings) -> None:
    """Schedule all pools; returns when told to stop, every leadership given up."""
    logs.configure(settings.telemetry, "scheduler")
    tracing.configure("penstock-scheduler")
    telemetry = settings.telemetry
    with exposition.serve(telemetry.metrics_host, telemetry.scheduler_metrics_port) as port:
        if port:
            _log.info(events.METRICS_SERVED, port=port)
        try:
            uvloop.run(serve(settings))
        finally:
            tracing.flush()


async def serve(settings: Settings) -> None:
    """Stand for all pools until a signal."""
    redis = settings.redis
    broker = Broker(Endpoint.parse(redis.address), timeout_s=redis.command_timeout_s, on_met=server.warn_of)
    contact = Contact(broker.address)
    candidates = [
        Candidate(broker, contact, pool, pool_settings, ttl_s=settings.scheduler.leader_ttl_s)
        for pool, pool_settings in settings.pools.items()
    ]
    loop = asyncio.get_running_loop()
    for sig in stop_signals():
        loop.add_signal_handler(sig, _stop, candidates)
    _log.info(events.STARTED, pools=list(settings.pools))
    garbage.settle()
    duties = partial(fulfil, settings=settings.scheduler, traced=tracing.is_wanted(os.environ))
    async with asyncio.TaskGroup() as group:
        for candidate in candidates:
            group.create_task(candidate.run(duties))
    await broker.close()
    _log.info(events.STOPPED)


def _stop(candidates: list[Candidate]) -> None:
    for candidate in candidates:
        candidate.stop()
