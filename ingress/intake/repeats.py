"""Jobs that were there before, by their Idempotency-Key: whether they are what is asked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from ingress.intake.submit import Ticket
from penstock.broker.records import KeptTerms, kept_terms
from penstock.errors import BrokerUnavailableError, IdempotencyConflictError
from penstock.job_class import JobClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingress.intake.context import Context


async def confirmed(context: Context, tickets: Sequence[Ticket | Exception]) -> list[Ticket | Exception]:
    """The same tickets, those of repeated requests with the class that their job has.

    One that came with other metadata or another webhook before is an IdempotencyConflictError: nothing would come of
    what it asks for now. Where the record cannot be looked at, its ticket is the error.
    """
    repeated = [one for one in tickets if isinstance(one, Ticket) and not one.is_new]
    if not repeated:
        return list(tickets)
    try:
        answers = await context.broker.ask_each([kept_terms(one.job.pool, one.job.id) for one in repeated])
    except BrokerUnavailableError as error:
        answers = [error] * len(repeated)
    looked_at = iter(answers)
    return [_confirmed(one, next(looked_at)) if isinstance(one, Ticket) and not one.is_new else one for one in tickets]


def _confirmed(ticket: Ticket, kept: KeptTerms | Exception | None) -> Ticket | Exception:
    if isinstance(kept, Exception):
        return kept
    if kept is None:
        # It has ended, and gone since.
        return ticket
    job = ticket.job
    for field, was, now in (
        ("metadata", _decoded(kept.metadata), _decoded(job.metadata)),
        ("webhook", kept.webhook, job.webhook),
    ):
        if was != now:
            return IdempotencyConflictError(f"This Idempotency-Key came with another {field} before.", param=field)
    return replace(ticket, job=replace(job, job_class=JobClass(kept.job_class)))


def _decoded(metadata: str) -> dict[str, str]:
    return msgspec.json.decode(metadata, type=dict[str, str]) if metadata else {}
