"""Every kind of answer is one that the API's document allows: whole, streamed, resumed, refused and failed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import httpx
import msgspec
import pytest

from penstock.errors import (
    ApiError,
    CancelledError,
    ContextLengthError,
    EngineFailedError,
    InvalidRequestError,
    OverloadedError,
    RunTimeoutError,
    WorkerLostError,
)
from penstock.frames import End
from penstock.job import State
from penstock.settings import ApiKey
from tests.contract.contract import Contract
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving

PROMPT = {"model": "sim", "prompt": "Hello"}
JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}
JOB = {"endpoint": "/v1/chat/completions", "body": CHAT, "class": "batch", "metadata": {"ticket": "4711"}}
KEYS = (ApiKey(name="one", tenant="ada", sha256=hashlib.sha256(b"sk-1").hexdigest()),)
FAILURES = [
    CancelledError,
    ContextLengthError,
    EngineFailedError,
    InvalidRequestError,
    OverloadedError,
    RunTimeoutError,
    WorkerLostError,
]


@pytest.fixture
async def contract(client: httpx.AsyncClient) -> Contract:
    return await contract_of(client)


async def contract_of(client: httpx.AsyncClient) -> Contract:
    return Contract((await client.get("/openapi.json")).json())


async def read(contract: Contract, request: Any) -> httpx.Response:
    """The answer to a request, which is to be as described."""
    response: httpx.Response = await request
    asked = response.request
    faults = contract.faults(
        asked.method, asked.url.raw_path.decode(), response.status_code, response.headers, response.content
    )
    assert faults == []
    return response


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/openapi.json", "/docs", "/v1/models", "/v1/pools"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "POST", "PATCH"])
async def test_what_the_service_says_of_itself(
    client: httpx.AsyncClient, contract: Contract, worker: FakeWorker, method: str, path: str
) -> None:
    response = await read(contract, client.request(method, path))

    assert response.status_code == {"GET": 200, "HEAD": 200, "OPTIONS": 204}.get(method, 405)


async def test_nobody_is_ready(client: httpx.AsyncClient, contract: Contract) -> None:
    assert (await read(contract, client.get("/ready"))).status_code == 503
    assert (await read(contract, client.get("/ready", params={"pool": "other"}))).status_code == 404


@pytest.mark.parametrize("body", [CHAT, STREAM, PROMPT, {**PROMPT, "stream": True}], ids=str)
@pytest.mark.parametrize("asked", [{}, {"temprature": 1}], ids=["known", "ignored"])
async def test_an_answer_and_its_job(
    client: httpx.AsyncClient, contract: Contract, worker: FakeWorker, body: dict[str, Any], asked: dict[str, Any]
) -> None:
    path = "/v1/chat/completions" if "messages" in body else "/v1/completions"
    usage = {"stream_options": {"include_usage": True}} if body.get("stream") else {}
    waiting = asyncio.create_task(read(contract, client.post(path, json={**body, **usage, **asked})))
    hand = await worker.take()
    job = f"/v1/jobs/{hand.held.job}"
    await read(contract, client.get(job))
    await worker.say(hand, "He")
    await worker.end(hand, "l", "", "lo")
    answer = await waiting
    events = await read(contract, client.get(f"{job}/events"))
    ids = [line[4:] for line in events.text.splitlines() if line.startswith("id: ")]

    assert answer.status_code == 200
    assert (await read(contract, client.get(job))).json()["state"] == "completed"
    for event_id in ids[:-1]:
        assert (await read(contract, client.get(f"{job}/events", params={"after": event_id}))).status_code == 200
    left = await read(contract, client.get(f"{job}/events", headers={"last-event-id": ids[-1]}))
    assert left.status_code == 204
    for method, url in (("HEAD", job), ("HEAD", f"{job}/events"), ("DELETE", job), ("OPTIONS", job), ("PUT", job)):
        await read(contract, client.request(method, url))
    for url in (f"{job}?purge=perhaps", f"{job}?purge=true", job):
        await read(contract, client.delete(url))


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "streamed"])
@pytest.mark.parametrize("is_late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure(
    client: httpx.AsyncClient,
    contract: Contract,
    worker: FakeWorker,
    body: dict[str, Any],
    failure: type[ApiError],
    *,
    is_late: bool,
) -> None:
    waiting = asyncio.create_task(read(contract, client.post("/v1/chat/completions", json=body)))
    hand = await worker.take()
    if is_late:
        await worker.say(hand, "He")
    await worker.fail(hand, failure)
    answer = await waiting
    job = f"/v1/jobs/{hand.held.job}"
    events = await read(contract, client.get(f"{job}/events"))

    assert answer.status_code == (200 if is_late and body is STREAM else failure.status)
    assert '"error":{' in events.text
    assert "[DONE]" not in events.text
    assert (await read(contract, client.get(job))).json()["error"]["code"] == failure.code


@pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED])
async def test_an_end_that_nobody_explains(
    client: httpx.AsyncClient, contract: Contract, worker: FakeWorker, state: State
) -> None:
    waiting = asyncio.create_task(read(contract, client.post("/v1/chat/completions", json=CHAT)))
    hand = await worker.take()
    await worker.end(hand, end=End(state))
    await waiting
    await read(contract, client.get(f"/v1/jobs/{hand.held.job}"))


async def test_a_job_that_is_cancelled_while_it_waits(
    client: httpx.AsyncClient, contract: Contract, worker: FakeWorker
) -> None:
    headers = {"idempotency-key": "k"}
    waiting = asyncio.create_task(read(contract, client.post("/v1/chat/completions", json=CHAT, headers=headers)))
    await until(worker.has_waiting)
    conflict = await read(contract, client.post("/v1/chat/completions", json=STREAM, headers=headers))
    await read(contract, client.delete(f"/v1/jobs/{conflict.headers['x-penstock-job-id']}"))

    assert conflict.status_code == 409
    assert (await waiting).json()["error"]["code"] == "job_cancelled"


async def test_jobs_that_nobody_waits_for(client: httpx.AsyncClient, contract: Contract, worker: FakeWorker) -> None:
    one = await read(contract, client.post("/v1/jobs", json=JOB, headers={"idempotency-key": "k"}))
    same = await read(contract, client.post("/v1/jobs", json=JOB, headers={"idempotency-key": "k"}))
    lines = f"{json.dumps(JOB)}\n\n{{}}\n"
    many = await read(contract, client.post("/v1/jobs/bulk", content=lines.encode(), headers=LINES))
    await worker.end(await worker.take(), "done")
    page = await read(contract, client.get("/v1/jobs", params={"limit": 1}))
    rest = await read(contract, client.get("/v1/jobs", params={"after": page.json()["next"]}))

    assert (one.status_code, same.status_code) == (202, 202)
    assert same.json()["id"] == one.json()["id"]
    assert [sorted(json.loads(line)) for line in many.text.splitlines()] == [["id", "line"], ["error", "line"]]
    assert len(page.json()["data"]) == len(rest.json()["data"]) == 1
    assert (await read(contract, client.get(one.headers["location"]))).json()["metadata"] == {"ticket": "4711"}


@pytest.mark.parametrize("failure", [None, EngineFailedError])
async def test_a_stream_by_its_address(
    client: httpx.AsyncClient, contract: Contract, worker: FakeWorker, failure: type[ApiError] | None
) -> None:
    job_id = (await read(contract, client.post("/v1/jobs", json=JOB))).json()["id"]
    path = f"/v1/jobs/{job_id}/stream-url"
    reading = (await read(contract, client.post(path))).json()["url"]
    both = (await read(contract, client.post(path, json={"ttl_s": 60, "can_cancel": True}))).json()["url"]
    hand = await worker.take()
    await worker.say(hand, "He", "", "llo")
    await (worker.fail(hand, failure) if failure else worker.end(hand, "!"))
    events = await read(contract, client.get(reading))
    ids = [line[4:] for line in events.text.splitlines() if line.startswith("id: ")]

    for event_id in ids[:-1]:
        assert (await read(contract, client.get(reading, headers={"last-event-id": event_id}))).status_code == 200
    assert (await read(contract, client.get(f"{reading}&after={ids[-1]}"))).status_code == 204
    assert (await read(contract, client.head(reading))).status_code == 200
    assert (await read(contract, client.delete(reading))).status_code == 403
    assert (await read(contract, client.delete(both))).json()["state"] == ("failed" if failure else "completed")
    for wrong, status in (({"json": {"ttl_s": 1e9}}, 400), ({"content": b"{}"}, 415)):
        assert (await read(contract, client.post(path, **wrong))).status_code == status


async def test_pools_as_they_change(client: httpx.AsyncClient, contract: Contract, worker: FakeWorker) -> None:
    await read(contract, client.head("/v1/pools/events"))
    async with client.stream("GET", "/v1/pools/events") as response:
        content = b""
        async for part in response.aiter_bytes():
            content += part
            if content.endswith(b"\n\n"):
                break

    assert contract.faults("GET", "/v1/pools/events", 200, response.headers, content) == []
    assert content.startswith(b"data: ")


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", "/v1/chat/completions", {"json": {}}, 400),
        ("POST", "/v1/chat/completions", {"json": [], "headers": {"x-request-id": "mine"}}, 400),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "model": "gpt-5"}}, 404),
        ("POST", "/v1/chat/completions", {"json": CHAT, "headers": {"idempotency-key": ""}}, 400),
        ("POST", "/v1/chat/completions", {"content": b"{}"}, 415),
        ("POST", "/v1/chat/completions", {"content": b"{}", "headers": {**JSON, "content-encoding": "br"}}, 415),
        ("POST", "/v1/chat/completions", {"content": b"{}", "headers": {**JSON, "content-encoding": "gzip"}}, 400),
        ("POST", "/v1/chat/completions", {"content": b"{}", "headers": {**JSON, "expect": "tea"}}, 417),
        ("POST", "/v1/chat/completions", {"content": b"[" * (5 << 20), "headers": JSON}, 413),
        ("GET", "/v1/chat/completions", {}, 405),
        ("POST", "/v1/completions", {"json": {**PROMPT, "suffix": "x"}}, 400),
        ("POST", "/tokenize", {"json": {"prompt": "Hello", "return_token_strs": True}}, 200),
        ("POST", "/tokenize", {"json": {"messages": CHAT["messages"]}}, 200),
        ("POST", "/tokenize", {"json": {}}, 400),
        ("POST", "/tokenize", {"json": {"prompt": "Hello", "model": "gpt-5"}}, 404),
        ("POST", "/detokenize", {"json": {"tokens": [72, 105]}}, 200),
        ("POST", "/detokenize", {"json": {"tokens": [2**31 - 1]}}, 200),
        ("GET", "/v1/models/sim", {}, 200),
        ("GET", "/v1/models/org/other", {}, 404),
        ("GET", "/v1/models/", {}, 404),
        ("GET", "/v1/jobs/sim-1", {}, 404),
        ("GET", "/v1/jobs/sim-1/events", {}, 404),
        ("DELETE", "/v1/jobs/nothing", {}, 404),
        ("POST", "/v1/jobs", {"json": {}}, 400),
        ("POST", "/v1/jobs", {"json": {**JOB, "body": {**CHAT, "model": "gpt-5"}}}, 404),
        ("POST", "/v1/jobs", {"content": b"{}"}, 415),
        ("POST", "/v1/jobs/bulk", {"json": JOB}, 415),
        ("POST", "/v1/jobs/bulk", {"content": b"", "headers": LINES}, 200),
        ("POST", "/v1/jobs/bulk", {"content": b"{\n[]", "headers": LINES}, 200),
        ("POST", "/v1/jobs/bulk", {"content": b"", "headers": {**LINES, "content-encoding": "gzip"}}, 415),
        ("GET", "/v1/jobs/bulk", {}, 405),
        ("DELETE", "/v1/jobs/bulk", {}, 405),
        ("GET", "/v1/jobs", {}, 200),
        ("GET", "/v1/jobs", {"params": {"metadata[ticket]": "4711", "state": "queued,completed"}}, 200),
        ("GET", "/v1/jobs", {"params": {"after": "sim-1"}}, 400),
        ("GET", "/v1/usage", {}, 200),
        ("GET", "/v1/usage", {"params": {"group_by": "day"}}, 200),
        ("GET", "/v1/usage", {"params": {"from": "soon"}}, 400),
        ("GET", "/docs/page.js", {}, 200),
        ("GET", "/docs/page.js", {"headers": {"if-none-match": "*"}}, 304),
        ("GET", "/docs/nothing", {}, 404),
        ("GET", "/nothing", {}, 404),
        ("POST", "/nothing", {"json": {}}, 404),
        ("GET", "/", {}, 200),
        ("GET", "/", {"headers": {"if-none-match": "*"}}, 304),
        ("POST", "/", {"json": {}}, 405),
        ("GET", "/page/main.js", {}, 200),
        ("HEAD", "/page/icon.svg", {}, 200),
        ("GET", "/page/nothing", {}, 404),
        ("GET", "/penstock.js", {}, 200),
        ("GET", "/penstock.d.ts", {}, 200),
        ("POST", "/v1/jobs/sim-1/stream-url", {}, 404),
        ("GET", "/v1/jobs/sim-1/stream", {}, 401),
        ("HEAD", "/v1/jobs/sim-1/stream", {}, 401),
        ("DELETE", "/v1/jobs/sim-1/stream", {"params": {"token": "x"}}, 401),
        ("GET", "/health", {"headers": {"host": "evil.example"}}, 421),
        ("GET", "/health", {"headers": {"x-long": "x" * 70_000}}, 431),
    ],
    ids=str,
)
async def test_one_request(
    client: httpx.AsyncClient, contract: Contract, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    assert (await read(contract, client.request(method, path, **options))).status_code == status


async def test_with_keys_calls_need_one_and_the_description_does_not(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(api_keys=KEYS)).client
    contract = await contract_of(client)

    for method, path in (
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("GET", "/v1/models"),
        ("HEAD", "/v1/models/sim"),
        ("GET", "/v1/jobs/sim-1"),
        ("GET", "/v1/jobs/sim-1/events"),
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("POST", "/v1/jobs/bulk"),
        ("GET", "/v1/usage"),
        ("GET", "/v1/pools"),
        ("GET", "/v1/pools/events"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
    ):
        assert (await read(contract, client.request(method, path))).status_code == 401
    for path in ("/docs", "/docs/page.js", "/openapi.json", "/health", "/ready", "/metrics"):
        assert (await read(contract, client.get(path))).status_code == 200


async def test_a_full_queue_and_one_that_nobody_serves(serve: Serve) -> None:
    client = (await serve(pool={"lane_max_jobs": 1, "queue_timeout_s": 0.5})).client
    contract = await contract_of(client)
    waiting = asyncio.create_task(read(contract, client.post("/v1/chat/completions", json=CHAT)))
    other = asyncio.create_task(read(contract, client.post("/v1/chat/completions", json=STREAM)))

    assert {(await waiting).status_code, (await other).status_code} == {429, 503}


async def test_a_mistake_of_ours(
    client: httpx.AsyncClient, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("ingress.routes.health.json_response")

    assert (await read(contract, client.get("/health"))).status_code == 500


async def test_an_ingress_that_ends(ingress: Serving, worker: FakeWorker) -> None:
    contract = await contract_of(ingress.client)
    waiting = asyncio.create_task(read(contract, ingress.client.post("/v1/chat/completions", json=CHAT)))
    await worker.take()
    ingress.server.stop()

    assert (await waiting).status_code == 503


async def test_the_contract_sees_what_is_not_described(contract: Contract) -> None:
    """The other tests would be worth nothing otherwise."""
    headers = {"content-type": "application/json", "x-request-id": "1"}

    def faults(status: int, body: object, headers: dict[str, str] = headers, path: str = "/health") -> list[str]:
        return contract.faults("GET", path, status, headers, msgspec.json.encode(body))

    assert faults(200, {"status": "alive"}) == []
    assert faults(201, {"status": "alive"})
    assert faults(200, {"status": "dead"})
    assert faults(200, {"status": "alive", "more": 1})
    assert faults(200, {"status": "alive"}, {"content-type": "application/json"})
    assert faults(200, {"status": "alive"}, {**headers, "content-type": "text/plain"})
    error = {"message": "", "type": "invalid_request_error", "param": None, "code": None}
    assert faults(400, {"error": error}) == []
    assert faults(400, {"error": {**error, "code": "other"}})
    assert faults(400, {"error": {**error, "type": "server_error"}})
    assert faults(404, {"error": error}, path="/nothing")


LIKELY = {"token": "So", "logprob": -0.5, "bytes": [83, 111]}
CALL = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
ENGINE_PIECES = [
    json.dumps({"choices": [choice]})
    for choice in (
        {"delta": {"reasoning": "Hm."}},
        {"delta": {"content": "So"}, "logprobs": {"content": [{**LIKELY, "top_logprobs": [LIKELY]}]}},
        {"delta": {"tool_calls": [CALL]}},
    )
]
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize("asked", [{}, {"stream": True}, {"background": True}, {"stream": True, "background": True}])
@pytest.mark.parametrize("is_engine_written", [False, True])
async def test_a_response(
    client: httpx.AsyncClient,
    contract: Contract,
    worker: FakeWorker,
    asked: dict[str, Any],
    *,
    is_engine_written: bool,
) -> None:
    richer = {"tools": [TOOL], "tool_choice": "required", "top_logprobs": 1, "reasoning": {"effort": "low"}}
    body = {"model": "sim", "input": "Hello", **asked, **(richer if is_engine_written else {}), "temprature": 1}
    waiting = asyncio.create_task(read(contract, client.post("/v1/responses", json=body)))
    hand = await worker.take()
    response = f"/v1/responses/resp_{hand.held.job}"
    await read(contract, client.get(response))
    await worker.say(hand, *(ENGINE_PIECES if is_engine_written else ["Hel"]))
    await worker.end(hand, "" if is_engine_written else "lo")
    answer = await waiting
    events = await read(contract, client.get(response, params={"stream": "true", "starting_after": 1}))

    assert answer.status_code == 200
    assert "response.completed" in events.text
    for method, path in (
        ("GET", ""),
        ("HEAD", ""),
        ("OPTIONS", ""),
        ("PUT", ""),
        ("HEAD", "?stream=true"),
        ("GET", "?stream=perhaps"),
        ("GET", "?stream=true&starting_after=999"),
        ("GET", "/input_items"),
        ("GET", "/input_items?limit=0"),
        ("POST", "/cancel"),
        ("DELETE", ""),
        ("GET", ""),
    ):
        await read(contract, client.request(method, response + path))
    job = await read(contract, client.get(f"/v1/jobs/{hand.held.job}"))
    assert job.status_code == 404


@pytest.mark.parametrize("asked", [{}, {"stream": True}, {"background": True}])
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_response_that_fails(
    client: httpx.AsyncClient,
    contract: Contract,
    worker: FakeWorker,
    asked: dict[str, Any],
    failure: type[ApiError],
) -> None:
    body = {"model": "sim", "input": "Hello", **asked}
    waiting = asyncio.create_task(read(contract, client.post("/v1/responses", json=body)))
    hand = await worker.take()
    await worker.fail(hand, failure)
    answer = await waiting
    response = f"/v1/responses/resp_{hand.held.job}"
    events = await read(contract, client.get(response, params={"stream": "true"}))
    goes_on = {"model": "sim", "input": "Go on", "previous_response_id": f"resp_{hand.held.job}"}
    refused = await read(contract, client.post("/v1/responses", json=goes_on))

    assert answer.status_code == (200 if "background" in asked else failure.status)
    assert "response.failed" in events.text
    assert (await read(contract, client.get(response))).json()["error"]["type"] in (failure.code, failure.type)
    assert refused.status_code == 400
    missing = await read(contract, client.post("/v1/responses", json={**goes_on, "previous_response_id": "resp_x"}))
    assert missing.json()["error"]["code"] == "previous_response_not_found"


async def test_a_job_that_is_a_response(client: httpx.AsyncClient, contract: Contract, worker: FakeWorker) -> None:
    asked = {"endpoint": "/v1/responses", "body": {"model": "sim", "input": "Hello"}}
    job = (await read(contract, client.post("/v1/jobs", json=asked))).json()["id"]
    hand = await worker.take()
    await worker.end(hand, "Hello")
    assert (await read(contract, client.get(f"/v1/jobs/{job}"))).json()["result"]["object"] == "response"
    await read(contract, client.get(f"/v1/jobs/{job}/events"))
