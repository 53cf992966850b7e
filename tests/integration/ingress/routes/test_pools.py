"""What a page, or `penstock top`, sees of the pools."""

from __future__ import annotations

import json
from typing import Any

import httpx

from penstock.broker import holding
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import POOL, FakeWorker
from tests.integration.ingress.serving import CHAT, Serving, Sse


async def pool(client: httpx.AsyncClient) -> dict[str, Any]:
    (found,) = (await client.get("/v1/pools")).json()["data"]
    return dict(found)


async def test_what_waits_is_shown_by_class_and_who_works(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    asked = {"endpoint": "/v1/chat/completions", "body": CHAT}
    for job_class in ("batch", "batch", "standard"):
        assert (await client.post("/v1/jobs", json={**asked, "class": job_class})).status_code == 202
    await worker.take()

    async def is_seen() -> bool:
        return [one["jobs"] for one in (await pool(client))["workers"]] == [1]

    await until(is_seen)
    found = await pool(client)
    assert (found["id"], found["models"], found["serves"], found["has_leader"]) == (POOL, ["sim"], True, True)
    assert sum(waiting["jobs"] for waiting in found["queue"].values()) == 2
    (one,) = found["workers"]
    assert (one["name"], one["state"], one["slots"], one["jobs"]) == ("w", "ready", 64, 1)


async def test_a_pools_rates_come_from_what_its_workers_count(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    counted = 0

    async def works() -> bool:
        nonlocal counted
        counted += 500
        fields: dict[str, Any] = {"ended": counted // 100, "stats": json.dumps({"generated_tokens": counted})}
        assert await worker.broker.run(holding.beat(POOL, worker.instance, "ready", fields)) == "alive"
        found = await pool(client)
        rates = found["tokens_per_s"], found["jobs_per_s"], *(one["tokens_per_s"] for one in found["workers"])
        return len(rates) == 3 and min(rates) > 0

    await until(works)


async def test_every_change_is_an_event(ingress: Serving, worker: FakeWorker) -> None:
    async with ingress.client.stream("GET", "/v1/pools/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = Sse(response)
        await events.next()
        body = {"endpoint": "/v1/chat/completions", "body": CHAT, "class": "batch"}
        assert (await ingress.client.post("/v1/jobs", json=body)).status_code == 202
        while True:
            _, seen = await events.next()
            if seen["data"][0]["queue"]["batch"]["jobs"] == 1:
                return


async def test_a_server_that_ends_does_not_wait_for_those_who_watch(ingress: Serving) -> None:
    async with ingress.client.stream("GET", "/v1/pools/events") as response:
        events = Sse(response)
        await events.next()
        ingress.server.stop()
        # A stream that is cut, rather than ended, raises.
        await events.rest()


async def test_pools_are_for_those_with_a_key(serve: Serve) -> None:
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    guarded = await serve(api_keys=[{"name": "one", "tenant": "a", "sha256": digest}])
    for path in ("/v1/pools", "/v1/pools/events"):
        assert (await guarded.client.get(path)).status_code == 401
        answer = await guarded.client.head(path, headers={"authorization": "Bearer secret"})
        assert answer.status_code == 200
