"""What the leader tells: gauges of the pool, and a span of each job's waiting."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from penstock.job_class import JobClass
from penstock.telemetry import spans, trace_context, tracing
from penstock.telemetry.span import Attributes, Span
from scheduler.dispatch import Dispatcher
from scheduler.gauges import PoolGauges
from scheduler.policy.facts import Liveness
from scheduler.survey import Surveyor
from scheduler.term import Term
from tests.integration.broker.pool import LEADER, POOL, Pool
from tests.integration.scheduler.stage import pool_settings


def _figure(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"pool": POOL, **labels})


def _term(pool: Pool) -> Term:
    return Term(pool=POOL, token=LEADER, broker=pool.broker, settings=pool_settings())


async def test_the_gauges_say_what_waits_and_who_works(pool: Pool) -> None:
    await pool.register("w.1")
    await pool.register("x.1", state="draining")
    for tenant in ("a", "b"):
        await pool.queued(tenant=tenant, body=b"x" * 10)
    gauges = PoolGauges(_term(pool))
    await gauges.refresh()
    assert _figure("penstock_queue_depth", **{"class": JobClass.STANDARD}) == 2
    assert _figure("penstock_queue_bytes", **{"class": JobClass.STANDARD}) == 20
    assert _figure("penstock_queue_depth", **{"class": JobClass.BATCH}) == 0
    assert (_figure("penstock_workers", state="ready"), _figure("penstock_workers", state="draining")) == (1, 1)
    age_s = _figure("penstock_queue_oldest_age_seconds", **{"class": JobClass.STANDARD})
    assert age_s is not None
    assert 0 <= age_s < 60
    gauges.clear()
    assert _figure("penstock_queue_depth", **{"class": JobClass.STANDARD}) is None


class _Recorded(Span):
    def __init__(self, ended: list[int | None]) -> None:
        super().__init__({})
        self._ended = ended

    def end(self, error: str | None = None, *, end_ms: int | None = None) -> None:
        self._ended.append(end_ms)


async def test_a_jobs_waiting_is_a_span_of_its_trace(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, dict[str, str], int | None]] = []
    ended: list[int | None] = []

    def start(name: str, parent: dict[str, str], attributes: Attributes, *, start_ms: int | None = None) -> Span:
        assert attributes[spans.POOL] == POOL
        started.append((name, parent, start_ms))
        return _Recorded(ended)

    monkeypatch.setattr(tracing, "start", start)
    await pool.lead()
    await pool.register("w.1")
    job_id = await pool.queued(trace=trace_context.pack({"traceparent": "00-1-2-01"}))
    survey = await Surveyor(pool.broker, POOL).read(page=16)
    await Dispatcher(_term(pool), traced=True).dispatch(survey, survey.workers({"w.1": Liveness.ALIVE}))
    job = await pool.read(job_id)
    assert started == [(spans.QUEUE, {"traceparent": "00-1-2-01"}, job.created_ms)]
    assert ended == [job.assigned_ms]
