"""A job as its client may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ingress.answers import whole_answer
from ingress.chunks import Envelope, usage
from ingress.outcome import error_of
from penstock.job import State
from penstock.request import read

if TYPE_CHECKING:
    from penstock.frames import Result
    from penstock.job import Job


def job_object(job: Job) -> dict[str, Any]:
    """The `job` object of the API."""
    end = job.result.end if job.result else None
    error = error_of(end) if end else None
    return {
        "id": job.id,
        "object": "job",
        "state": job.state,
        "cancel_requested": job.cancel_requested,
        "model": job.model,
        "class": job.job_class,
        "created_at": job.created_ms // 1000,
        "timings": _timings(job),
        "runs": job.run + 1,
        "attempts": job.attempts,
        "losses": job.losses,
        "usage": usage(end) if end else None,
        "result": _answer(job, job.result) if job.result and job.state is State.COMPLETED else None,
        "error": error.body["error"] if error else None,
    }


def _timings(job: Job) -> dict[str, int | None]:
    """Milliseconds, None for what has not happened."""
    return {
        "queued_ms": _between(job.created_ms, job.assigned_ms or job.finished_ms),
        "running_ms": _between(job.started_ms, job.finished_ms),
        "ttft_ms": _between(job.created_ms, job.first_token_ms),
        "total_ms": _between(job.created_ms, job.finished_ms),
    }


def _between(start_ms: int, end_ms: int) -> int | None:
    return end_ms - start_ms if start_ms and end_ms else None


def _answer(job: Job, result: Result) -> Any:
    """The whole answer, whether it was streamed or not."""
    if job.is_rich:
        return msgspec.Raw(result.response) if result.response else None
    envelope = Envelope.of(job, read(job.api, job.body), job.created_ms // 1000)
    return whole_answer(envelope, "".join(result.generated.pieces), result.end)
