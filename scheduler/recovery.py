"""Recovery: what the jobs of an instance had generated, and the call that queues one of them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from penstock.broker import leading, observing
from penstock.broker.holding import Held
from penstock.broker.leading import Loss
from penstock.broker.observing import FROM_START, InstanceRecord
from penstock.broker.script import Call
from penstock.errors import BrokerDataError, CancelledError, WorkerLostError
from penstock.frames import Generated, replay
from penstock.job import State
from penstock.telemetry import events, logs, metrics
from scheduler.ending import ending
from scheduler.policy import losses
from scheduler.policy.losses import Charge, LossReason
from scheduler.term import Term

#: Steps of a journal, and prefixes, that are read at once: decoding them holds up the other duties for about 2 ms.
_PAGE_STEPS = 64
_PAGE_JOBS = 32

_log = logs.get()


@dataclass(frozen=True, slots=True)
class LostWorker:
    """An instance that lost its jobs."""

    record: InstanceRecord
    reason: LossReason
    #: When that was noticed, by Redis' clock.
    noticed_ms: int


async def generated_by(term: Term, instance: str, jobs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Generated]:
    """Per job (id and fence) of an instance: the tokens of its record, and what the journal has beyond them."""
    found: dict[tuple[str, int], Generated] = {}
    for start in range(0, len(jobs), _PAGE_JOBS):
        page = jobs[start : start + _PAGE_JOBS]
        prefixes = await term.broker.ask_each([observing.prefix(term.pool, job_id) for job_id, _ in page])
        found.update((job, known_of(prefix)) for job, prefix in zip(page, prefixes, strict=True))
    after = FROM_START
    while True:
        try:
            steps = await term.broker.ask(observing.journal(term.pool, instance, _PAGE_STEPS, after))
        except BrokerDataError as error:
            # Its tokens are generated again.
            _log.warning(events.JOURNAL_UNREADABLE, worker=instance, step=after, error=str(error))
            return found
        for step, frames in steps:
            _replay(found, instance, step, frames)
        if len(steps) < _PAGE_STEPS:
            return found
        after = steps[-1][0]


def known_of(prefix: Generated | Exception) -> Generated:
    """What a record keeps of its tokens: nothing, where it cannot be read."""
    return Generated([], []) if isinstance(prefix, Exception) else prefix


def _replay(jobs: Mapping[tuple[str, int], Generated], instance: str, step: str, frames: Sequence[bytes]) -> None:
    try:
        replay(jobs, frames)
    except (ValueError, msgspec.DecodeError) as error:
        # Of another version, say. Its tokens are generated again: what follows them here lies beyond a hole.
        _log.warning(events.JOURNAL_UNREADABLE, worker=instance, step=step, error=str(error))


def requeue_call(term: Term, held: Held, listeners: str, generated: Generated, lost: LostWorker) -> Call[str]:
    """The call that takes a job from an instance; `held.entry` is empty where its inbox has none of the job."""
    charge = losses.charge(lost.reason, held.job, lost.record.checking)
    message = losses.dead_letter_message(term.settings.max_losses)
    about = (held.job, held.fence, listeners, generated)
    cancelled = ending(*about, State.CANCELLED, CancelledError, "The job was cancelled.")
    dead = ending(*about, State.DEAD_LETTERED, WorkerLostError, message)
    return leading.requeue(
        term.pool,
        term.token,
        job_id=held.job,
        fence=held.fence,
        instance=lost.record.instance,
        entry=held.entry,
        prefix=generated,
        queue_timeout_ms=term.queue_timeout_ms,
        loss=Loss(
            counted=charge is Charge.COUNTED,
            spared=charge is Charge.SPARED,
            max_losses=term.settings.max_losses,
            evidence=_evidence(lost, generated),
            if_cancelled=cancelled.result,
            if_dead=dead.result,
            notices=[
                (channel, frame, other)
                for (channel, frame), (_, other) in zip(cancelled.frames, dead.frames, strict=True)
            ],
        ),
    )


def _evidence(lost: LostWorker, generated: Generated) -> bytes:
    record = lost.record
    return msgspec.json.encode(
        {
            "worker": record.instance,
            "reason": lost.reason,
            "why": record.why,
            "at_ms": lost.noticed_ms,
            "tokens": len(generated.tokens),
            "engine": record.engine,
            "host": record.host,
            "pid": record.pid,
        }
    )


def record_requeue(pool: str, job_id: str, reply: str, lost: LostWorker, tokens: int) -> None:
    """Count and log what became of a job that lost its worker."""
    fields = {"pool": pool, "job": job_id, "worker": lost.record.instance, "reason": lost.reason, "tokens": tokens}
    match reply:
        case "queued":
            metrics.REQUEUES.labels(pool=pool, reason=lost.reason).inc()
            _log.info(events.JOB_REQUEUED, **fields)
        case "dead_lettered":
            metrics.JOBS.labels(pool=pool, state=reply).inc()
            _log.error(events.JOB_DEAD_LETTERED, **fields)
        case "cancelled":
            metrics.JOBS.labels(pool=pool, state=reply).inc()
