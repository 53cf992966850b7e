"""From a checked body to a job in the queue, and a listener that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ingress.admission import Admitted, Reason, decide, may_run_anew
from ingress.ending import cancel_for_sure
from penstock.broker.records import exists
from penstock.broker.submission import Accepted, Exists, LaneFull, enqueue
from penstock.errors import (
    BrokerDataError,
    BrokerFullError,
    BrokerUnavailableError,
    InvalidRequestError,
    OverloadedError,
)
from penstock.job import JobClass, NewJob, first_fence, idempotent_job_id, new_job_id, run_of
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingress.context import Context
    from ingress.exchange import Exchange
    from ingress.listener import Listener, Wish
    from penstock.request import Api

_MAX_KEY_CHARACTERS = 255

log = logs.get()


class Order(Struct, frozen=True):
    """A job as its client wants it handled."""

    job: NewJob
    #: The client may send it again, and get the same job, by its Idempotency-Key.
    is_repeatable: bool


class Ticket(Struct, frozen=True):
    """A job that was accepted, now or before."""

    job: NewJob
    created_s: int
    #: Whether this request made it, rather than another with the same Idempotency-Key.
    is_new: bool


def new_order(
    context: Context,
    *,
    pool: str,
    api: Api,
    model: str,
    body: bytes,
    is_rich: bool,
    tenant: str,
    headers: Mapping[str, str],
    wish: Wish,
    trace: str,
) -> Order:
    """What a request orders. Raises InvalidRequestError."""
    limits = context.settings.pools[pool]
    key = headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= _MAX_KEY_CHARACTERS:
        raise InvalidRequestError(f"An Idempotency-Key has 1 to {_MAX_KEY_CHARACTERS} characters.")
    job = NewJob(
        id=new_job_id(pool) if key is None else idempotent_job_id(pool, tenant, key),
        api=api,
        body=body,
        is_rich=is_rich,
        model=model,
        # Somebody waits for the answer.
        job_class=JobClass.INTERACTIVE,
        tenant=tenant,
        listeners=context.attacher.entry(wish),
        # Whoever has the key may come back for it.
        is_kept=key is not None or headers.get("x-penstock-keep", "").lower() in ("true", "1"),
        trace=trace,
        queue_timeout_ms=round(limits.queue_timeout_s * 1000),
        run_timeout_ms=round(limits.run_timeout_s * 1000),
        result_ttl_ms=round(limits.result_ttl_s * 1000),
    )
    return Order(job, is_repeatable=key is not None)


async def submit(context: Context, exchange: Exchange, order: Order, listener: Listener) -> Ticket:
    """Put the job into its lane, with the listener waiting for it; the caller removes the listener in the end.

    Raises QueueFullError, OverloadedError, IdempotencyConflictError, BrokerFullError, BrokerUnavailableError,
    BrokerDataError.
    """
    await _check_pool(context, order)
    # Before the job can begin, or its first frame would find nobody.
    context.relay.add(listener)
    try:
        job, reply = await _queued(context, exchange, order, listener)
        admitted = _admit(reply, context, exchange, job)
        listener.expect(admitted.fence)
        # Without a key, a job that exists is our own: the reply to the first attempt was lost.
        is_new = admitted.reason is Reason.ACCEPTED or not order.is_repeatable
        if not is_new:
            await context.attacher.attach(listener)
    except BaseException:
        context.relay.remove(listener)
        raise
    listener.job = job
    return Ticket(job, admitted.created_ms // 1000, is_new=is_new)


async def _check_pool(context: Context, order: Order) -> None:
    """Raise OverloadedError where nobody would take the job; one that exists may have its answer, though."""
    job = order.job
    reason = context.pool_watch.reason_to_refuse(job.pool)
    if reason and not (order.is_repeatable and await context.broker.ask(exists(job.pool, job.id))):
        metrics.REJECTED.labels(job.pool, Reason.POOL_FAILING).inc()
        log.info(events.JOB_REJECTED, pool=job.pool, tenant=job.tenant, reason=Reason.POOL_FAILING)
        raise OverloadedError(f"No worker of this model starts: {reason}")


async def _queued(
    context: Context, exchange: Exchange, order: Order, listener: Listener
) -> tuple[NewJob, Accepted | Exists | LaneFull]:
    """Put the job into its lane, in the place of a former run of it where that may do better."""
    job = order.job
    reply = await _enqueue(context, exchange, job)
    # Once: where another request is quicker, its run is ours too, however it ends.
    if order.is_repeatable and isinstance(reply, Exists) and may_run_anew(reply, job):
        job = replace(job, fence=first_fence(run_of(reply.fence) + 1))
        # What may still be under way of the former run is not for us.
        listener.expect(job.fence)
        reply = await _enqueue(context, exchange, job, replaces=reply.fence)
        if isinstance(reply, Accepted):
            log.info(events.JOB_RUN_ANEW, pool=job.pool, tenant=job.tenant, job=job.id, run=run_of(job.fence))
    return job, reply


async def _enqueue(
    context: Context, exchange: Exchange, job: NewJob, replaces: int | None = None
) -> Accepted | Exists | LaneFull:
    limits = context.settings.pools[job.pool]
    # From here on the job may exist, whatever we hear of it.
    exchange.job_id = job.id
    try:
        return await context.funnels[job.pool].run(
            enqueue(job, max_jobs=limits.lane_max_jobs, max_bytes=limits.lane_max_bytes, replaces=replaces)
        )
    except BrokerFullError:
        exchange.job_id = None
        metrics.REJECTED.labels(job.pool, Reason.REDIS_FULL).inc()
        raise
    except (BrokerUnavailableError, BrokerDataError) as error:
        is_away = isinstance(error, BrokerUnavailableError)
        metrics.REJECTED.labels(job.pool, Reason.REDIS_AWAY if is_away else Reason.REDIS_WRONG).inc()
        if not job.is_kept:
            # Should it exist, then nobody will ever ask for it.
            context.spawn(cancel_for_sure(context.broker, job.id))
        raise


def _admit(reply: Accepted | Exists | LaneFull, context: Context, exchange: Exchange, job: NewJob) -> Admitted:
    """Raise what `decide` says, or return its consent."""
    decision = decide(reply, job, context.lane(job.pool))
    if isinstance(decision, Admitted):
        return decision
    if decision.reason is Reason.LANE_FULL:
        exchange.job_id = None
    metrics.REJECTED.labels(job.pool, decision.reason).inc()
    log.info(events.JOB_REJECTED, pool=job.pool, tenant=job.tenant, reason=decision.reason)
    raise decision.error
