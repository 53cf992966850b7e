"""Small jobs, chunks and ends for the ingress' unit tests."""

from __future__ import annotations

from typing import Any

from ingress.streams.watch import JobWatch
from penstock.answers.chunks import Envelope
from penstock.frames import End, Failure
from penstock.job import State
from penstock.request import Api

COMPLETED = End(State.COMPLETED, "stop", None, prompt_tokens=3, completion_tokens=2, cached_tokens=1)
FAILED = End(State.FAILED, failure=Failure("ContextLengthError", "Too long.", "messages"))


def envelope(api: Api = Api.CHAT, **more: Any) -> Envelope:
    return Envelope(api=api, job_id="sim-1", created_s=1700000000, model="sim", **more)


def watch(now_s: float = 0.0) -> JobWatch:
    return JobWatch(queue_timeout_s=60.0, run_timeout_s=600.0, moved_s=now_s, asked_s=now_s)
