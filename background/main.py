"""The background process: reads the ledger of every pool, runs batches and arq's tasks, until told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from typing import TYPE_CHECKING

import uvloop

from background.batches.owner import BatchOwner
from background.ledger_reader import LedgerReader
from background.tasks import Tasks
from penstock import garbage
from penstock.broker import server
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.contact import Contact
from penstock.process import stop_signals
from penstock.storage import open_storage
from penstock.telemetry import events, exposition, logs

if TYPE_CHECKING:
    from penstock.settings import Settings

_log = logs.get()


def run(settings: Settings) -> None:
    """Do what nobody waits for; returns when told to stop."""
    logs.configure(settings.telemetry, "background")
    telemetry = settings.telemetry
    with exposition.serve(telemetry.metrics_host, telemetry.background_metrics_port) as port:
        if port:
            _log.info(events.METRICS_SERVED, port=port)
        uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Read all ledgers, run batches and deliver webhooks until a signal."""
    redis = settings.redis
    broker = Broker(Endpoint.parse(redis.address), timeout_s=redis.command_timeout_s, on_met=server.warn_of)
    token = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    storage = open_storage(settings.storage)
    tasks, contact = Tasks(broker, storage, settings), Contact(broker.address)
    readers = [
        LedgerReader(broker, contact, pool, settings.background, token, tasks.hand_over) for pool in settings.pools
    ]
    owners = [BatchOwner(broker, storage, settings, pool, token, tasks.hand_over) for pool in settings.pools]
    parts: list[LedgerReader | BatchOwner | Tasks] = [*readers, *owners, tasks]
    loop = asyncio.get_running_loop()
    for sig in stop_signals():
        loop.add_signal_handler(sig, _stop, parts)
    _log.info(events.STARTED, pools=list(settings.pools))
    garbage.settle()
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part.run())
    await storage.close()
    await broker.close()
    _log.info(events.STOPPED)


def _stop(parts: list[LedgerReader | BatchOwner | Tasks]) -> None:
    for part in parts:
        part.stop()
