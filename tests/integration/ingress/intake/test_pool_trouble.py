"""What is wrong in Redis, or with one client's stream, is told to whom it concerns and keeps nobody else."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
import structlog

from ingress.streams.stream import Stream
from penstock.broker.leading import lead
from penstock.telemetry import events
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import POOL, FakeWorker
from tests.integration.ingress.serving import CHAT, Serving, begun, joined, streaming


async def _replace(worker: FakeWorker, key: str) -> None:
    await worker.redis.delete(key)
    await worker.redis.set(key, "a string")


async def _fail_all(worker: FakeWorker, failures: int = 2) -> None:
    fields = {"state": "failed", "failures": failures, "why": "no such file: model.safetensors"}
    await worker.redis.hset(worker.keys.worker(worker.instance), mapping=fields)


async def test_a_waiting_job_whose_record_is_none_fails_and_the_other_streams_go_on(
    ingress: Serving, worker: FakeWorker
) -> None:
    async with begun(ingress.client, worker, "a") as (sse, hand):
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(ingress.client.post("/v1/chat/completions", json=CHAT))
            await until(worker.has_waiting)
            ((_, _, job_id),) = await worker.waiting()
            await _replace(worker, worker.keys.job(job_id))
        await worker.end(hand, "b")

        assert joined(await sse.rest()) == "b"
    refused = sending.result()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
    assert refused.headers["x-should-retry"] == "true"


async def test_a_record_that_is_none_for_a_moment_costs_a_stream_nothing(ingress: Serving, worker: FakeWorker) -> None:
    async with begun(ingress.client, worker, "a") as (sse, hand):
        key = worker.keys.job(hand.held.job)
        kept = await worker.redis.dump(key)
        await _replace(worker, key)
        await worker.say(hand, "b", heard=False)
        await asyncio.sleep(1.6)  # Long enough to be asked for in vain.
        await worker.redis.restore(key, 0, kept, replace=True)
        await worker.answer_attach(hand)
        await worker.end(hand, "c")

        assert joined(await sse.rest()) == "bc"


async def test_an_error_with_one_stream_ends_that_stream(
    ingress: Serving, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with begun(ingress.client, worker, "a") as (broken, its), begun(ingress.client, worker, "a") as (sse, hand):
        feed_one = Stream.feed_one

        def failing(stream: Stream, fence: int, offset: int, token: int, piece: str) -> Any:
            if stream.job_id == its.held.job:
                raise ZeroDivisionError
            return feed_one(stream, fence, offset, token, piece)

        monkeypatch.setattr(Stream, "feed_one", failing)
        monkeypatch.setattr(Stream, "feed", lambda stream, delta: [failing(stream, *row) for row in _rows(delta)])
        await worker.say(its, "b")
        await worker.say(hand, "b")
        monkeypatch.undo()
        await worker.end(hand, "c")

        ((_, last),) = await broken.rest()
        assert last["error"]["message"] == "Something went wrong on our side."
        assert joined(await sse.rest()) == "bc"


async def test_a_stream_that_cannot_be_kept_alive_ends_alone(
    serve: Serve, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = (await serve(stream_head_after_s=0.2, ping_s=0.2)).client
    async with begun(client, worker, "a") as (broken, its), begun(client, worker, "a") as (sse, hand):
        keep_alive = Stream.keep_alive

        def failing(stream: Stream, *when: float) -> None:
            if stream.job_id == its.held.job:
                raise ZeroDivisionError
            keep_alive(stream, *when)

        monkeypatch.setattr(Stream, "keep_alive", failing)
        ((_, last),) = await broken.rest()
        await worker.end(hand, "b")

        assert last["error"]["message"] == "Something went wrong on our side."
        assert joined(await sse.rest()) == "b"


@pytest.mark.parametrize("name", ["lane_counts", "lane_bytes", "live"])
async def test_a_request_that_meets_a_wrong_key_is_a_503(
    client: httpx.AsyncClient, worker: FakeWorker, name: str
) -> None:
    await _replace(worker, getattr(worker.keys, name))
    refused = await client.post("/v1/chat/completions", json=CHAT)
    ready = await client.get("/ready")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
    assert "cannot be read" in refused.json()["error"]["message"]
    assert int(refused.headers["retry-after"]) >= 1
    assert ready.status_code == 503
    (trouble,) = ready.json()["pools"][POOL]["troubles"]
    assert trouble.startswith(f"{getattr(worker.keys, name)} is a string")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_job_whose_record_is_none_is_a_503(client: httpx.AsyncClient, worker: FakeWorker, method: str) -> None:
    await worker.redis.set(worker.keys.job("sim-1"), "a string")
    answer = await client.request(method, "/v1/jobs/sim-1")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")


async def test_a_client_that_leaves_a_job_without_a_record_leaves_nothing_behind(
    ingress: Serving, worker: FakeWorker
) -> None:
    with structlog.testing.capture_logs() as told:
        async with begun(ingress.client, worker, "a") as (_, hand):
            await _replace(worker, worker.keys.job(hand.held.job))
        await until(lambda: _is_true(any(line["event"] == events.BACKGROUND_TASK_FAILED for line in told)))


async def test_ready_tells_the_pools_apart(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    one, unknown = await client.get("/ready", params={"pool": POOL}), await client.get("/ready", params={"pool": "x"})

    assert (one.status_code, one.json()["pools"][POOL]["serves"]) == (200, True)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")


async def test_a_pool_whose_workers_do_not_start_refuses_at_once_with_the_reason(
    ingress: Serving, worker: FakeWorker
) -> None:
    await _fail_all(worker)
    await until(lambda: _is_true(ingress.context.pool_watch.reason_to_refuse(POOL)))
    began_s = time.monotonic()
    refused = await ingress.client.post("/v1/chat/completions", json=CHAT)

    assert time.monotonic() - began_s < 1.0
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "server_is_overloaded")
    assert "no such file: model.safetensors" in refused.json()["error"]["message"]
    assert not await worker.has_waiting()


async def test_a_pool_still_refuses_while_its_only_worker_is_between_two_processes(
    ingress: Serving, worker: FakeWorker
) -> None:
    await _fail_all(worker)
    await until(lambda: _is_true(ingress.context.pool_watch.reason_to_refuse(POOL)))
    await worker.redis.delete(worker.keys.workers)
    for _ in range(2):  # The first look may have begun before.
        await ingress.context.pool_watch.next_look()
    refused = await ingress.client.post("/v1/chat/completions", json=CHAT)

    assert "no such file: model.safetensors" in refused.json()["error"]["message"]


@pytest.mark.parametrize(("pool", "failures"), [({"refuse_when_failing": False}, 2), ({}, 1)])
async def test_a_request_waits_where_it_is_to_or_where_a_worker_may_yet_start(
    serve: Serve, worker: FakeWorker, pool: dict[str, object], failures: int
) -> None:
    ingress = await serve(pool=pool)
    await _fail_all(worker, failures)

    async def is_seen() -> bool:
        pools = (await ingress.client.get("/ready")).json()["pools"]
        return bool(pools[POOL]["failed"])

    await until(is_seen)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(ingress.client.post("/v1/chat/completions", json=CHAT))
        await until(worker.has_waiting)
        await worker.redis.hset(worker.keys.worker(worker.instance), "state", "ready")
        await worker.end(await worker.take(), "late")

    assert sending.result().json()["choices"][0]["message"]["content"] == "late"


async def test_an_answer_that_exists_is_had_whatever_became_of_the_workers(
    ingress: Serving, worker: FakeWorker
) -> None:
    headers = {"Idempotency-Key": "once"}
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(ingress.client.post("/v1/chat/completions", json=CHAT, headers=headers))
        await worker.end(await worker.take(), "kept")
    await _fail_all(worker)
    await until(lambda: _is_true(ingress.context.pool_watch.reason_to_refuse(POOL)))
    again = await ingress.client.post("/v1/chat/completions", json=CHAT, headers=headers)
    other = await ingress.client.post("/v1/chat/completions", json=CHAT, headers={"Idempotency-Key": "new"})

    assert sending.result().json() == again.json()
    assert other.status_code == 503


async def test_a_leader_with_other_settings_is_told_of_once(serve: Serve, worker: FakeWorker) -> None:
    def differences() -> list[str]:
        return [line["settings"] for line in told if line["event"] == events.SETTINGS_DIFFER]

    theirs = '{"run_timeout_s":30.0}'
    await worker.broker.run(lead(POOL, "leader:1", 600_000, theirs))
    with structlog.testing.capture_logs() as told:
        await serve(pool={"run_timeout_s": 60.0})
        await until(lambda: _is_true(differences()))
        await asyncio.sleep(1.2)  # It looks again every second.

    assert len(differences()) == 1
    assert "run_timeout_s is 60.0, its leader has 30.0" in differences()[0]


async def test_jobs_that_waited_when_redis_lost_everything_are_submitted_after_those_that_ran(
    ingress: Serving, worker: FakeWorker
) -> None:
    async with begun(ingress.client, worker, "a") as (sse, hand), asyncio.TaskGroup() as group:

        async def waiting() -> str:
            async with streaming(ingress.client) as it:
                return joined(await it.rest())

        other = group.create_task(waiting())
        await until(worker.has_waiting)
        await worker.redis.flushall()
        await worker.start()
        again = await worker.take()
        assert again.held.job == hand.held.job
        assert again.claimed.prefix == hand.generated
        await worker.end(again, "b")
        last = await worker.take()
        await worker.end(last, "c")
        assert joined(await sse.rest()) == "b"
    assert other.result() == "c"


async def _is_true(condition: object) -> bool:
    return bool(condition)


def _rows(delta: Any) -> list[tuple[int, int, int, str]]:
    return [
        (delta.fence, delta.offset + at, token, piece)
        for at, (token, piece) in enumerate(zip(delta.tokens, delta.pieces, strict=True))
    ]
