"""Lines of a batch's output, as OpenAI's Batch API and `vllm run-batch` write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from penstock.answers.job_object import answer_of
from penstock.answers.outcome import error_of
from penstock.batches.part import Kind
from penstock.errors import ApiError
from penstock.job import Job, State

if TYPE_CHECKING:
    from penstock.frames import End

EXPIRED = "batch_expired"
CANCELLED = "batch_cancelled"
_MESSAGES = {
    EXPIRED: "The batch's completion window was over before this request was done.",
    CANCELLED: "The batch was cancelled before this request was done.",
}
_OK = 200
_LOST = "result_lost"


class OutputLine(Struct, frozen=True):
    """A line of one of a batch's files, with its end, and what it counts for."""

    kind: Kind
    text: bytes
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    #: Whether the end of the batch's window cut it short.
    is_late: bool = False


def job_line(custom_id: str, job: Job | None, job_id: str, cut_short: str) -> OutputLine:
    """What came of a line's job.

    `cut_short` is why the batch has ended its jobs early, EXPIRED or CANCELLED, "" where it has not; a job without a
    record has none any more.
    """
    if job is None or job.result is None:
        return _error_line(custom_id, job_id, _LOST, "The request ran, and what it answered is not there any more.")
    end = job.result.end
    if job.state is State.COMPLETED:
        text = _encoded(custom_id, job_id, response=_response(_OK, job_id, answer_of(job, job.result)))
        return OutputLine(Kind.OUTPUT, text, end.prompt_tokens, end.cached_tokens, end.completion_tokens)
    if job.state is State.EXPIRED or (job.state is State.CANCELLED and cut_short):
        return unrun_line(custom_id, job_id, cut_short or EXPIRED, end)
    error = error_of(end) or ApiError("Something went wrong on our side.")
    return refused_line(custom_id, job_id, error, end)


def refused_line(custom_id: str, job_id: str, error: ApiError, end: End | None = None) -> OutputLine:
    """A line that its endpoint would answer with an error."""
    text = _encoded(custom_id, job_id, response=_response(error.status, job_id, error.body))
    return OutputLine(Kind.ERRORS, text, *_tokens(end))


def unrun_line(custom_id: str, job_id: str, code: str, end: End | None = None) -> OutputLine:
    """A line whose batch was over before it was done."""
    text = _encoded(custom_id, job_id, error={"code": code, "message": _MESSAGES[code]})
    return OutputLine(Kind.ERRORS, text, *_tokens(end), is_late=code == EXPIRED)


def _error_line(custom_id: str, job_id: str, code: str, message: str) -> OutputLine:
    return OutputLine(Kind.ERRORS, _encoded(custom_id, job_id, error={"code": code, "message": message}))


def _tokens(end: End | None) -> tuple[int, int, int]:
    return (0, 0, 0) if end is None else (end.prompt_tokens, end.cached_tokens, end.completion_tokens)


def _response(status: int, request_id: str, body: Any) -> dict[str, Any]:
    return {"status_code": status, "request_id": request_id, "body": body}


def _encoded(custom_id: str, job_id: str, **more: Any) -> bytes:
    line = {"id": f"batch_req_{job_id}", "custom_id": custom_id, "response": None, "error": None, **more}
    return msgspec.json.encode(line) + b"\n"
