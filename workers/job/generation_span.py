"""The span of one job on one worker, with the attributes of OpenTelemetry's GenAI conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.job import State, attempt_of
from penstock.request import Api
from penstock.telemetry import spans, trace_context, tracing

if TYPE_CHECKING:
    from penstock.broker.holding import Claimed
    from penstock.telemetry.span import Attributes, Span
    from workers.job.run import Run

_OPERATIONS = {Api.CHAT: spans.CHAT, Api.COMPLETION: spans.TEXT_COMPLETION}


def start(claimed: Claimed, pool: str, instance: str) -> Span:
    """From taking the job up; a child of the span that the job carries."""
    attributes: Attributes = {
        spans.OPERATION_NAME: _OPERATIONS[claimed.api],
        spans.PROVIDER_NAME: spans.PROVIDER,
        spans.JOB_ID: claimed.held.job,
        spans.JOB_ATTEMPT: attempt_of(claimed.held.fence),
        spans.POOL: pool,
        spans.WORKER: instance,
    }
    return tracing.start(spans.GENERATE, trace_context.unpack(claimed.trace), attributes)


def end(run: Run) -> None:
    """The job's end, or its going elsewhere."""
    ended = run.end
    if ended is None:
        run.span.end("handed_back")
        return
    run.span.set(
        {
            spans.RESPONSE_FINISH_REASONS: [ended.finish_reason or ended.state],
            spans.USAGE_INPUT_TOKENS: ended.prompt_tokens,
            spans.USAGE_OUTPUT_TOKENS: ended.completion_tokens,
            spans.USAGE_CACHED_TOKENS: ended.cached_tokens,
        }
    )
    run.span.end(None if ended.state == State.COMPLETED else ended.state)
