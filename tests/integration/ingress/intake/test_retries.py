"""The same Idempotency-Key and body again, after the job ended without an answer."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from penstock.broker.submission import enqueue
from penstock.errors import ApiError, ContextLengthError, EngineFailedError, RunTimeoutError, WorkerLostError
from penstock.frames import Delta, End, Failure, encode_frame
from penstock.job import Job, NewJob, State, first_fence
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving, begun, following, joined, streaming

JOB_ID = "x-penstock-job-id"
KEY = {"idempotency-key": "abc"}


async def answered(client: httpx.AsyncClient, worker: FakeWorker, *pieces: str) -> httpx.Response:
    """The answer to a request with the key that gets a run of its own."""
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT, headers=KEY))
    await worker.end(await worker.take(), *pieces)
    return await sending


async def failed(
    client: httpx.AsyncClient, worker: FakeWorker, error: type[ApiError], body: dict[str, object] = CHAT
) -> httpx.Response:
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=body, headers=KEY))
    await worker.fail(await worker.take(), error)
    return await sending


@pytest.mark.parametrize("error", [RunTimeoutError, WorkerLostError])
async def test_after_a_failure_that_may_pass_the_same_key_gets_a_fresh_answer(
    client: httpx.AsyncClient, worker: FakeWorker, error: type[ApiError]
) -> None:
    first = await failed(client, worker, error)
    second = await answered(client, worker, "Hel", "lo")
    third = await client.post("/v1/chat/completions", json=CHAT, headers=KEY)

    assert (first.status_code, first.headers["x-should-retry"]) == (error.status, "true")
    assert second.status_code == 200
    assert second.json()["choices"][0]["message"]["content"] == "Hello"
    assert third.json() == second.json()
    assert first.headers[JOB_ID] == second.headers[JOB_ID] == third.headers[JOB_ID]
    job = (await client.get(f"/v1/jobs/{first.headers[JOB_ID]}")).json()
    assert (job["state"], job["runs"], job["attempts"], job["losses"]) == ("completed", 2, 1, 0)


@pytest.mark.parametrize("error", [ContextLengthError, EngineFailedError])
async def test_a_failure_that_would_come_again_is_told_again(
    client: httpx.AsyncClient, worker: FakeWorker, error: type[ApiError]
) -> None:
    first = await failed(client, worker, error)
    again = await client.post("/v1/chat/completions", json=CHAT, headers=KEY)

    assert again.status_code == first.status_code == error.status
    assert again.json() == first.json()
    assert not await worker.has_waiting()


async def test_after_its_time_in_the_queue_the_same_key_is_queued_anew(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(pool={"queue_timeout_s": 0.1})).client
    first = await client.post("/v1/chat/completions", json=CHAT, headers=KEY)
    second = await answered(client, worker, "a")

    assert (first.status_code, second.status_code) == (503, 200)


async def test_after_a_cancel_the_same_key_is_asked_anew(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT, headers=KEY))
    await until(worker.has_waiting)
    ((_, _, job_id),) = await worker.waiting()
    assert (await client.delete(f"/v1/jobs/{job_id}")).json()["state"] == "cancelled"
    assert (await sending).status_code == 409

    assert (await answered(client, worker, "a")).status_code == 200


async def test_another_body_is_a_conflict_after_a_failure_too(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    await failed(client, worker, RunTimeoutError)
    response = await client.post("/v1/chat/completions", json={**CHAT, "seed": 1}, headers=KEY)

    assert response.json()["error"]["code"] == "idempotency_key_reused"


async def test_two_who_try_again_at_once_share_one_run(serve: Serve, worker: FakeWorker) -> None:
    here, there = (await serve()).client, (await serve()).client
    await failed(here, worker, RunTimeoutError)
    async with asyncio.TaskGroup() as group:
        both = [group.create_task(one.post("/v1/chat/completions", json=CHAT, headers=KEY)) for one in (here, there)]
        hand = await worker.take()
        await worker.answer_attach(hand)
        await worker.end(hand, "a")

    assert [one.result().status_code for one in both] == [200, 200]
    assert not await worker.has_waiting()
    assert hand.held.fence == first_fence(1) + 1


async def test_a_refused_retry_leaves_the_failure_to_be_tried_again(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(pool={"lane_max_jobs": 1})).client
    await failed(client, worker, RunTimeoutError)
    other = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
    await until(worker.has_waiting)
    refused = await client.post("/v1/chat/completions", json=CHAT, headers=KEY)
    await worker.end(await worker.take(), "x")
    await other

    assert refused.status_code == 429
    assert (await answered(client, worker, "a")).status_code == 200


async def test_a_former_runs_late_frames_are_not_for_the_next(ingress: Serving, worker: FakeWorker) -> None:
    job_id = (await failed(ingress.client, worker, RunTimeoutError, STREAM)).headers[JOB_ID]
    old_end = End(State.FAILED, failure=Failure(RunTimeoutError.__name__, "Too long."))
    late = [Delta(job_id, 1, 0, [1, 2], ["x", "y"]), Delta(job_id, 1, 2, [], [], old_end)]

    async def work() -> None:
        hand = await worker.take()
        ((_, channel),) = hand.listeners
        for delta in late:
            await worker.redis.publish(channel, encode_frame("w.1", [delta]))
        await worker.say(hand, "a")
        await worker.end(hand, "b")

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        async with streaming(ingress.client, headers=KEY) as sse:
            events = await sse.rest()

    assert joined(events) == "ab"
    assert events[-1] == (None, "[DONE]")


async def test_the_events_of_each_run_have_ids_of_their_own(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    first = await failed(client, worker, RunTimeoutError)
    job_id = first.headers[JOB_ID]
    await answered(client, worker, "Hel", "lo")
    async with following(client, job_id) as sse:
        everything = await sse.rest()
    ids = [event_id for event_id, _ in everything]

    assert ids == ["1-0", "1-1", "1-2", "1-2.1", "1-2.2"]
    for index, event_id in enumerate(ids):
        async with following(client, job_id, event_id) as sse:
            assert await sse.rest() == everything[index + 1 :]
    for foreign in ("0", "1", "2-0"):
        response = await client.get(f"/v1/jobs/{job_id}/events", params={"after": foreign})
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "after"
    response = await client.get(f"/v1/jobs/{job_id}/events", headers={"last-event-id": "1"})
    assert "earlier run" in response.json()["error"]["message"]
    assert response.json()["error"]["param"] == "last-event-id"


@pytest.mark.parametrize("again", ["a", "x"])
async def test_who_missed_a_runs_end_is_not_shown_the_next_runs_tokens(
    ingress: Serving, worker: FakeWorker, again: str
) -> None:
    async with (
        begun(ingress.client, worker, "a", headers=KEY) as (_, hand),
        following(ingress.client, hand.held.job) as reader,
    ):
        await worker.answer_attach(hand)
        assert await reader.text(2) == "a"
        end = End(State.FAILED, failure=Failure(RunTimeoutError.__name__, "Too long."))
        await worker.end(hand, end=end, heard=False)
        ended = Job.from_record(hand.held.job, await worker.redis.hgetall(worker.keys.job(hand.held.job)))
        await worker.broker.run(enqueue(_submitted(ended), max_jobs=0, max_bytes=0, replaces=ended.fence))
        second = await worker.take()
        await worker.say(second, again)
        rest = await reader.rest()
        await worker.end(second)

    (event,) = rest
    assert event[1]["error"]["type"] == "worker_lost"
    assert "anew" in event[1]["error"]["message"]


def _submitted(job: Job) -> NewJob:
    """The same again, as another ingress does it."""
    return NewJob(
        id=job.id,
        api=job.api,
        body=job.body,
        is_engine_written=False,
        model=job.model,
        job_class=job.job_class,
        tenant=job.tenant,
        listeners=job.listeners,
        queue_timeout_ms=60_000,
        run_timeout_ms=60_000,
        result_ttl_ms=60_000,
        fence=first_fence(1),
    )
