"""What a request orders: a job, made of its checked body and of the terms it came on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ingress.intake.terms import patient_terms
from penstock.intake.new_job import new_job
from penstock.job import NewJob, idempotent_job_id, new_job_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingress.intake.auth import Caller
    from ingress.intake.terms import HeaderTerms, Terms
    from penstock.intake.asking import Asked
    from penstock.request.job_request import JobRequest
    from penstock.settings import PoolSettings, Settings
    from penstock.webhooks.request import Target


class Order(Struct, frozen=True):
    """A job as its client wants it handled."""

    job: NewJob
    #: The client may send it again, and get the same job, by its Idempotency-Key.
    is_repeatable: bool
    #: Names in its request that mean nothing here.
    ignored: Sequence[str] = ()


def new_order(
    pool: str,
    limits: PoolSettings,
    asked: Asked,
    *,
    caller: Caller,
    terms: Terms,
    listeners: str = "",
    trace: str = "",
) -> Order:
    """The order of a request that was checked."""
    key = terms.idempotency_key
    job = new_job(
        new_job_id(pool) if key is None else idempotent_job_id(pool, caller.tenant, key),
        limits,
        asked,
        tenant=caller.tenant,
        key=caller.key,
        job_class=terms.job_class,
        deadline_s=terms.deadline_s,
        is_kept=terms.is_kept,
        metadata=terms.metadata,
        webhook=terms.webhook,
        listeners=listeners,
        trace=trace,
    )
    return Order(job, is_repeatable=key is not None, ignored=asked.ignored)


def job_order(
    settings: Settings,
    pool: str,
    asked: Asked,
    caller: Caller,
    job: JobRequest,
    otherwise: HeaderTerms,
    to: Target | None,
) -> Order:
    """The order of a job to submit to a pool; `to` is where its end is told. Raises InvalidRequestError."""
    return new_order(
        pool,
        settings.pools[pool],
        asked,
        caller=caller,
        terms=patient_terms(
            job, asked.metadata, otherwise, settings.jobs.deadline_s, to, service_tier=asked.body.service_tier
        ),
    )
