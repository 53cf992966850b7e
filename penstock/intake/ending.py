"""Ending a job before its time: cancelled by its client, left by all who waited, or expired by nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from penstock.answers.outcome import PURGED
from penstock.broker import submission
from penstock.broker.records import record
from penstock.broker.submission import OnlyIf, request_cancel, withdraw
from penstock.errors import BrokerError
from penstock.frames import Delta, End, Failure, Generated, Result, encode_frame
from penstock.job import State, pool_of
from penstock.telemetry import metrics

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.job import Job

#: The sender of frames that no worker sent.
_SENDER = "ingress"
#: How often a job is followed from queue to worker and back before we leave it to whoever asks next.
_ATTEMPTS = 8
#: How long a worker may take to end a job that we asked it to end, before we answer without knowing.
_CONFIRMATION_S = 1.0
_POLL_S = 0.02


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


async def purge(broker: Broker, job_id: str) -> bool:
    """Erase what a job was asked and answered; False where that has to wait for its end, which was asked for.

    Raises BrokerUnavailableError, BrokerDataError.
    """
    call = submission.purge(pool_of(job_id), job_id, Result(PURGED, Generated()))
    if await broker.run(call) == "marked":
        await cancel_and_wait(broker, job_id)
        return await broker.run(call) != "marked"
    return True


async def purge_soon(broker: Broker, job_id: str) -> None:
    """The same, or leave it to the record's lifetime."""
    with contextlib.suppress(BrokerError):
        await purge(broker, job_id)


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
