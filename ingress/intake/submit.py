"""From an order to a job in the queue: with a listener that waits for it, alone, or many at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from ingress.intake.admission import AdmissionReason, Admitted, decide, may_run_anew
from ingress.intake.leaving import cancel_for_sure
from penstock.broker.records import exists
from penstock.broker.submission import Accepted, Enqueued, Exists, enqueue, enqueue_each
from penstock.errors import BrokerDataError, BrokerError, BrokerFullError, BrokerUnavailableError, OverloadedError
from penstock.job import NewJob, first_fence, run_of
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingress.http.exchange import Exchange
    from ingress.intake.context import Context
    from ingress.intake.order import Order
    from ingress.streams.listener import Listener
    from penstock.broker.script import Call

log = logs.get()


class Ticket(Struct, frozen=True):
    """A job that was accepted, now or before."""

    job: NewJob
    created_ms: int
    #: Whether this request made it, rather than another with the same Idempotency-Key.
    is_new: bool

    @property
    def created_s(self) -> int:
        """Unix seconds."""
        return self.created_ms // 1000


async def submit(context: Context, exchange: Exchange, order: Order, listener: Listener) -> Ticket:
    """Put the job into its lane, with the listener waiting for it; the caller removes the listener in the end.

    Raises QueueFullError, OverloadedError, IdempotencyConflictError, BrokerFullError, BrokerUnavailableError,
    BrokerDataError.
    """
    await _check_pool(context, order)
    # Before the job can begin, or its first frame would find nobody.
    context.relay.add(listener)
    try:
        ticket = await _accepted(context, exchange, order, listener.expect)
        if not ticket.is_new:
            await context.attacher.attach(listener)
    except BaseException:
        context.relay.remove(listener)
        raise
    listener.job = ticket.job
    return ticket


async def accept(context: Context, exchange: Exchange, order: Order) -> Ticket:
    """Put the job into its lane, for a client that comes back. Raises as `submit` does.

    It may wait longer than its pool's workers fail to start, so it is not refused for that.
    """
    return await _accepted(context, exchange, order, lambda _: None)


async def accept_each(context: Context, orders: Sequence[Order]) -> list[Ticket | Exception]:
    """Put unrelated jobs into their lanes in one round trip; one that is refused has its error for an answer."""
    by_lane = defaultdict[tuple[str, str, str], list[int]](list)
    for number, order in enumerate(orders):
        by_lane[order.job.pool, order.job.lane, order.job.tenant].append(number)
    groups = list(by_lane.values())
    answers = await _replies(context, [_call_each(context, [orders[one].job for one in group]) for group in groups])
    replies: list[Enqueued | Exception] = [BrokerDataError("")] * len(orders)
    for group, answer in zip(groups, answers, strict=True):
        of_group: Sequence[Enqueued | Exception] = answer if isinstance(answer, list) else [answer] * len(group)
        if isinstance(answer, BrokerDataError) and len(group) > 1:
            # One of them it is, and the others shall not suffer from it.
            of_group = await _replies(context, [_call(context, orders[one].job) for one in group])
        for number, reply in zip(group, of_group, strict=True):
            replies[number] = reply
    return [await _outcome(context, order, reply) for order, reply in zip(orders, replies, strict=True)]


async def _replies(context: Context, calls: Sequence[Call[Any]]) -> list[Any]:
    try:
        return await context.broker.run_each(calls)
    except BrokerUnavailableError as error:
        return [error] * len(calls)


async def _outcome(context: Context, order: Order, reply: Enqueued | Exception) -> Ticket | Exception:
    try:
        if isinstance(reply, Exception):
            _count(order.job.pool, reply)
            return reply
        job, reply = await _anew(context, None, order, reply, lambda _: None)
        admitted = _admit(reply, context, None, job)
    except Exception as error:  # noqa: BLE001 - it is this job's alone, and its client hears of it
        return error
    return Ticket(job, admitted.created_ms, is_new=admitted.reason is AdmissionReason.ACCEPTED)


async def _accepted(context: Context, exchange: Exchange, order: Order, expect: Callable[[int], None]) -> Ticket:
    """`expect` is told under which fence the job is to be heard of."""
    reply = await _enqueue(context, exchange, order.job)
    job, reply = await _anew(context, exchange, order, reply, expect)
    admitted = _admit(reply, context, exchange, job)
    expect(admitted.fence)
    # Without a key, a job that exists is our own: the reply to the first attempt was lost.
    is_new = admitted.reason is AdmissionReason.ACCEPTED or not order.is_repeatable
    return Ticket(job, admitted.created_ms, is_new=is_new)


async def _check_pool(context: Context, order: Order) -> None:
    """Raise OverloadedError where nobody would take the job; one that exists may have its answer, though."""
    job = order.job
    reason = context.pool_watch.reason_to_refuse(job.pool)
    if reason and not (order.is_repeatable and await context.broker.ask(exists(job.pool, job.id))):
        metrics.REJECTED.labels(job.pool, AdmissionReason.POOL_FAILING).inc()
        log.info(events.JOB_REJECTED, pool=job.pool, tenant=job.tenant, reason=AdmissionReason.POOL_FAILING)
        raise OverloadedError(f"No worker of this model starts: {reason}")


async def _anew(
    context: Context,
    exchange: Exchange | None,
    order: Order,
    reply: Enqueued,
    expect: Callable[[int], None],
) -> tuple[NewJob, Enqueued]:
    """Put the job into the place of a former run of it, where that may do better."""
    job = order.job
    # Once: where another request is quicker, its run is ours too, however it ends.
    if order.is_repeatable and isinstance(reply, Exists) and may_run_anew(reply, job):
        job = replace(job, fence=first_fence(run_of(reply.fence) + 1))
        # What may still be under way of the former run is not for us.
        expect(job.fence)
        reply = await _enqueue(context, exchange, job, replaces=reply.fence)
        if isinstance(reply, Accepted):
            log.info(events.JOB_RUN_ANEW, pool=job.pool, tenant=job.tenant, job=job.id, run=run_of(job.fence))
    return job, reply


def _call_each(context: Context, jobs: Sequence[NewJob]) -> Call[list[Enqueued]]:
    limits = context.settings.pools[jobs[0].pool]
    return enqueue_each(jobs, max_jobs=limits.lane_max_jobs, max_bytes=limits.lane_max_bytes)


def _call(context: Context, job: NewJob, replaces: int | None = None) -> Call[Enqueued]:
    limits = context.settings.pools[job.pool]
    return enqueue(job, max_jobs=limits.lane_max_jobs, max_bytes=limits.lane_max_bytes, replaces=replaces)


async def _enqueue(context: Context, exchange: Exchange | None, job: NewJob, replaces: int | None = None) -> Enqueued:
    # From here on the job may exist, whatever we hear of it.
    _name(exchange, job.id)
    try:
        return await context.batchers[job.pool].run(_call(context, job, replaces))
    except BrokerError as error:
        _count(job.pool, error)
        if isinstance(error, BrokerFullError):
            _name(exchange, None)
        elif not job.is_kept:
            # Should it exist, then nobody will ever ask for it.
            context.spawn(cancel_for_sure(context.broker, job.id))
        raise


def _name(exchange: Exchange | None, job_id: str | None) -> None:
    """For the response's headers; a request that makes many jobs has none of them."""
    if exchange is not None:
        exchange.job_id = job_id


def _count(pool: str, error: Exception) -> None:
    reason = AdmissionReason.REDIS_WRONG
    if isinstance(error, BrokerFullError):
        reason = AdmissionReason.REDIS_FULL
    elif isinstance(error, BrokerUnavailableError):
        reason = AdmissionReason.REDIS_AWAY
    metrics.REJECTED.labels(pool, reason).inc()


def _admit(reply: Enqueued, context: Context, exchange: Exchange | None, job: NewJob) -> Admitted:
    """Raise what `decide` says, or return its consent."""
    decision = decide(reply, job, context.lane(job.pool))
    if isinstance(decision, Admitted):
        return decision
    if decision.reason is AdmissionReason.LANE_FULL:
        _name(exchange, None)
    metrics.REJECTED.labels(job.pool, decision.reason).inc()
    log.info(events.JOB_REJECTED, pool=job.pool, tenant=job.tenant, reason=decision.reason)
    raise decision.error
