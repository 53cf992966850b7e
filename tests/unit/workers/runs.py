"""Runs without a worker."""

from __future__ import annotations

from typing import Any

from penstock.broker.holding import Claimed, Held
from penstock.frames import Generated
from penstock.job_class import JobClass
from penstock.request import Api
from workers.job.run import Run


def claimed(job: str = "sim-1", **changes: Any) -> Claimed:
    fields: dict[str, Any] = {
        "held": Held(job, 1, "1-0"),
        "cancel": False,
        "api": Api.CHAT,
        "body": b'{"model": "sim", "messages": [{"role": "user", "content": "Hi"}]}',
        "is_engine_written": False,
        "prefix": Generated([], []),
        "listeners": "",
        "trace": "",
        "job_class": JobClass.STANDARD,
        "created_ms": 1_000,
        "losses": 0,
        "started_ms": 2_000,
    }
    return Claimed(**{**fields, **changes})


def a_run(job: str = "sim-1", **changes: Any) -> Run:
    return Run(claimed(job, **changes))
