"""Ending a job before its time: cancelled by its client, left by all who waited, or expired by nobody else."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from penstock.broker.records import record
from penstock.broker.submission import OnlyIf, leave, request_cancel, withdraw
from penstock.errors import BrokerDataError, BrokerUnavailableError
from penstock.frames import Delta, End, Failure, Result, encode_frame
from penstock.job import State, pool_of
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ingress.context import Context
    from penstock.broker.client import Broker
    from penstock.job import Job

#: The sender of frames that no worker sent.
_SENDER = "ingress"
#: How often a job is followed from queue to worker and back before we leave it to whoever asks next.
_ATTEMPTS = 8
#: How long a worker may take to end a job that we asked it to end, before we answer without knowing.
_CONFIRMATION_S = 1.0
_POLL_S = 0.02
#: How long a cancel on behalf of a client that is gone outlives an outage of Redis.
_PERSISTENCE_S = 30.0
_RETRY_S = 0.5

log = logs.get()


async def cancel(broker: Broker, job_id: str, only_if: OnlyIf | None = None) -> bool:
    """Have a job end as cancelled unless it has ended; True where it ended at once. Raises BrokerUnavailableError."""
    run = None
    for _ in range(_ATTEMPTS):
        job = await broker.ask(record(pool_of(job_id), job_id))
        if job is None or job.state.terminal or run not in (None, job.run):
            return True
        run = job.run
        if job.state is State.QUEUED:
            end = End(State.CANCELLED, completion_tokens=len(job.prefix.tokens))
            if await _withdraw(broker, job, end, only_if):
                return True
        elif (
            await broker.run(request_cancel(pool_of(job_id), job_id, job.worker, job.fence, only_if=only_if)) != "moved"
        ):
            return False
    return False


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
    """For a client that is gone there is nobody to tell: an outage of Redis is waited out."""
    until_s = time.monotonic() + _PERSISTENCE_S
    while time.monotonic() < until_s:
        try:
            await act()
        except BrokerUnavailableError:
            await asyncio.sleep(_RETRY_S)
        except BrokerDataError as error:
            # There is no job to end.
            log.warning(events.ERRAND_FAILED, error=str(error))
            return
        else:
            return


async def cancel_and_wait(broker: Broker, job_id: str) -> None:
    """Cancel, and give the worker a moment to confirm. Raises BrokerUnavailableError."""
    if await cancel(broker, job_id):
        return
    until_s = time.monotonic() + _CONFIRMATION_S
    while time.monotonic() < until_s:
        await asyncio.sleep(_POLL_S)
        job = await broker.ask(record(pool_of(job_id), job_id))
        if job is None or job.state.terminal:
            return


async def expire(broker: Broker, job_id: str, failure: Failure) -> None:
    """End a waiting job whose deadline has passed. Raises BrokerUnavailableError."""
    job = await broker.ask(record(pool_of(job_id), job_id))
    if job is not None and job.state is State.QUEUED:
        await _withdraw(broker, job, End(State.EXPIRED, failure=failure), OnlyIf.OVERDUE)


async def _withdraw(broker: Broker, job: Job, end: End, only_if: OnlyIf | None) -> bool:
    """End a waiting job and tell its listeners; False if it waits there no more, or not long enough."""
    pool, state = pool_of(job.id), State(end.state)
    frame = encode_frame(_SENDER, [Delta(job.id, job.fence, len(job.prefix.tokens), [], [], end)])
    notices: list[str | bytes] = []
    for listener in filter(None, job.listeners.split(",")):
        notices += (listener.partition(":")[2], frame)
    call = withdraw(pool, job.id, job.lane, job.fence, state, Result(end, job.prefix), notices, only_if=only_if)
    reply = await broker.run(call)
    if reply == "withdrawn":
        metrics.JOBS.labels(pool, state).inc()
    return reply in ("withdrawn", "repeated", "missing", "wanted")
