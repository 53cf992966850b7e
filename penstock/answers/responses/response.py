"""The `response` object: what was asked for, how the job stands, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from penstock.answers.outcome import error_of
from penstock.answers.responses.output import COMPLETED, INCOMPLETE, Output
from penstock.errors import InvalidRequestError, QueueFullError
from penstock.job import RESPONSE_PREFIX, State
from penstock.request.responses import ReasoningConfig, ResponsesBody, read_responses, renamed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.answers.responses.open_items import Item
    from penstock.errors import ApiError
    from penstock.frames import End
    from penstock.job import Job, NewJob

PREFIX = RESPONSE_PREFIX
QUEUED = "queued"
IN_PROGRESS = "in_progress"
CANCELLED = "cancelled"
FAILED = "failed"

_STATUS = {
    State.QUEUED: QUEUED,
    State.ASSIGNED: IN_PROGRESS,
    State.RUNNING: IN_PROGRESS,
    State.CANCELLED: CANCELLED,
    State.FAILED: FAILED,
    State.EXPIRED: FAILED,
    State.DEAD_LETTERED: FAILED,
}


def response_id(job_id: str) -> str:
    """What its client calls a job."""
    return f"{PREFIX}{job_id}"


class ResponseHead(Struct, frozen=True, kw_only=True):
    """What all pictures of one response have in common, wherever they are drawn."""

    job_id: str
    #: Unix seconds of the job's acceptance, by Redis' clock.
    created_s: int
    asked: ResponsesBody
    #: Where the client asked for one: the tier that it got.
    service_tier: str | None
    is_engine_written: bool

    @classmethod
    def stored(cls, job: Job) -> ResponseHead:
        """The head of a job that came by `/v1/responses`."""
        return cls.of(job, read_responses(job.request), job.created_ms // 1000)

    @classmethod
    def of(cls, job: NewJob | Job, asked: ResponsesBody, created_s: int) -> ResponseHead:
        """The same, of one whose request was read before."""
        return cls(
            job_id=job.id,
            created_s=created_s,
            # A response does not repeat its input, which may be large: nobody has to hold it.
            asked=replace(asked, input=""),
            service_tier=job.job_class.service_tier if asked.service_tier else None,
            is_engine_written=job.is_engine_written,
        )

    def drawn(self, status: str, output: Sequence[Item] = (), **more: object) -> dict[str, Any]:
        """The object in a status."""
        asked = self.asked
        return {
            "id": response_id(self.job_id),
            "object": "response",
            "created_at": self.created_s,
            "status": status,
            "background": bool(asked.background),
            "error": None,
            "incomplete_details": None,
            "instructions": asked.instructions,
            "max_output_tokens": asked.max_output_tokens,
            "metadata": asked.metadata or {},
            "model": asked.model,
            "output": output,
            "parallel_tool_calls": asked.parallel_tool_calls is not False,
            "previous_response_id": asked.previous_response_id,
            "prompt_cache_key": asked.prompt_cache_key,
            "reasoning": _reasoning(asked.reasoning or ReasoningConfig()),
            "safety_identifier": asked.safety_identifier,
            "service_tier": self.service_tier,
            "store": asked.is_stored,
            "temperature": 1.0 if asked.temperature is None else asked.temperature,
            "text": {"format": _text_format(asked)},
            "tool_choice": asked.tool_choice or "auto",
            "tools": asked.tools or [],
            "top_logprobs": asked.top_logprobs or 0,
            "top_p": 1.0 if asked.top_p is None else asked.top_p,
            "truncation": "disabled",
            "usage": None,
            "user": asked.user,
            **more,
        }

    def whole(self, end: End, pieces: Sequence[str], **more: object) -> dict[str, Any]:
        """The object of a job that ended so with these pieces."""
        output = Output.of(self.job_id, pieces, is_engine_written=self.is_engine_written)
        if end.state == State.COMPLETED:
            output.close(status_of(end))
        return self.ended(end, output, **more)

    def ended(self, end: End, output: Output, **more: object) -> dict[str, Any]:
        """The object of a job that ended so; the output is closed where it is whole."""
        error = error_of(end)
        return self.drawn(
            status_of(end),
            output.items,
            usage=usage(end, output.reasoning_tokens),
            error=_error(error) if error is not None and end.state != State.CANCELLED else None,
            incomplete_details=_incomplete(end),
            **more,
        )


def status_of(end: End) -> str:
    """How a job that has ended stands."""
    if end.state != State.COMPLETED:
        return _STATUS[State(end.state)]
    return INCOMPLETE if end.finish_reason in _INCOMPLETE else COMPLETED


def status_before_end(job: Job) -> str:
    """How a job that has not ended stands; one that lost its worker is not queued again to its client."""
    return IN_PROGRESS if job.attempts else _STATUS[job.state]


def usage(end: End, reasoning_tokens: int) -> dict[str, Any]:
    """The `usage` object."""
    return {
        "input_tokens": end.prompt_tokens,
        "input_tokens_details": {"cached_tokens": end.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": end.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        "total_tokens": end.prompt_tokens + end.completion_tokens,
    }


#: Finish reasons that leave an answer incomplete, and what OpenAI calls them.
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def _incomplete(end: End) -> dict[str, str] | None:
    reason = _INCOMPLETE.get(end.finish_reason or "") if end.state == State.COMPLETED else None
    return {"reason": reason} if reason else None


def _error(error: ApiError) -> dict[str, Any]:
    """The `error` of a response: OpenAI's clients know few codes, so ours is its type."""
    told = renamed(error)
    code = "server_error"
    if isinstance(told, InvalidRequestError):
        code = "invalid_prompt"
    elif isinstance(told, QueueFullError):
        code = "rate_limit_exceeded"
    return {"code": code, "message": told.message, "param": told.param, "type": told.code or told.type}


def _reasoning(asked: ReasoningConfig) -> dict[str, Any]:
    return {"effort": asked.effort, "summary": asked.summary}


def _text_format(asked: ResponsesBody) -> dict[str, Any]:
    wanted = asked.text.format if asked.text else None
    if wanted is None or wanted.type != "json_schema":
        return {"type": wanted.type if wanted else "text"}
    return {
        "type": wanted.type,
        "name": wanted.name,
        "schema": wanted.schema,
        "description": wanted.description,
        "strict": bool(wanted.strict),
    }
