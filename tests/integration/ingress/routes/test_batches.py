"""Batches over HTTP, as OpenAI's client asks for them; each answer is as the API's document has it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from ingress.intake.pools import PoolWatch
from penstock.batches.batch import BatchStatus, pool_of_batch
from penstock.broker import batches
from penstock.broker.connections import Endpoint
from penstock.broker.keys import TenantKeys, keys_of
from penstock.files.file import Purpose, object_name
from penstock.settings import (
    ApiKey,
    EngineName,
    FileSettings,
    IngressSettings,
    ModelSettings,
    PoolSettings,
    Settings,
    StorageSettings,
)
from penstock.settings.sections import BatchSettings
from tests.contract.contract import Contract
from tests.integration.ingress.serving import Serving, serving
from tests.integration.open_broker import OpenBroker

NAMES = ("acme", "rival")
KEYS = tuple(ApiKey(name=name, tenant=name, sha256=hashlib.sha256(name.encode()).hexdigest()) for name in NAMES)
RIVAL = {"authorization": "Bearer rival"}
PATH = "/v1/batches"
WINDOWS = ("24h", "1h")
LINE = {
    "custom_id": "1",
    "method": "POST",
    "url": "/v1/completions",
    "body": {"model": "sim", "prompt": "Hello"},
}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Two pools, and room for three batches."""
    pool = PoolSettings(engine=EngineName.SIMULATED)
    return settings.model_copy(
        update={
            "models": {"other": ModelSettings(pool="other"), "sim": ModelSettings(pool="sim")},
            "pools": {"other": pool, "sim": pool},
            "storage": StorageSettings(url=str(tmp_path / "files")),
            "files": FileSettings(expire_s=7200.0),
            "batches": BatchSettings(max_open=3),
            "ingress": IngressSettings(drain_grace_s=0.5, api_keys=KEYS),
        }
    )


@pytest.fixture
async def ingress(settings: Settings) -> AsyncIterator[Serving]:
    async with AsyncExitStack() as stack:
        ingress = await stack.enter_async_context(serving(settings))
        ingress.client.headers["authorization"] = "Bearer acme"
        yield ingress


@pytest.fixture
async def client(ingress: Serving) -> httpx.AsyncClient:
    return ingress.client


@pytest.fixture
async def ours(ingress: Serving) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's own client."""
    url = f"http://127.0.0.1:{ingress.port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="acme", max_retries=0) as client:
        yield client


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[OpenBroker]:
    broker = OpenBroker(Endpoint.parse(redis_url))
    yield broker
    await broker.close()


@pytest.fixture
async def contract(client: httpx.AsyncClient) -> Contract:
    return Contract((await client.get("/openapi.json")).json())


async def uploaded(
    client: httpx.AsyncClient, content: bytes = json.dumps(LINE).encode(), *, headers: Mapping[str, str] = {}
) -> str:
    """The id of a file with these lines, or with a good one."""
    made = await client.post(
        "/v1/files",
        files={"file": ("requests.jsonl", content)},
        data={"purpose": "batch"},
        headers=headers,
    )
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


async def created(client: httpx.AsyncClient, *, headers: Mapping[str, str] = {}, **body: Any) -> httpx.Response:
    """The answer to a request for a batch."""
    asked = {"endpoint": "/v1/completions", "completion_window": "24h", **body}
    if "input_file_id" not in asked:
        asked["input_file_id"] = await uploaded(client)
    return await client.post(PATH, json=asked, headers=headers)


async def become(broker: OpenBroker, batch_id: str, *statuses: BatchStatus) -> None:
    """As the process that works on a batch would have it."""
    pool = pool_of_batch(batch_id) or ""
    await broker.run(batches.take(pool, batch_id, "t", 60_000))
    for status in statuses:
        assert await broker.run(batches.change(pool, batch_id, "t", status)) == "changed"


def check(contract: Contract, response: httpx.Response) -> None:
    """Fail unless an answer is as the document has it."""
    request = response.request
    target = request.url.raw_path.decode()
    assert contract.faults(request.method, target, response.status_code, response.headers, response.content) == []


def refusal(response: httpx.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["param"]


async def test_openais_client_creates_a_batch_and_finds_it_again(ours: openai.AsyncOpenAI) -> None:
    file = await ours.files.create(file=("a.jsonl", json.dumps(LINE).encode()), purpose="batch")
    made = await ours.batches.create(
        input_file_id=file.id,
        endpoint="/v1/completions",
        completion_window="24h",
        metadata={"ticket": "4711"},
        output_expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (made.object, made.status, made.input_file_id) == ("batch", "validating", file.id)
    assert made.metadata == {"ticket": "4711"}
    assert made.expires_at == made.created_at + 86400
    assert made.id.startswith("batch_sim-")
    assert await ours.batches.retrieve(made.id) == made
    assert [batch async for batch in ours.batches.list()] == [made]
    cancelled = await ours.batches.cancel(made.id)
    assert cancelled.status == "cancelling"
    assert cancelled.cancelling_at is not None


async def test_a_batch_is_recorded_as_it_was_asked_for(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    asked: dict[str, Any] = {"metadata": {"a": "1"}, "output_expires_after": {"anchor": "created_at", "seconds": 4000}}
    found = await broker.ask(batches.batch("sim", (await created(client, **asked)).json()["id"]))
    assert found is not None
    assert (found.tenant, found.key, found.endpoint, found.window) == ("acme", "acme", "/v1/completions", "24h")
    assert (found.metadata, found.output_ttl_s, found.status) == ('{"a":"1"}', 4000, BatchStatus.VALIDATING)
    assert await broker.ask(batches.open_batches("sim")) == [found.id]
    otherwise = await broker.ask(batches.batch("sim", (await created(client)).json()["id"]))
    assert otherwise is not None
    # As long as uploads are kept.
    assert otherwise.output_ttl_s == 7200


async def test_every_answer_is_as_described(client: httpx.AsyncClient, contract: Contract, broker: OpenBroker) -> None:
    made = await created(client)
    path = f"{PATH}/{made.json()['id']}"
    answers = [made, await client.get(path), await client.head(path), await client.get(PATH)]
    answers += [await created(client, headers={"idempotency-key": "k"}, completion_window=window) for window in WINDOWS]
    answers += [await client.post(f"{path}/cancel"), await client.post(f"{PATH}/batch_sim-none/cancel")]
    answers += [await client.get(f"{PATH}/none"), await client.get(PATH, params={"after": "none"})]
    answers += [await created(client, input_file_id="none"), await client.post(PATH, content="{}")]
    for answer in answers:
        check(contract, answer)
    assert [answer.status_code for answer in answers] == [*[200] * 5, 409, 200, 404, 404, 400, 400, 415]


@pytest.mark.parametrize(
    ("text", "pool"),
    [
        (b'\n\r\n{"custom_id": "1", "method": "POST", "url": "/", "body": {"model": "sim"}}', "sim"),
        (b'\xef\xbb\xbf{"custom_id": "1", "method": "POST", "url": "/", "body": {"model": "sim"}}\r\n{', "sim"),
        # The first of the configuration, whose validation will say what is wrong.
        (b'{"custom_id": "1", "method": "POST", "url": "/", "body": {"model": "nobody"}}', "other"),
        (b'{"custom_id": "1", "method": "POST", "url": "/", "body": {"model": 1}}', "other"),
        (b'{"custom_id": "1", "method": "POST", "url": "/", "body": []}', "other"),
        (b"{", "other"),
        (b"\xff\xfe", "other"),
        (b"", "other"),
        (b"\n" * 5000, "other"),
    ],
)
async def test_a_batch_goes_to_the_pool_of_its_first_lines_model(
    client: httpx.AsyncClient, text: bytes, pool: str
) -> None:
    made = await created(client, input_file_id=await uploaded(client, text))
    assert pool_of_batch(made.json()["id"]) == pool


async def test_a_first_line_without_end_is_not_read_to_its_end(settings: Settings) -> None:
    limits = IngressSettings.model_validate({**dict(settings.ingress), "max_body_bytes": 1000})
    async with serving(settings.model_copy(update={"ingress": limits})) as ingress:
        ingress.client.headers["authorization"] = "Bearer acme"
        long = json.dumps({**LINE, "custom_id": "x" * 3_000_000}).encode()
        made = await created(ingress.client, input_file_id=await uploaded(ingress.client, long))
    assert pool_of_batch(made.json()["id"]) == "other"


async def test_a_file_that_is_nobodys_or_anothers_or_over_is_no_input(
    client: httpx.AsyncClient, broker: OpenBroker
) -> None:
    theirs = await uploaded(client, headers=RIVAL)
    over = await uploaded(client)
    await broker.client.hset(TenantKeys("acme").file(over), "expires_ms", 1)
    for file in ("file-0", theirs, over):
        refused = await created(client, input_file_id=file)
        assert refusal(refused) == (400, None, "input_file_id")
        assert file in refused.json()["error"]["message"]


async def test_what_a_batch_made_is_no_input(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    file = await uploaded(client)
    await broker.client.hset(TenantKeys("acme").file(file), "purpose", Purpose.BATCH_OUTPUT)
    refused = await created(client, input_file_id=file)
    assert refusal(refused) == (400, None, "input_file_id")
    assert "batch_output" in refused.json()["error"]["message"]


async def test_the_same_request_with_a_key_is_the_same_batch(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    file, key = await uploaded(client), {"idempotency-key": "k"}
    made = (await created(client, input_file_id=file, headers=key)).json()
    await become(broker, made["id"], BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.COMPLETED)
    same = (await created(client, input_file_id=file, headers=key)).json()
    assert (same["id"], same["status"]) == (made["id"], "completed")
    other = await created(client, input_file_id=file, headers=key, metadata={"a": "b"})
    assert refusal(other) == (409, "idempotency_key_reused", None)
    theirs = await created(client, input_file_id=await uploaded(client, headers=RIVAL), headers=key | RIVAL)
    assert theirs.json()["id"] != made["id"]


async def test_requests_with_one_key_at_once_are_one_batch(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    file, key = await uploaded(client), {"idempotency-key": "k"}
    made = await asyncio.gather(*[created(client, input_file_id=file, headers=key) for _ in range(8)])
    assert len({one.json()["id"] for one in made}) == 1
    assert await broker.ask(batches.open_batches("sim")) == [made[0].json()["id"]]


async def test_a_repeat_finds_its_batch_though_its_file_is_gone(client: httpx.AsyncClient) -> None:
    file, key = await uploaded(client), {"idempotency-key": "k"}
    made = (await created(client, input_file_id=file, headers=key)).json()
    assert (await client.delete(f"/v1/files/{file}")).status_code == 200
    assert (await created(client, input_file_id=file, headers=key)).json() == made


async def test_a_repeat_finds_its_batch_though_its_model_has_moved_to_another_pool(settings: Settings) -> None:
    """A client that repeats while the operator changes the configuration must not have its lines run twice."""
    moved = settings.model_copy(update={"models": {**settings.models, "sim": ModelSettings(pool="other")}})
    key = {"idempotency-key": "k"}
    async with serving(settings) as before, serving(moved) as after:
        for ingress in (before, after):
            ingress.client.headers["authorization"] = "Bearer acme"
        file = await uploaded(before.client)
        made = (await created(before.client, input_file_id=file, headers=key)).json()
        assert (await created(after.client, input_file_id=file, headers=key)).json() == made


async def test_a_file_whose_object_is_gone_is_for_validation_to_find(
    client: httpx.AsyncClient, ingress: Serving
) -> None:
    file = await uploaded(client)
    await ingress.context.storage.delete(object_name("acme", file))
    made = await created(client, input_file_id=file)
    assert (made.status_code, made.json()["status"]) == (200, "validating")


async def test_a_pool_has_so_many_open_batches_and_no_more(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    file = await uploaded(client)
    made = [(await created(client, input_file_id=file)).json()["id"] for _ in range(3)]
    refused = await created(client, input_file_id=file)
    assert refusal(refused) == (429, "rate_limit_exceeded", None)
    assert "batches.max_open" in refused.json()["error"]["message"]
    assert (refused.headers["retry-after"], refused.headers["x-should-retry"]) == ("60", "true")
    await become(broker, made[0], BatchStatus.FAILED)
    assert await broker.run(batches.settle("sim", made[0], "t", 60_000)) == "settled"
    assert (await created(client, input_file_id=file)).status_code == 200


async def test_what_cannot_be_done_in_time_is_refused_unless_it_may_be_late(
    client: httpx.AsyncClient, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PoolWatch, "full_jobs_per_s", lambda _self, pool: 1e-6 if pool == "sim" else 0.0)
    refused = await created(client)
    check(contract, refused)
    assert refusal(refused) == (409, "completion_window_too_short", "completion_window")
    assert refused.headers["x-should-retry"] == "false"
    late = await created(client, headers={"x-penstock-accept-late": "true"})
    assert late.status_code == 200
    wrong = await created(client, headers={"x-penstock-accept-late": "perhaps"})
    assert wrong.status_code == 400


async def test_a_batch_that_was_taken_is_found_again_by_its_key_whatever_was_measured_since(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, key = await uploaded(client), {"idempotency-key": "k"}
    made = await created(client, input_file_id=file, headers=key)
    monkeypatch.setattr(PoolWatch, "full_jobs_per_s", lambda *_: 1e-6)
    assert (await created(client, input_file_id=file, headers=key)).json() == made.json()


async def test_the_list_is_of_all_pools_newest_first_page_by_page(
    client: httpx.AsyncClient, contract: Contract
) -> None:
    files = [await uploaded(client), await uploaded(client, b"{")]
    made = [(await created(client, input_file_id=files[number % 2])).json()["id"] for number in range(5)]
    await created(client, input_file_id=await uploaded(client, headers=RIVAL), headers=RIVAL)
    assert [pool_of_batch(one) for one in made] == ["sim", "other", "sim", "other", "sim"]
    pages, after = list[list[str]](), dict[str, str]()
    while True:
        answer = await client.get(PATH, params={"limit": "2", **after})
        check(contract, answer)
        page = answer.json()
        pages.append([one["id"] for one in page["data"]])
        assert (page["first_id"], page["last_id"]) == (pages[-1][0], pages[-1][-1])
        if not page["has_more"]:
            break
        after = {"after": page["last_id"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(one for page in pages for one in page) == sorted(made)
    whole = (await client.get(PATH)).json()
    times = [(one["created_at"], one["id"]) for one in whole["data"]]
    assert [at for at, _ in times] == sorted((at for at, _ in times), reverse=True)
    assert [name for _, name in times] == [one for page in pages for one in page]


async def test_what_has_no_record_any_more_is_struck_off_the_list(
    client: httpx.AsyncClient, broker: OpenBroker
) -> None:
    made = [(await created(client)).json()["id"] for _ in range(2)]
    await broker.client.delete(keys_of("sim").batch(made[0]))
    listed = (await client.get(PATH)).json()
    assert [one["id"] for one in listed["data"]] == [made[1]]
    assert await broker.client.zcard(keys_of("sim").batch_index("acme")) == 1
    assert (await client.get(f"{PATH}/{made[0]}")).status_code == 404


async def test_a_record_that_cannot_be_read_hides_no_other(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    made = [(await created(client)).json()["id"] for _ in range(2)]
    broken = keys_of("sim").batch(made[0])
    await broker.client.delete(broken)
    await broker.client.set(broken, "mine")
    listed = await client.get(PATH)
    assert [one["id"] for one in listed.json()["data"]] == [made[1]]
    assert (await client.get(f"{PATH}/{made[0]}")).status_code == 503
    await broker.client.delete(broken)


@pytest.mark.parametrize("limit", ["0", "101", "x"])
async def test_a_page_has_a_size(client: httpx.AsyncClient, limit: str) -> None:
    assert refusal(await client.get(PATH, params={"limit": limit})) == (400, None, "limit")


async def test_a_tenant_sees_its_own_and_no_others(client: httpx.AsyncClient) -> None:
    made = (await created(client)).json()["id"]
    path = f"{PATH}/{made}"
    assert (await client.get(PATH, headers=RIVAL)).json()["data"] == []
    assert refusal(await client.get(path, headers=RIVAL)) == (404, "not_found", "batch_id")
    assert refusal(await client.post(f"{path}/cancel", headers=RIVAL)) == (404, "not_found", "batch_id")
    assert refusal(await client.get(PATH, params={"after": made}, headers=RIVAL)) == (400, None, "after")
    assert (await client.get(path)).json()["status"] == "validating"


async def test_a_cancel_can_be_repeated(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    made = (await created(client)).json()["id"]
    first, again = [await client.post(f"{PATH}/{made}/cancel") for _ in range(2)]
    assert first.json()["status"] == "cancelling"
    assert again.json() == first.json()
    await become(broker, made, BatchStatus.CANCELLED)
    after = await client.post(f"{PATH}/{made}/cancel")
    assert (after.status_code, after.json()["status"]) == (200, "cancelled")


@pytest.mark.parametrize(
    "statuses",
    [
        [BatchStatus.FAILED],
        [BatchStatus.EXPIRED],
        [BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING],
        [BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.COMPLETED],
    ],
)
async def test_what_is_over_cannot_be_cancelled(
    client: httpx.AsyncClient, contract: Contract, broker: OpenBroker, statuses: list[BatchStatus]
) -> None:
    made = (await created(client)).json()["id"]
    await become(broker, made, *statuses)
    refused = await client.post(f"{PATH}/{made}/cancel")
    check(contract, refused)
    assert refusal(refused) == (409, "batch_ended", "batch_id")
    assert statuses[-1] in refused.json()["error"]["message"]
    assert refused.headers["x-should-retry"] == "false"
    assert (await client.get(f"{PATH}/{made}")).json()["status"] == statuses[-1]


async def test_a_batch_that_is_begun_can_be_cancelled(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    made = (await created(client)).json()["id"]
    await become(broker, made, BatchStatus.IN_PROGRESS)
    assert (await client.post(f"{PATH}/{made}/cancel")).json()["status"] == "cancelling"


async def test_a_full_memory_is_told_with_when_to_come_back(
    client: httpx.AsyncClient, contract: Contract, broker: OpenBroker
) -> None:
    file = await uploaded(client)
    await broker.client.config_set("maxmemory", 1)
    refused = await created(client, input_file_id=file)
    check(contract, refused)
    assert (refused.status_code, refused.headers["x-should-retry"]) == (503, "true")
    await broker.client.config_set("maxmemory", 0)
    assert (await client.get(PATH)).json()["data"] == []
