"""The last calls for a run: its end with all that goes with it, or its return to the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.broker import holding
from penstock.frames import Result, encode_frame

if TYPE_CHECKING:
    from penstock.broker.script import Call
    from penstock.frames import End
    from workers.job.run import Run


def finish(pool: str, instance: str, run: Run, end: End) -> Call[str]:
    """End a job; who waits for it gets its last frame, or all of it."""
    notices: list[str | bytes] = []
    if run.channels:
        last = encode_frame(instance, [run.last()])
        for channel in run.channels:
            notices += (channel, last)
    if run.final_channels:
        whole = encode_frame(instance, [run.whole()])
        for channel in run.final_channels:
            notices += (channel, whole)
    result = Result(end, run.generated, run.response)
    return holding.finish(pool, instance, run.held, result, ttft_ms=run.ttft_ms, notices=notices)


def hand_back(pool: str, instance: str, run: Run, *, queue_timeout_ms: int) -> Call[str]:
    """Let a job go on elsewhere, with what it has generated."""
    return holding.hand_back(pool, instance, run.held, run.generated, queue_timeout_ms=queue_timeout_ms)
