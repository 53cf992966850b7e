"""A job's record, its events from any place on, and its end before its time."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import httpx
import pytest

from penstock.broker.tail import Cancel
from penstock.errors import EngineFailedError
from penstock.frames import End
from penstock.job import State
from penstock.settings import ApiKey
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker, Hand
from tests.integration.ingress.serving import CHAT, STREAM, Serving, Sse, begun, following, joined

KEPT = {"x-penstock-keep": "true"}
USAGE = {**STREAM, "stream_options": {"include_usage": True}}


async def finished(
    client: httpx.AsyncClient,
    worker: FakeWorker,
    *pieces: str,
    body: dict[str, Any] | None = None,
    response: bytes = b"",
) -> str:
    """The id of a completed job."""
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=body or STREAM))
    hand = await worker.take()
    await worker.say(hand, *pieces)
    await worker.end(hand, response=response)
    await sending
    return hand.held.job


async def test_a_finished_job_tells_its_whole_story(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job_id = await finished(client, worker, "Hel", "lo")
    response = await client.get(f"/v1/jobs/{job_id}")

    job = response.json()
    assert response.headers["x-penstock-job-id"] == job["id"] == job_id
    assert (job["object"], job["state"], job["model"], job["class"]) == ("job", "completed", "sim", "interactive")
    assert (job["attempts"], job["losses"], job["error"]) == (1, 0, None)
    assert (job["worker"], job["lost"]) == (worker.instance, [])
    assert job["usage"]["completion_tokens"] == 2
    assert job["result"]["choices"][0]["message"]["content"] == "Hello"
    assert all(job["timings"][name] >= 0 for name in ("queued_ms", "running_ms", "ttft_ms", "total_ms"))


async def test_a_failed_job_tells_why(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
    hand = await worker.take()
    await worker.fail(hand, EngineFailedError)
    await sending
    job = (await client.get(f"/v1/jobs/{hand.held.job}")).json()

    assert (job["state"], job["result"]) == ("failed", None)
    assert job["error"]["code"] == "engine_error"


@pytest.mark.parametrize(("response", "result"), [(b'{"whole":1}', {"whole": 1}), (b"", None)])
async def test_a_streamed_engine_written_job_tells_its_whole_answer(
    client: httpx.AsyncClient, worker: FakeWorker, response: bytes, result: object
) -> None:
    body = {**STREAM, "logprobs": True}
    job_id = await finished(client, worker, '{"x":1}\n{"x":2}', "", '{"x":3}', body=body, response=response)
    job = (await client.get(f"/v1/jobs/{job_id}")).json()

    assert job["result"] == result


@pytest.mark.parametrize("path", ["/v1/jobs/sim-0", "/v1/jobs/other-0", "/v1/jobs/nonsense", "/v1/jobs/sim-0/events"])
async def test_an_unknown_job_is_a_404(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


async def test_a_job_is_nobody_elses(serve: Serve, worker: FakeWorker) -> None:
    keys = tuple(
        ApiKey(name=name, tenant=name, sha256=hashlib.sha256(name.encode()).hexdigest()) for name in ("ada", "bob")
    )
    client = (await serve(api_keys=keys)).client
    client.headers["authorization"] = "Bearer ada"
    job_id = await finished(client, worker, "a")
    client.headers["authorization"] = "Bearer bob"

    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        assert (await client.request(method, f"/v1/jobs/{job_id}{path}")).status_code == 404


async def test_a_finished_job_can_be_read_on_from_every_event(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job_id = await finished(client, worker, "Hel", "", "lo", body=USAGE)
    async with following(client, job_id) as sse:
        everything = await sse.rest()
    ids = [event_id for event_id, _ in everything]

    assert ids == ["0", "1", "3", "3.1", "3.2", "3.3"]
    assert everything[-1] == ("3.3", "[DONE]")
    for index, event_id in enumerate(ids[:-1]):
        async with following(client, job_id, event_id) as sse:
            assert await sse.rest() == everything[index + 1 :]


async def test_who_has_had_everything_need_not_come_back(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    completed = await finished(client, worker, "a")
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=STREAM))
    hand = await worker.take()
    await worker.say(hand, "a")
    await worker.fail(hand, EngineFailedError)
    await sending
    for job_id, last in ((completed, "1.2"), (hand.held.job, "1.1")):
        async with following(client, job_id) as sse:
            *_, (event_id, _) = await sse.rest()
        async with following(client, job_id, last) as sse:
            assert event_id == last
            assert sse.response.status_code == 204
            assert await sse.rest() == []


async def test_a_jobs_events_are_the_chunks_of_its_own_stream(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with begun(client, worker, "a", body=USAGE) as (own, hand), following(client, hand.held.job) as sse:
        assert await sse.next() == ("0", (await first_chunk(hand)))
        await worker.answer_attach(hand)
        await sse.next()
        await worker.end(hand, "b")

        assert [data for _, data in await sse.rest()] == [data for _, data in await own.rest()]


async def first_chunk(hand: Hand) -> dict[str, Any]:
    created_s = hand.claimed.created_ms // 1000
    return {
        "id": f"chatcmpl-{hand.held.job}",
        "object": "chat.completion.chunk",
        "created": created_s,
        "model": "sim",
        "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
        ],
        "usage": None,
    }


async def test_a_running_job_is_resumed_on_another_ingress(serve: Serve, worker: FakeWorker) -> None:
    here, there = await serve(), await serve()
    async with begun(here.client, worker, "a", "b", headers=KEPT) as (_, hand):
        pass
    headers = {"last-event-id": "1"}
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.answer_attach(hand))
        async with there.client.stream("GET", f"/v1/jobs/{hand.held.job}/events", headers=headers) as response:
            sse = Sse(response)
            assert await sse.text(1) == "b"
            await worker.end(hand, "c")
            assert joined(await sse.rest()) == "c"


async def test_who_leaves_an_event_stream_cancels_nothing(ingress: Serving, worker: FakeWorker) -> None:
    async with begun(ingress.client, worker, "a") as (own, hand):
        async with following(ingress.client, hand.held.job) as sse:
            await sse.next()
        await worker.answer_attach(hand)
        await worker.end(hand, "b")

        assert joined(await own.rest()) == "b"


async def test_a_waiting_job_is_cancelled_at_once(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
    await until(worker.has_waiting)
    ((_, _, job_id),) = await worker.waiting()
    answers = [(await client.delete(f"/v1/jobs/{job_id}")).json() for _ in range(2)]

    assert [job["state"] for job in answers] == ["cancelled", "cancelled"]
    response = await sending
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "job_cancelled"
    assert response.headers["x-should-retry"] == "false"


async def test_a_running_job_is_cancelled_by_its_worker(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with begun(client, worker, "a") as (sse, hand), asyncio.TaskGroup() as group:
        deleting = group.create_task(client.delete(f"/v1/jobs/{hand.held.job}"))
        assert await worker.controls() == [Cancel(hand.held.job, hand.held.fence)]
        await worker.end(hand, end=End(State.CANCELLED, completion_tokens=1))
        ((_, data),) = await sse.rest()

    assert data["error"]["code"] == "job_cancelled"
    assert deleting.result().json()["state"] == "cancelled"


async def test_a_worker_that_takes_its_time_leaves_the_wish_in_the_record(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    async with begun(client, worker, "a", headers=KEPT) as (_, hand):
        job = (await client.delete(f"/v1/jobs/{hand.held.job}")).json()
        await worker.end(hand)

    assert (job["state"], job["cancel_requested"]) == ("running", True)


async def test_a_finished_job_cannot_be_cancelled_any_more(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job_id = await finished(client, worker, "a")

    assert (await client.delete(f"/v1/jobs/{job_id}")).json()["state"] == "completed"


@pytest.mark.parametrize("after", ["x", "-1", "3"])
async def test_a_place_that_is_not_in_the_stream_is_a_400(
    client: httpx.AsyncClient, worker: FakeWorker, after: str
) -> None:
    job_id = await finished(client, worker, "a", "b")
    response = await client.get(f"/v1/jobs/{job_id}/events", params={"after": after})

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "after"


LIMITED = {**STREAM, "max_tokens": 200}


async def test_a_place_that_a_waiting_job_cannot_have_reached_is_a_400(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=STREAM))
    await until(worker.has_waiting)
    ((_, _, job_id),) = await worker.waiting()
    for after, status in (("1", 400), ("5000", 400)):
        response = await client.get(f"/v1/jobs/{job_id}/events", params={"after": after})
        assert (response.status_code, response.json()["error"]["param"]) == (status, "after")
    await worker.end(await worker.take(), "a")
    await sending


@pytest.mark.parametrize("limit", [{"max_tokens": 200}, {"max_completion_tokens": 200}])
async def test_a_place_that_a_running_job_will_never_reach_is_a_400(
    client: httpx.AsyncClient, worker: FakeWorker, limit: dict[str, int]
) -> None:
    async with begun(client, worker, "a", body={**STREAM, **limit}) as (sse, hand):
        url = f"/v1/jobs/{hand.held.job}/events"
        by_query = await client.get(url, params={"after": "5000"})
        by_header = await client.get(url, headers={"last-event-id": "202"})
        await worker.end(hand, "b")
        await sse.rest()

    assert (by_query.status_code, by_query.json()["error"]["param"]) == (400, "after")
    assert (by_header.status_code, by_header.json()["error"]["param"]) == (400, "last-event-id")


async def test_a_place_beyond_the_end_that_could_not_be_known_is_told_at_the_end(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    async with begun(client, worker, "a") as (own, hand), following(client, hand.held.job, "5000") as sse:
        await worker.answer_attach(hand)
        await worker.say(hand, "b")
        await worker.end(hand, "c")
        ((_, data),) = await sse.rest()
        await own.rest()

    assert data["error"]["type"] == "invalid_request_error"
    assert data["error"]["param"] == "after"
    assert "ended after event 3" in data["error"]["message"]


async def test_a_reader_may_be_ahead_of_what_the_record_knows_of_a_job_that_was_continued(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    async with begun(client, worker, "a", "b", "c", body=LIMITED, headers=KEPT) as (_, hand):
        pass
    async with following(client, hand.held.job, "3") as sse:
        await worker.answer_attach(hand)
        await worker.end(hand, "d")
        assert joined(await sse.rest()) == "d"


async def test_a_vanished_job_ends_its_event_stream_with_an_error(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    async with begun(client, worker, "a", headers=KEPT) as (_, hand):
        pass
    async with following(client, hand.held.job, "1") as sse:
        await worker.redis.delete(worker.keys.job(hand.held.job))
        ((_, data),) = await sse.rest()

    assert data["error"]["code"] == "not_found"


async def test_an_idle_event_stream_shows_that_it_lives_without_an_empty_event(
    serve: Serve, worker: FakeWorker
) -> None:
    client = (await serve(ping_s=0.05)).client
    async with begun(client, worker, "a", headers=KEPT) as (_, hand):
        pass
    async with client.stream("GET", f"/v1/jobs/{hand.held.job}/events") as response:
        raw = response.aiter_raw()
        seen = b""
        while seen.count(b": ping\n") < 3:
            seen += await anext(raw)
        await worker.answer_attach(hand)
        await worker.end(hand, "b")
        async for part in raw:
            seen += part

    assert b": ping\n\n" not in seen
    assert seen.endswith(b"data: [DONE]\n\n")
