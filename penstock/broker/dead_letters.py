"""Dead letters: jobs that were given up after they had lost too many workers, kept with the evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.broker.client import Broker
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.broker.submission import enqueue
from penstock.job import Job, NewJob, idempotent_job_id

_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One job that was given up."""

    pool: str
    #: Its entry among the letters.
    entry: str
    job: str
    #: When it was given up, by Redis' clock.
    at_ms: int
    losses: int
    #: Per loss: worker, reason, why, at_ms, tokens, engine, host, pid.
    evidence: list[dict[str, Any]]


async def letters(broker: Broker, pool: str) -> AsyncIterator[DeadLetter]:
    """All dead letters of a pool, oldest first. Raises BrokerUnavailableError."""
    after = "-"
    while page := await broker.ask(_page(pool, after)):
        for letter in page:
            yield letter
        after = f"({page[-1].entry}"


async def retry(broker: Broker, letter: DeadLetter, job: Job, *, queue_timeout_ms: int) -> str:
    """Submit a dead letter's request as a new job and drop the letter; returns the new id.

    The id follows from the letter: a retry that was cut off half-way and is repeated makes no second job.
    """
    new_id = idempotent_job_id(letter.pool, job.tenant, f"{letter.job}/{letter.entry}")
    new_job = NewJob(
        id=new_id,
        api=job.api,
        body=job.body,
        request=job.request,
        is_engine_written=job.is_engine_written,
        model=job.model,
        job_class=job.job_class,
        tenant=job.tenant,
        key=job.key,
        metadata=job.metadata,
        webhook=job.webhook,
        is_stored=job.is_stored,
        queue_timeout_ms=queue_timeout_ms,
        run_timeout_ms=job.run_timeout_ms,
        result_ttl_ms=job.result_ttl_ms,
    )
    # Without bounds: whoever asks for this means it.
    await broker.run(enqueue(new_job, max_jobs=0, max_bytes=0))
    await broker.ask(Query(("XDEL", keys_of(letter.pool).dead_letters, letter.entry), int))
    return new_id


def _page(pool: str, start: str) -> Query[list[DeadLetter]]:
    command = ("XRANGE", keys_of(pool).dead_letters, start, "+", "COUNT", _PAGE)
    return Query(command, lambda reply: [_letter(pool, entry, fields) for entry, fields in reply])


def _letter(pool: str, entry: bytes, flat: list[bytes]) -> DeadLetter:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return DeadLetter(
        pool=pool,
        entry=entry.decode(),
        job=fields[b"j"].decode(),
        at_ms=int(fields[b"at_ms"]),
        losses=int(fields[b"losses"]),
        evidence=msgspec.json.decode(fields[b"evidence"]),
    )
