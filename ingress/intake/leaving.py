"""What is done for a client that is gone: there is nobody to tell, so an outage of Redis is waited out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from penstock.broker.submission import OnlyIf, leave
from penstock.errors import BrokerDataError, BrokerUnavailableError
from penstock.intake.ending import cancel
from penstock.job import pool_of
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ingress.intake.context import Context
    from penstock.broker.client import Broker

#: How long it is tried.
_PERSISTENCE_S = 30.0
_RETRY_S = 0.5

log = logs.get()


async def cancel_for_sure(broker: Broker, job_id: str) -> None:
    """Cancel a job that nobody knows of."""
    await _insist(lambda: cancel(broker, job_id))


async def leave_for_sure(context: Context, job_id: str) -> None:
    """One who waited for a job is gone: unless another waits for it, here or elsewhere, it is cancelled."""
    await _insist(lambda: _leave(context, job_id))


async def _leave(context: Context, job_id: str) -> None:
    if context.relay.has(job_id):
        return
    reply = await context.broker.run(leave(pool_of(job_id), job_id, context.attacher.entries))
    # One who came meanwhile may have been struck off with the one who left; it asks again when it hears nothing.
    if reply == "unwanted" and not context.relay.has(job_id):
        await cancel(context.broker, job_id, OnlyIf.UNWANTED)


async def _insist(act: Callable[[], Awaitable[object]]) -> None:
    until_s = time.monotonic() + _PERSISTENCE_S
    while time.monotonic() < until_s:
        try:
            await act()
        except BrokerUnavailableError:
            await asyncio.sleep(_RETRY_S)
        except BrokerDataError as error:
            # There is no job to end.
            log.warning(events.BACKGROUND_TASK_FAILED, error=str(error))
            return
        else:
            return
