"""What an ingress missed, it asks for again; what Redis lost, it submits again."""

from __future__ import annotations

import asyncio

import httpx

from penstock.broker.connections import Endpoint
from penstock.broker.tail import Attach
from penstock.frames import Delta, encode_frame
from penstock.job import State
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, Serving, begun, joined
from tests.integration.open_broker import OpenBroker


async def test_a_lost_frame_is_asked_for_and_nothing_is_missing(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with begun(client, worker, "a") as (sse, hand):
        await worker.say(hand, "b", heard=False)
        await worker.say(hand, "c")
        asked = await worker.answer_attach(hand)
        await worker.end(hand, "d")

        assert asked.offset == 0, "what is here is compared"
        assert joined(await sse.rest()) == "bcd"


async def test_only_the_last_tokens_are_asked_for_again(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    pieces = [str(at) for at in range(100)]
    async with begun(client, worker, *pieces) as (sse, hand):
        await worker.say(hand, "b", heard=False)
        await worker.say(hand, "c")
        asked = await worker.answer_attach(hand)
        await worker.end(hand)

        assert asked.offset == 100 - 32
        assert joined(await sse.rest()) == "bc"


async def test_a_worker_that_began_another_text_is_found_out_although_it_says_only_what_is_new(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    async with begun(client, worker, "a", "b") as (sse, hand):
        # A failover lost that the job had been assigned, and another began it as if nobody had seen anything.
        hand.generated.tokens[:] = [7, 8]
        await worker.say(hand, "c", heard=False)
        await worker.say(hand, "d")
        await worker.answer_attach(hand)
        ((_, data),) = await sse.rest()

        assert data["error"]["type"] == "worker_lost"


async def test_silence_makes_the_ingress_ask(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with begun(client, worker, "a") as (sse, hand):
        await worker.say(hand, "b", heard=False)
        await worker.answer_attach(hand)
        assert await sse.text(1) == "b"

        await worker.end(hand, heard=False)
        assert joined(await sse.rest()) == ""


async def test_a_lost_last_frame_of_a_whole_answer_is_found_in_the_record(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(client.post("/v1/chat/completions", json=CHAT))
        hand = await worker.take()
        await worker.end(hand, "Hel", "lo", heard=False)

    assert sending.result().json()["choices"][0]["message"]["content"] == "Hello"


async def test_after_a_cut_subscription_every_stream_asks_at_once(ingress: Serving, worker: FakeWorker) -> None:
    async with begun(ingress.client, worker, "a") as (sse, hand):
        await worker.redis.client_kill_filter(_type="pubsub")
        await worker.say(hand, "b", heard=False)
        async with asyncio.timeout(0.9):
            asked = await worker.answer_attach(hand)
        await worker.end(hand, "c")

        assert asked.offset == 0
        assert joined(await sse.rest()) == "bc"


async def test_a_repeated_frame_adds_nothing(ingress: Serving, worker: FakeWorker) -> None:
    async with begun(ingress.client, worker, "a", "b") as (sse, hand):
        (_, channel), *_ = hand.listeners
        job, fence, known = hand.held.job, hand.held.fence, hand.generated
        again = encode_frame("w.1", [Delta(job, fence, 0, known.tokens, known.pieces)])
        late = encode_frame("w.0", [Delta(job, fence - 1, 2, [5], ["stale"])])
        await worker.redis.publish(channel, again)
        await worker.redis.publish(channel, late)
        await worker.end(hand, "c")

        assert joined(await sse.rest()) == "c"


async def test_another_workers_contradiction_ends_the_stream_with_an_error(
    ingress: Serving, worker: FakeWorker
) -> None:
    async with begun(ingress.client, worker, "a", "b") as (sse, hand):
        (_, channel), *_ = hand.listeners
        other = encode_frame("w.2", [Delta(hand.held.job, hand.held.fence + 1, 0, [1, 2, 3], ["x", "y", "z"])])
        await worker.redis.publish(channel, other)
        ((_, data),) = await sse.rest()

        assert data["error"]["type"] == "worker_lost"


async def test_a_job_whose_record_redis_lost_is_submitted_again_with_what_was_seen(
    ingress: Serving, worker: FakeWorker
) -> None:
    async with begun(ingress.client, worker, "a", "b") as (sse, hand):
        await worker.redis.delete(worker.keys.job(hand.held.job))
        again = await worker.take()
        assert again.held.job == hand.held.job
        assert again.claimed.prefix == hand.generated
        await worker.end(again, "c")

        assert joined(await sse.rest()) == "c"


async def test_an_unreadable_frame_is_passed_over(ingress: Serving, worker: FakeWorker) -> None:
    async with begun(ingress.client, worker, "a") as (sse, hand):
        (_, channel), *_ = hand.listeners
        await worker.redis.publish(channel, b"nonsense")
        await worker.end(hand, "b")

        assert joined(await sse.rest()) == "b"


async def test_a_stream_follows_its_job_to_another_worker(ingress: Serving, worker: FakeWorker, redis_url: str) -> None:
    async with begun(ingress.client, worker, "a") as (sse, hand):
        await worker.redis.hset(worker.keys.job(hand.held.job), "worker", "w.2")
        other = FakeWorker(OpenBroker(Endpoint.parse(redis_url)), "w.2")
        asked = await other.controls()
        await other.stop()
        await worker.redis.hset(worker.keys.job(hand.held.job), "worker", "w.1")
        await worker.end(hand, "b")

        assert asked == [Attach(hand.held.job, hand.claimed.listeners, 0)]
        assert joined(await sse.rest()) == "b"


async def test_a_job_that_nobody_takes_is_given_up_and_expired(serve: Serve, worker: FakeWorker) -> None:
    serving = await serve(pool={"queue_timeout_s": 0.1})
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(serving.client.post("/v1/chat/completions", json=CHAT))

    response = sending.result()
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "server_is_overloaded"
    job = await serving.client.get(f"/v1/jobs/{response.headers['x-penstock-job-id']}")
    assert job.json()["state"] == State.EXPIRED
    assert not await worker.has_waiting()
