"""Subscriptions and deliveries over HTTP; each answer is as the API's document has it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from penstock.broker import webhooks
from penstock.broker.keys import TenantKeys
from penstock.settings import ApiKey, Settings, WebhookSettings
from penstock.webhooks.request import decode_target
from penstock.webhooks.signature import key_of, new_secret
from penstock.webhooks.subscription import FOR_JOBS
from tests.contract.contract import Contract
from tests.integration.broker.pool import Pool
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import POOL
from tests.integration.ingress.serving import CHAT
from tests.integration.open_broker import OpenBroker

KEYS = tuple(
    ApiKey(name=name, tenant=name, sha256=hashlib.sha256(name.encode()).hexdigest()) for name in ("acme", "rival")
)
URL = "https://example.com/hook"
RIVAL = {"authorization": "Bearer rival"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhooks": WebhookSettings(max_subscriptions=3)})


@pytest.fixture
async def client(serve: Serve) -> httpx.AsyncClient:
    client = (await serve(api_keys=KEYS)).client
    client.headers["authorization"] = "Bearer acme"
    return client


@pytest.fixture
async def contract(client: httpx.AsyncClient) -> Contract:
    return Contract((await client.get("/openapi.json")).json())


@pytest.fixture
async def webhook(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.post("/v1/webhooks", json={"url": URL})).json())


def check(contract: Contract, response: httpx.Response) -> None:
    """Fail unless an answer is as the document has it."""
    request = response.request
    target = request.url.raw_path.decode()
    assert contract.faults(request.method, target, response.status_code, response.headers, response.content) == []


async def test_a_subscription_is_made_listed_looked_up_and_deleted(
    client: httpx.AsyncClient, contract: Contract
) -> None:
    made = await client.post("/v1/webhooks", json={"url": URL, "events": ["job.failed"], "description": "for us"})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    check(contract, made)
    key_of(made.json()["secret"])
    shown = {name: value for name, value in made.json().items() if name != "secret"}
    listed = await client.get("/v1/webhooks")
    check(contract, listed)
    assert listed.json()["data"] == [shown]
    one = await client.get(f"/v1/webhooks/{shown['id']}")
    check(contract, one)
    assert one.json() == shown
    deleted = await client.delete(f"/v1/webhooks/{shown['id']}")
    check(contract, deleted)
    assert deleted.json()["deleted"] is True
    gone = await client.get(f"/v1/webhooks/{shown['id']}")
    check(contract, gone)
    assert (gone.status_code, (await client.get("/v1/webhooks")).json()["data"]) == (404, [])


async def test_a_tenant_sees_its_own_and_no_others(client: httpx.AsyncClient, webhook: dict[str, Any]) -> None:
    path = f"/v1/webhooks/{webhook['id']}"
    assert (await client.get("/v1/webhooks", headers=RIVAL)).json()["data"] == []
    for ask in (
        client.get(path, headers=RIVAL),
        client.delete(path, headers=RIVAL),
        client.post(f"{path}/rotate", json={}, headers=RIVAL),
        client.post(f"{path}/test", json={}, headers=RIVAL),
    ):
        assert (await ask).status_code == 404
    assert (await client.get(path)).status_code == 200
    assert (await client.get("/v1/webhooks", headers={"authorization": ""})).status_code == 401


async def test_a_secret_is_rotated_and_shown_once(
    client: httpx.AsyncClient, contract: Contract, webhook: dict[str, Any], broker: OpenBroker
) -> None:
    rotated = await client.post(f"/v1/webhooks/{webhook['id']}/rotate", json={})
    check(contract, rotated)
    secret = rotated.json()["secret"]
    assert secret != webhook["secret"]
    kept = await broker.ask(webhooks.subscription("acme", webhook["id"]))
    assert kept is not None
    assert kept.secrets_at(kept.rotated_ms) == (secret, webhook["secret"])
    assert kept.secrets_at(kept.rotated_ms + 24 * 3600 * 1000) == (secret,)
    assert secret not in (await client.get(f"/v1/webhooks/{webhook['id']}")).text


async def test_there_are_so_many_and_the_secret_for_jobs_takes_nobodys_place(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post("/v1/webhooks", json={"url": URL})).status_code == 201
    assert (await client.post(f"/v1/webhooks/{FOR_JOBS}/rotate", json={})).status_code == 200
    assert (await client.post("/v1/webhooks", json={"url": URL})).status_code == 201
    full = await client.post("/v1/webhooks", json={"url": URL})
    assert (full.status_code, "max_subscriptions" in full.text) == (400, True)
    assert (await client.post("/v1/webhooks", json={"url": URL}, headers=RIVAL)).status_code == 201


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": "http://127.0.0.1:9/x"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": URL, "events": ["job.exploded"]}, "events"),
        ({"url": URL, "secret": "mine"}, None),
    ],
)
async def test_a_wrong_subscription_is_told_where(
    client: httpx.AsyncClient, contract: Contract, body: dict[str, Any], param: str | None
) -> None:
    response = await client.post("/v1/webhooks", json=body)
    check(contract, response)
    assert response.status_code == 400
    assert param in (None, response.json()["error"]["param"])


async def test_a_page_of_another_origin_cannot_rotate_unasked(
    client: httpx.AsyncClient, webhook: dict[str, Any]
) -> None:
    plain = await client.post(f"/v1/webhooks/{webhook['id']}/rotate", headers={"content-type": "text/plain"})
    assert plain.status_code == 415


async def test_a_test_event_is_a_delivery_for_the_sweep(
    client: httpx.AsyncClient, contract: Contract, webhook: dict[str, Any], broker: OpenBroker
) -> None:
    asked = await client.post(f"/v1/webhooks/{webhook['id']}/test", json={})
    check(contract, asked)
    assert (asked.status_code, asked.json()["type"], asked.json()["state"]) == (202, "webhook.test", "pending")
    assert "acme" in await broker.ask(webhooks.tenants())
    for_jobs = await client.post(f"/v1/webhooks/{FOR_JOBS}/test", json={})
    assert for_jobs.status_code == 404


async def test_the_log_is_listed_narrowed_and_read_page_by_page(
    client: httpx.AsyncClient, contract: Contract, webhook: dict[str, Any]
) -> None:
    ids = [(await client.post(f"/v1/webhooks/{webhook['id']}/test", json={})).json()["id"] for _ in range(5)]
    found, after = list[str](), None
    while True:
        page = await client.get("/v1/webhooks/deliveries", params={"limit": 2} | ({"after": after} if after else {}))
        check(contract, page)
        found += [one["id"] for one in page.json()["data"]]
        after = page.json()["next"]
        if not page.json()["has_more"]:
            break
    assert sorted(found) == sorted(ids)
    for params, count in (
        ({"state": "pending"}, 5),
        ({"state": "failed"}, 0),
        ({"type": "webhook.test"}, 5),
        ({"webhook_id": "other"}, 0),
        ({"job_id": "sim-1"}, 0),
    ):
        assert len((await client.get("/v1/webhooks/deliveries", params=params)).json()["data"]) == count
    assert (await client.get("/v1/webhooks/deliveries", headers=RIVAL)).json()["data"] == []


async def test_a_delivery_that_cannot_be_read_hides_no_other(
    client: httpx.AsyncClient, broker: OpenBroker, webhook: dict[str, Any]
) -> None:
    ids = [(await client.post(f"/v1/webhooks/{webhook['id']}/test", json={})).json()["id"] for _ in range(2)]
    broken = TenantKeys("acme").delivery(ids[0])
    await broker.client.delete(broken)
    await broker.client.set(broken, "mine")
    listed = (await client.get("/v1/webhooks/deliveries")).json()
    assert [one["id"] for one in listed["data"]] == [ids[1]]
    assert (await client.get(f"/v1/webhooks/deliveries/{ids[0]}")).status_code == 503


@pytest.mark.parametrize("params", [{"state": "lost"}, {"type": "x"}, {"limit": "0"}, {"after": "nobody"}])
async def test_a_wrong_question_is_told_where(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    response = await client.get("/v1/webhooks/deliveries", params=params)
    assert (response.status_code, response.json()["error"]["param"]) == (400, next(iter(params)))


async def test_a_delivery_is_looked_up_and_sent_again(
    client: httpx.AsyncClient, contract: Contract, webhook: dict[str, Any]
) -> None:
    asked = (await client.post(f"/v1/webhooks/{webhook['id']}/test", json={})).json()
    path = f"/v1/webhooks/deliveries/{asked['id']}"
    one = await client.get(path)
    check(contract, one)
    assert one.json()["payload"]["type"] == "webhook.test"
    again = await client.post(f"{path}/redeliver", json={})
    check(contract, again)
    assert (again.status_code, again.json()["event_id"]) == (202, asked["event_id"])
    for ask in (client.get(path, headers=RIVAL), client.post(f"{path}/redeliver", json={}, headers=RIVAL)):
        assert (await ask).status_code == 404


async def test_a_jobs_webhook_is_kept_with_it(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    secret = new_secret()
    body = {"endpoint": "/v1/chat/completions", "body": CHAT, "webhook": {"url": URL, "secret": secret}}
    job = (await client.post("/v1/jobs", json=body)).json()["id"]
    kept = decode_target((await broker.client.hget(Pool(broker).keys.job(job), "webhook")).decode())
    assert (kept.url, kept.secret, job.startswith(POOL)) == (URL, secret, True)
    assert "webhook" not in (await client.get(f"/v1/jobs/{job}")).text


async def test_a_url_alone_needs_the_tenants_secret(client: httpx.AsyncClient) -> None:
    body = {"endpoint": "/v1/chat/completions", "body": CHAT, "webhook": URL}
    line = json.dumps(body).encode() + b"\n"

    async def submit_line() -> Any:
        headers = {"content-type": "application/x-ndjson"}
        return (await client.post("/v1/jobs/bulk", content=line, headers=headers)).json()

    refused = await client.post("/v1/jobs", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "webhook.secret")
    assert (await submit_line())["error"]["param"] == "webhook.secret"
    assert (await client.post(f"/v1/webhooks/{FOR_JOBS}/rotate", json={})).json()["url"] is None
    assert (await client.post("/v1/jobs", json=body)).status_code == 202
    assert "id" in (await submit_line())


async def test_what_a_410_disabled_is_enabled_again(
    client: httpx.AsyncClient, contract: Contract, broker: OpenBroker, webhook: dict[str, Any]
) -> None:
    path = f"/v1/webhooks/{webhook['id']}"
    stored = await broker.ask(webhooks.subscription("acme", webhook["id"]))
    assert stored is not None
    await broker.run(webhooks.put("acme", stored, stored.disabled("410 Gone"), 3))
    assert (await client.get(path)).json()["state"] == "disabled"
    for _ in range(2):
        enabled = await client.post(f"{path}/enable", json={})
        check(contract, enabled)
        assert (enabled.status_code, enabled.json()["state"], enabled.json()["reason"]) == (200, "enabled", None)
    assert "secret" not in enabled.json()
    for refused in (
        await client.post(f"{path}/enable", json={}, headers=RIVAL),
        await client.post("/v1/webhooks/wh_nothing/enable", json={}),
    ):
        check(contract, refused)
        assert refused.status_code == 404


@pytest.mark.parametrize("name", ["webhook", "stat"])
async def test_a_question_about_deliveries_that_nobody_understands_is_refused(
    client: httpx.AsyncClient, contract: Contract, name: str
) -> None:
    refused = await client.get("/v1/webhooks/deliveries", params={name: "x"})
    check(contract, refused)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, name)
    assert refused.json()["error"]["message"] == (
        f"{name!r} is no parameter here; there are limit, after, state, type, webhook_id, job_id."
    )
