"""What a client wants forgotten is forgotten: by a purge, and by `store: false`."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from penstock.broker import holding
from penstock.frames import End, Generated, Result
from penstock.job import State
from tests.eventual import until
from tests.integration.ingress.fake_worker import POOL, FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving, Sse

ASKED = {"endpoint": "/v1/chat/completions", "body": CHAT}


async def submitted(client: httpx.AsyncClient, **changes: Any) -> str:
    response = await client.post("/v1/jobs", json={**ASKED, **changes})
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


async def is_known(worker: FakeWorker, job_id: str, text: bytes = b"Hello") -> bool:
    """Whether the job's record has something of the request or the answer."""
    found = await worker.redis.hgetall(worker.keys.job(job_id))
    return any(text in value for value in found.values())


async def test_a_job_that_ended_is_erased(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job_id = await submitted(client)
    await worker.end(await worker.take(), "Hello")
    response = await client.delete(f"/v1/jobs/{job_id}", params={"purge": "true"})
    assert (response.status_code, response.json()) == (200, {"id": job_id, "object": "job", "deleted": True})
    assert not await is_known(worker, job_id)
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/events"):
        assert (await client.get(path)).status_code == 404
    assert (await client.delete(f"/v1/jobs/{job_id}")).status_code == 404
    assert (await client.get("/v1/jobs")).json()["data"] == []


async def test_a_job_that_waits_is_erased(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job_id = await submitted(client)
    assert (await client.delete(f"/v1/jobs/{job_id}?purge=1")).json()["deleted"]
    assert not await worker.has_waiting()
    assert not await is_known(worker, job_id)


async def test_a_job_whose_worker_is_slow_is_erased_with_its_end(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job_id = await submitted(client)
    hand = await worker.take()
    response = await client.delete(f"/v1/jobs/{job_id}?purge=true")
    assert (response.status_code, response.json()["deleted"]) == (202, False)
    end = Result(End(State.CANCELLED), Generated([1], ["Hello"]))
    await worker.broker.run(holding.finish(POOL, worker.instance, hand.held, end, ttft_ms=None, notices=[]))
    assert not await is_known(worker, job_id)
    assert (await client.get(f"/v1/jobs/{job_id}")).status_code == 404


async def test_who_reads_the_stream_of_an_erased_job_is_told(ingress: Serving, worker: FakeWorker) -> None:
    job_id = await submitted(ingress.client)
    hand = await worker.take()
    async with ingress.client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        events = Sse(response)
        erasing = asyncio.create_task(ingress.client.delete(f"/v1/jobs/{job_id}?purge=true"))
        await until(lambda: _has(worker, job_id, b"purge"))
        # Nobody publishes its end: the reader asks, and finds what is left of it.
        end = Result(End(State.CANCELLED), Generated([], []))
        await worker.broker.run(holding.finish(POOL, worker.instance, hand.held, end, ttft_ms=None, notices=[]))
        await erasing
        told = [data for _, data in await events.rest()]
    assert told[-1]["error"]["code"] == "not_found"
    assert "erased" in told[-1]["error"]["message"]


async def _has(worker: FakeWorker, job_id: str, field: bytes) -> bool:
    return bool(await worker.redis.hexists(worker.keys.job(job_id), field))


async def test_a_key_of_an_erased_job_can_be_used_for_another(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job_id = await submitted(client, idempotency_key="one")
    await worker.end(await worker.take(), "Hello")
    await client.delete(f"/v1/jobs/{job_id}?purge=true")
    again = await submitted(client, idempotency_key="one", body={**CHAT, "max_tokens": 7})
    assert again == job_id
    hand = await worker.take()
    await worker.end(hand, "Hi")
    job = (await client.get(f"/v1/jobs/{job_id}")).json()
    assert (job["state"], job["runs"]) == ("completed", 2)


async def test_a_wrong_flag_is_told(client: httpx.AsyncClient) -> None:
    job_id = await submitted(client)
    response = await client.delete(f"/v1/jobs/{job_id}?purge=perhaps")
    assert (response.status_code, response.json()["error"]["param"]) == (400, "purge")


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_what_is_not_to_be_stored_goes_with_its_answer(
    client: httpx.AsyncClient, worker: FakeWorker, body: dict[str, Any]
) -> None:
    asking = asyncio.create_task(client.post("/v1/chat/completions", json={**body, "store": False}))
    hand = await worker.take()
    await worker.end(hand, "Hello")
    response = await asking
    assert "Hello" in response.text

    async def is_gone() -> bool:
        return not await is_known(worker, hand.held.job)

    await until(is_gone)
    assert (await client.get(f"/v1/jobs/{hand.held.job}")).status_code == 404


async def test_what_is_not_to_be_stored_waits_a_moment_for_a_client_that_may_come_back(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    job_id = await submitted(client, body={**CHAT, "store": False})
    await worker.end(await worker.take(), "Hello")
    assert (await client.get(f"/v1/jobs/{job_id}")).json()["state"] == "completed"
    assert 0 < await worker.redis.pttl(worker.keys.job(job_id)) <= 60_000


async def test_what_is_stored_stays(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    asking = asyncio.create_task(client.post("/v1/chat/completions", json={**CHAT, "store": True}))
    hand = await worker.take()
    await worker.end(hand, "Hello")
    await asking
    assert (await client.get(f"/v1/jobs/{hand.held.job}")).json()["state"] == "completed"
    assert await worker.redis.pttl(worker.keys.job(hand.held.job)) > 60_000
