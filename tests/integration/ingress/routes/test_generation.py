from __future__ import annotations

import asyncio

import httpx
import pytest

from penstock.broker.tail import Cancel
from penstock.errors import ContextLengthError, EngineFailedError
from penstock.frames import End, Failure
from penstock.job import State
from tests.eventual import until
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving, begun, content, joined, streaming

JOB_ID = "x-penstock-job-id"


async def test_a_stream_has_each_token_in_a_chunk_of_its_own(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async def work() -> None:
        hand = await worker.take()
        await worker.say(hand, "Hel", "")
        await worker.say(hand, "lo")
        await worker.end(hand, " wörld")

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        async with streaming(client) as sse:
            events = await sse.rest()

    assert sse.response.status_code == 200
    assert sse.response.headers["content-type"] == "text/event-stream"
    assert sse.response.headers["cache-control"] == "no-store"
    assert sse.response.headers["x-accel-buffering"] == "no"
    chunks = [data for _, data in events[:-1]]
    assert [content(chunk) for chunk in chunks] == ["", "Hel", "lo", " wörld", ""]
    assert {chunk["id"] for chunk in chunks} == {f"chatcmpl-{sse.response.headers[JOB_ID]}"}
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert events[-1] == (None, "[DONE]")
    assert all("usage" not in chunk for chunk in chunks)


async def test_usage_comes_last_where_it_was_asked_for(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(take_and_end(worker, "a", "b"))
        async with streaming(client, {**STREAM, "stream_options": {"include_usage": True}}) as sse:
            *others, (_, last), _ = await sse.rest()

    assert all(data["usage"] is None for _, data in others)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 9
    assert last["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}


async def test_without_stream_the_answer_comes_whole(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(take_and_end(worker, "Hel", "lo"))
        response = await client.post("/v1/chat/completions", json=CHAT)

    assert response.status_code == 200
    answer = response.json()
    assert answer["id"] == f"chatcmpl-{response.headers[JOB_ID]}"
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Hello"}
    assert answer["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 2},
    }


async def test_a_completion_has_its_own_shape(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(take_and_end(worker, "Hel", "lo"))
        response = await client.post("/v1/completions", json={"model": "sim", "prompt": "x"})

    answer = response.json()
    assert (answer["object"], answer["choices"][0]["text"]) == ("text_completion", "Hello")
    assert answer["id"] == f"cmpl-{response.headers[JOB_ID]}"


async def test_an_engine_written_stream_is_relayed_as_the_worker_wrote_it(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(
            take_and_end(worker, '{"choices":[],"x":1}\n{"choices":[],"x":2}', "", '{"choices":[],"x":3}')
        )
        async with streaming(client, {**STREAM, "logprobs": True}) as sse:
            events = await sse.rest()

    assert [data if data == "[DONE]" else data["x"] for _, data in events] == [1, 2, 3, "[DONE]"]


async def test_an_engine_written_answer_is_the_workers_response(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async def work() -> None:
        await worker.end(await worker.take(), "", response=b'{"written":true}')

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        response = await client.post("/v1/chat/completions", json={**CHAT, "n": 2})

    assert response.content == b'{"written":true}'


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_a_failure_before_the_first_token_is_a_plain_error(
    client: httpx.AsyncClient, worker: FakeWorker, body: dict[str, object]
) -> None:
    async def work() -> None:
        await worker.fail(await worker.take(), ContextLengthError, "At most 4096 tokens fit.")

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        response = await client.post("/v1/chat/completions", json=body)

    assert response.status_code == 400
    assert response.json() == {
        "error": {
            "message": "At most 4096 tokens fit.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }
    assert response.headers[JOB_ID]
    assert "x-should-retry" not in response.headers


async def test_an_engine_error_is_not_to_be_tried_again(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async def work() -> None:
        await worker.fail(await worker.take(), EngineFailedError)

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        response = await client.post("/v1/chat/completions", json=CHAT)

    assert response.status_code == 500
    assert response.headers["x-should-retry"] == "false"


async def test_a_failure_in_the_middle_is_an_error_event(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with begun(client, worker, "a") as (sse, hand):
        await worker.fail(hand, EngineFailedError)
        ((_, data),) = await sse.rest()

    assert data["error"] == {
        "message": "It broke.",
        "type": "server_error",
        "param": "messages",
        "code": "engine_error",
    }


async def test_an_expired_job_is_a_503_that_says_when_to_come_back(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    async def work() -> None:
        failure = Failure("OverloadedError", "No worker took the job within 60 s.")
        await worker.end(await worker.take(), end=End(State.FAILED, failure=failure))

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        response = await client.post("/v1/chat/completions", json=STREAM)

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "server_is_overloaded"
    assert 1 <= int(response.headers["retry-after"]) <= 120
    assert response.headers["x-should-retry"] == "true"
    assert response.headers["x-ratelimit-limit-requests"] == "1000"


async def test_the_same_key_and_body_give_the_same_job(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    headers = {"idempotency-key": "abc"}
    async with asyncio.TaskGroup() as group:
        group.create_task(take_and_end(worker, "a", "b"))
        first = await client.post("/v1/chat/completions", json=CHAT, headers=headers)
    again = await client.post("/v1/chat/completions", json=CHAT, headers=headers)

    assert again.json() == first.json()
    assert again.headers[JOB_ID] == first.headers[JOB_ID]
    assert not await worker.has_waiting()


async def test_two_clients_with_one_key_hear_the_same_stream(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    headers = {"idempotency-key": "abc"}
    async with begun(client, worker, "a", "b", headers=headers) as (first, hand), asyncio.TaskGroup() as group:
        group.create_task(worker.answer_attach(hand))
        async with streaming(client, headers=headers) as second:
            assert await second.text(3) == "ab"
            await worker.end(hand, "c")
            assert joined(await first.rest()) == joined(await second.rest()) == "c"


async def test_the_same_key_with_another_body_is_a_conflict(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    headers = {"idempotency-key": "abc"}
    async with asyncio.TaskGroup() as group:
        group.create_task(take_and_end(worker, "a"))
        await client.post("/v1/chat/completions", json=CHAT, headers=headers)
    response = await client.post("/v1/chat/completions", json={**CHAT, "seed": 1}, headers=headers)

    assert response.status_code == 409
    assert response.json()["error"]["code"] == "idempotency_key_reused"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_a_client_that_goes_away_before_the_first_token_cancels_its_job(
    ingress: Serving, worker: FakeWorker, body: dict[str, object]
) -> None:
    sending = asyncio.create_task(ingress.client.post("/v1/chat/completions", json=body))
    hand = await worker.take()
    sending.cancel()

    assert await cancelled_within_a_second(worker, hand.held.job)


async def test_a_client_that_goes_away_from_its_stream_cancels_its_job(ingress: Serving, worker: FakeWorker) -> None:
    async with begun(ingress.client, worker, "a") as (_, hand):
        pass

    assert await cancelled_within_a_second(worker, hand.held.job)


async def test_a_client_that_goes_away_takes_its_waiting_job_out_of_the_queue(
    ingress: Serving, worker: FakeWorker
) -> None:
    sending = asyncio.create_task(ingress.client.post("/v1/chat/completions", json=STREAM))
    await until(worker.has_waiting)
    ((_, _, job_id),) = await worker.waiting()
    sending.cancel()

    async def is_cancelled() -> bool:
        job = (await ingress.client.get(f"/v1/jobs/{job_id}")).json()
        return bool(job["state"] == "cancelled")

    await until(is_cancelled, within_s=1.0)
    assert not await worker.has_waiting()


async def test_a_large_body_does_not_hide_that_its_client_went_away(ingress: Serving, worker: FakeWorker) -> None:
    body = {**STREAM, "messages": [{"role": "user", "content": "x" * 500_000}]}
    async with begun(ingress.client, worker, "a", body=body) as (_, hand):
        pass

    assert await cancelled_within_a_second(worker, hand.held.job)


async def test_a_job_that_is_to_be_kept_goes_on_without_its_client(ingress: Serving, worker: FakeWorker) -> None:
    async with begun(ingress.client, worker, "a", headers={"x-penstock-keep": "true"}) as (_, hand):
        pass
    await until(lambda: nobody_listens(ingress))
    await worker.end(hand, "b")

    job = (await ingress.client.get(f"/v1/jobs/{hand.held.job}")).json()
    assert job["state"] == "completed"
    assert not job["cancel_requested"]


async def test_only_who_made_a_job_ends_it_by_going_away(ingress: Serving, worker: FakeWorker) -> None:
    headers = {"idempotency-key": "abc"}
    async with begun(ingress.client, worker, "a", headers=headers) as (first, hand):
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.answer_attach(hand))
            async with streaming(ingress.client, headers=headers) as second:
                await second.text(2)
        await until(lambda: listeners(ingress, 1))
        await worker.end(hand, "b")

        assert joined(await first.rest()) == "b"


async def test_a_connection_serves_one_stream_after_another(ingress: Serving, worker: FakeWorker) -> None:
    ports = set()
    for _ in range(3):
        async with begun(ingress.client, worker, "a") as (sse, hand):
            await worker.end(hand)
            await sse.rest()
            ports.add(sse.response.extensions["network_stream"].get_extra_info("client_addr"))

    assert len(ports) == 1


async def test_nothing_is_left_of_ended_requests(ingress: Serving, worker: FakeWorker) -> None:
    async with begun(ingress.client, worker, "a") as (sse, hand):
        await worker.end(hand)
        await sse.rest()

    await until(lambda: nobody_listens(ingress))
    assert not ingress.context.relay.holes
    assert not ingress.context.background_tasks


async def test_a_clients_trace_goes_on_in_its_job(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with begun(client, worker, "a", headers={"traceparent": parent}) as (_, hand):
        assert hand.claimed.trace == f"traceparent={parent}"


async def take_and_end(worker: FakeWorker, *pieces: str) -> None:
    await worker.end(await worker.take(), *pieces)


async def listeners(ingress: Serving, count: int) -> bool:
    return len(list(ingress.context.relay)) == count


async def nobody_listens(ingress: Serving) -> bool:
    return await listeners(ingress, 0)


async def cancelled_within_a_second(worker: FakeWorker, job_id: str) -> bool:
    async with asyncio.timeout(1.0):
        return job_id in [one.job for one in await worker.controls() if isinstance(one, Cancel)]
