"""A job goes on while anybody waits for it, or may come back for it with its key."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from penstock.broker.script import Call
from penstock.broker.tail import Cancel
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving, begun, following, joined, streaming

KEY = {"idempotency-key": "abc"}


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_who_times_out_and_comes_again_with_its_key_gets_the_answer(
    ingress: Serving, worker: FakeWorker, body: dict[str, object]
) -> None:
    sending = asyncio.create_task(ingress.client.post("/v1/chat/completions", json=body, headers=KEY))
    hand = await worker.take()
    sending.cancel()
    await until(lambda: nobody_waits(ingress))
    again = asyncio.create_task(ingress.client.post("/v1/chat/completions", json=body, headers=KEY))
    asked = await worker.answer_attach(hand)
    await worker.end(hand, "Hel", "lo")

    assert (await again).status_code == 200
    assert asked.job == hand.held.job
    job = (await ingress.client.get(f"/v1/jobs/{hand.held.job}")).json()
    assert (job["state"], job["cancel_requested"], job["runs"]) == ("completed", False, 1)


async def test_who_times_out_in_the_queue_keeps_its_place(ingress: Serving, worker: FakeWorker) -> None:
    sending = asyncio.create_task(ingress.client.post("/v1/chat/completions", json=CHAT, headers=KEY))
    await until(worker.has_waiting)
    waiting = await worker.waiting()
    sending.cancel()
    await until(lambda: nobody_waits(ingress))

    assert await worker.waiting() == waiting


async def test_the_first_of_two_with_one_key_may_leave(serve: Serve, worker: FakeWorker) -> None:
    here, there = await serve(), await serve()
    async with begun(here.client, worker, "a", headers=KEY) as (_, hand):
        reading = asyncio.create_task(_whole(there.client))
        await worker.answer_attach(hand)
    await until(lambda: nobody_waits(here))
    await worker.end(hand, "b")

    assert await reading == "ab"


@pytest.mark.parametrize("is_elsewhere", [False, True])
async def test_a_reader_of_the_events_is_a_waiter_too(serve: Serve, worker: FakeWorker, *, is_elsewhere: bool) -> None:
    here = await serve()
    there = await serve() if is_elsewhere else here
    own = asyncio.create_task(here.client.send(_request(here), stream=True))
    hand = await worker.take()
    await worker.say(hand, "a")
    response = await own
    async with following(there.client, hand.held.job) as reader:
        await worker.answer_attach(hand)
        assert await reader.text(2) == "a"
        await response.aclose()
        await until(lambda: wait(here, 0 if is_elsewhere else 1))
        await worker.say(hand, "b")
        assert await reader.text(1) == "b"
        assert not (await there.client.get(f"/v1/jobs/{hand.held.job}")).json()["cancel_requested"]
    # Now nobody waits.
    async with asyncio.timeout(1.0):
        while not [one for one in await worker.controls() if isinstance(one, Cancel)]:
            pass


async def test_who_comes_while_the_last_one_leaves_is_not_struck_off_with_it(
    ingress: Serving, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, come = asyncio.Event(), asyncio.Event()
    real = ingress.context.broker.run

    async def run(call: Call[Any]) -> Any:
        reply = await real(call)
        if call.script.name == "leave":
            left.set()
            await come.wait()
        return reply

    async with begun(ingress.client, worker, "a") as (_, hand):
        monkeypatch.setattr(type(ingress.context.broker), "run", lambda _, call: run(call))
    await left.wait()
    async with following(ingress.client, hand.held.job, "1") as reader:
        come.set()
        await worker.answer_attach(hand)
        await worker.end(hand, "b")
        assert joined(await reader.rest()) == "b"
    assert (await ingress.client.get(f"/v1/jobs/{hand.held.job}")).json()["state"] == "completed"


def _request(serving: Serving) -> httpx.Request:
    return serving.client.build_request("POST", "/v1/chat/completions", json=STREAM)


async def _whole(client: httpx.AsyncClient) -> str:
    async with streaming(client, headers=KEY) as sse:
        return joined(await sse.rest())


async def nobody_waits(serving: Serving) -> bool:
    return not list(serving.context.relay)


async def wait(serving: Serving, count: int) -> bool:
    return len(list(serving.context.relay)) == count
