"""Finding the job that a request is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingress.http.exchange import Exchange
from ingress.intake.context import Context
from penstock.broker.records import record
from penstock.errors import NotFoundError
from penstock.job import Job, pool_of

if TYPE_CHECKING:
    from starlette.requests import Request


async def job_of_caller(request: Request, job_id: str) -> Job:
    """The job of that id, if it is the caller's. Raises UnauthorizedError, NotFoundError."""
    tenant = Context.of(request).caller(request).tenant
    return await job_of(request, job_id, tenant)


async def job_of(request: Request, job_id: str, tenant: str | None = None) -> Job:
    """The job of that id, of that tenant where one is named. Raises NotFoundError."""
    context, pool = Context.of(request), pool_of(job_id)
    job = await context.broker.ask(record(pool, job_id)) if pool in context.settings.pools else None
    if job is None or tenant not in (None, job.tenant):
        raise NotFoundError(f"There is no job {job_id[:100]!r}.", param="job_id")
    Exchange.of(request).job_id = job.id
    return job
