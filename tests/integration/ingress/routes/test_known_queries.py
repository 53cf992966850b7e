"""A parameter that nobody knows is refused, where to overlook it would do something else than was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, Serving


@pytest.fixture
async def ours(ingress: Serving) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's own client."""
    async with openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{ingress.port}/v1", api_key="none", max_retries=0
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/jobs", "state, model, class, created_after, created_before, metadata, limit, after"),
        ("/v1/usage", "from, to, group_by"),
        ("/v1/files", "purpose, limit, order, after"),
        ("/v1/batches", "limit, after"),
        ("/v1/webhooks/deliveries", "limit, after, state, type, webhook_id, job_id"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_list_says_what_it_can_be_asked(client: httpx.AsyncClient, method: str, path: str, known: str) -> None:
    right = await client.request(method, path)
    refused = await client.request(method, path, params={"limt": "1"})
    twice = await client.request(method, path, params=[(known.partition(",")[0], "1")] * 2)

    assert [one.status_code for one in (right, refused, twice)] == [200, 400, 400]
    if method == "GET":
        error = refused.json()["error"]
        assert (error["param"], error["message"]) == ("limt", f"'limt' is no parameter here; there are {known}.")
        assert "2 times" in twice.json()["error"]["message"]


async def test_a_job_that_was_to_be_erased_is_not_just_cancelled(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job = (await client.post("/v1/jobs", json={"endpoint": "/v1/chat/completions", "body": CHAT})).json()["id"]
    refused = await client.delete(f"/v1/jobs/{job}", params={"purg": "true"})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "purg")
    assert (await client.get(f"/v1/jobs/{job}")).json()["state"] == "queued"


async def test_openais_own_parameters_are_known(
    ours: openai.AsyncOpenAI, client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    made = await ours.responses.create(model="sim", input="Hello", background=True)
    await worker.end(await worker.take(), "Hi")
    include: list[Any] = ["reasoning.encrypted_content", "message.output_text.logprobs"]
    found = await ours.responses.retrieve(made.id, include=include)
    events = await ours.responses.retrieve(
        made.id, stream=True, starting_after=0, include=include, include_obfuscation=False
    )
    numbers = [event.sequence_number async for event in events]
    items = await ours.responses.input_items.list(made.id, include=include, limit=5, order="asc")
    files = await ours.files.list(limit=5, order="asc", purpose="batch")
    batches = await ours.batches.list(limit=5)

    assert (found.id, numbers[0], len(items.data), files.data, batches.data) == (made.id, 1, 1, [], [])
    for path in (f"/v1/responses/{made.id}", f"/v1/responses/{made.id}/input_items"):
        refused = await client.get(path, params={"starting_aftr": "3"})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "starting_aftr")


async def test_what_a_substitute_of_a_browsers_event_source_adds_is_no_mistake(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    job = (await client.post("/v1/jobs", json={"endpoint": "/v1/chat/completions", "body": CHAT})).json()["id"]
    await worker.end(await worker.take(), "Hi")
    assert (await client.get(f"/v1/jobs/{job}/events", params={"lastEventId": "", "r": "0.7"})).status_code == 200
