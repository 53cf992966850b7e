"""The endpoints around generation: models, tokens, health, figures; and who may use them."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from ingress.intake.tokenizers import max_model_len
from penstock.settings import ApiKey, EngineName, PoolSettings
from penstock.settings.builtin import FOLDER as BUILTIN
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, begun
from workers.engine.simulated import SimulatedSettings

DEMO_MODEL = BUILTIN / "demo"

KEYS = (ApiKey(name="one", tenant="ada", sha256=hashlib.sha256(b"sk-1").hexdigest()),)


async def test_the_models_are_listed(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()
    one = (await client.get("/v1/models/sim")).json()

    assert listed == {"object": "list", "data": [one]}
    assert (one["id"], one["object"], one["owned_by"], one["max_model_len"]) == ("sim", "model", "penstock", 4096)
    assert (await client.get("/v1/models/gpt-5")).json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 2048),
        ({"max_model_len": 512}, 512),
        ({"engine_args": {"max_model_len": 256}}, 256),
        ({"max_model_len": 512, "engine_args": {"max_model_len": 256}}, 256),
    ],
    ids=str,
)
def test_the_context_is_what_the_engine_is_told(options: dict[str, Any], expected: int) -> None:
    pool = PoolSettings(engine=EngineName.VLLM, model=DEMO_MODEL, options=options)
    assert max_model_len(pool) == expected
    assert max_model_len(PoolSettings(engine=EngineName.SIMULATED)) == SimulatedSettings().max_model_len


async def test_a_request_has_no_more_choices_than_a_worker_has_slots(client: httpx.AsyncClient) -> None:
    error = (await client.post("/v1/chat/completions", json={**CHAT, "n": 100})).json()["error"]

    assert (error["type"], error["param"]) == ("invalid_request_error", "n")
    assert "slots" in error["message"]


async def test_text_becomes_tokens_and_back(client: httpx.AsyncClient) -> None:
    text = "Hello wörld"
    tokens = (await client.post("/tokenize", json={"model": "sim", "prompt": text})).json()
    back = (await client.post("/detokenize", json={"tokens": tokens["tokens"]})).json()

    assert tokens["count"] == len(tokens["tokens"]) > 0
    assert tokens["max_model_len"] == 4096
    assert back == {"prompt": text}


async def test_a_conversation_becomes_tokens_by_its_template(client: httpx.AsyncClient) -> None:
    body = {"messages": CHAT["messages"], "return_token_strs": True}
    reply = (await client.post("/tokenize", json=body)).json()

    assert "".join(reply["token_strs"]) == "user:Hello\nassistant:"


async def test_a_long_text_is_tokenized_too(client: httpx.AsyncClient) -> None:
    reply = (await client.post("/tokenize", json={"prompt": "hello " * 10_000})).json()

    assert reply["count"] >= 10_000


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/tokenize", {}, 400),
        ("/tokenize", {"prompt": "x", "messages": CHAT["messages"]}, 400),
        ("/tokenize", {"prompt": 1}, 400),
        ("/tokenize", {"prompt": "x", "model": "gpt-5"}, 404),
        ("/tokenize", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400),
        ("/tokenize", {"messages": [{}]}, 400),
        ("/detokenize", {"tokens": [-1]}, 400),
        ("/detokenize", {"tokens": [10**18]}, 400),
        ("/detokenize", {}, 400),
    ],
)
async def test_what_cannot_be_tokenized_is_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, object], status: int
) -> None:
    response = await client.post(path, json=body)

    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


async def test_alive_is_not_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "alive"}
    ready = await client.get("/ready")

    assert ready.status_code == 503
    assert ready.json()["pools"]["sim"] == {
        "serves": False,
        "failing": "",
        "troubles": [],
        "leader": False,
        "ready": 0,
        "starting": 0,
        "draining": 0,
        "stalled": 0,
        "lost": 0,
        "failed": [],
    }


async def test_ready_with_a_leader_and_a_worker(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    ready = await client.get("/ready")

    assert ready.status_code == 200
    assert ready.json()["pools"]["sim"]["ready"] == 1


async def test_a_failing_worker_says_why(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    fields = {"state": "failed", "failures": 3, "why": "no such file: model.safetensors"}
    await worker.redis.hset(worker.keys.worker(worker.instance), mapping=fields)
    ready = await client.get("/ready")

    assert ready.status_code == 503
    assert ready.json()["pools"]["sim"]["failed"] == [
        {"worker": "w", "why": "no such file: model.safetensors", "failures": 3}
    ]


async def test_the_figures_tell_what_was_served(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with begun(client, worker, "a") as (sse, hand):
        await worker.end(hand, "b")
        await sse.rest()
    figures = (await client.get("/metrics")).text

    assert 'penstock_requests_total{model="sim",status="200"}' in figures
    assert 'penstock_ttft_seconds_count{model="sim"}' in figures
    assert 'penstock_tokens_total{kind="generated",model="sim"}' in figures


async def test_with_keys_every_endpoint_but_the_probes_needs_one(serve: Serve) -> None:
    client = (await serve(api_keys=KEYS)).client
    for method, path in (
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/sim"),
        ("GET", "/v1/jobs/sim-1"),
        ("GET", "/v1/jobs/sim-1/events"),
        ("DELETE", "/v1/jobs/sim-1"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
    ):
        response = await client.request(method, path)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
        assert response.headers["www-authenticate"] == "Bearer"
    assert (await client.get("/health")).status_code == 200
    assert (await client.get("/metrics")).status_code == 200
    assert (await client.get("/v1/models", headers={"authorization": "Bearer sk-1"})).status_code == 200


async def test_a_job_waits_in_its_tenants_lane(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(api_keys=KEYS)).client
    client.headers["authorization"] = "Bearer sk-1"
    async with begun(client, worker, "a") as (_, hand):
        lane = await worker.redis.hget(worker.keys.job(hand.held.job), "lane")

    assert lane == b"interactive:ada"


async def test_no_other_origin_may_call_by_default(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/models", headers={"origin": "https://example.org"})

    assert "access-control-allow-origin" not in response.headers


async def test_a_configured_origin_may_call_and_see_the_job_id(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(cors_origins=("https://example.org",))).client
    headers = {"origin": "https://example.org"}
    asked = await client.options("/v1/chat/completions", headers={**headers, "access-control-request-method": "POST"})
    async with begun(client, worker, "a", headers=headers) as (sse, _):
        answered = sse.response.headers

    assert asked.headers["access-control-allow-origin"] == "https://example.org"
    assert answered["access-control-allow-origin"] == "https://example.org"
    assert "x-penstock-job-id" in answered["access-control-expose-headers"].split(", ")
