"""What was used, as its tenant may read it."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from penstock.broker import ledger
from penstock.job import State
from penstock.settings import ApiKey
from penstock.usage import counts
from tests.integration.broker.pool import Pool
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import POOL
from tests.integration.open_broker import OpenBroker

KEYS = tuple(
    ApiKey(name=name, tenant=tenant, sha256=hashlib.sha256(name.encode()).hexdigest())
    for name, tenant in (("laptop", "acme"), ("server", "acme"), ("other", "rival"))
)


@pytest.fixture
async def client(serve: Serve, broker: OpenBroker) -> httpx.AsyncClient:
    """Of an ingress whose jobs have ended, and are accounted for."""
    pool = Pool(broker)
    await pool.lead()
    await pool.register("w.1", slots=10)
    for tenant, key, model, count in (
        ("acme", "laptop", "sim", 3),
        ("acme", "server", "big", 4),
        ("rival", "other", "sim", 9),
    ):
        held = await pool.running("w.1", tenant=tenant, key=key, model=model)
        await pool.finish("w.1", held, count=count)
    await pool.withdraw(await pool.queued(tenant="acme", key="laptop"), State.EXPIRED)
    await broker.run(ledger.lead(POOL, "background:1", 60_000))
    page = await broker.ask(ledger.after(POOL, "", 100))
    added = counts(page.entries)
    await broker.run(ledger.apply(POOL, "background:1", before="", last=page.last, counts=added, keep_ms=60_000))
    return (await serve(api_keys=KEYS)).client


async def ask(client: httpx.AsyncClient, key: str = "laptop", **params: str) -> dict[str, Any]:
    response = await client.get("/v1/usage", params=params, headers={"authorization": f"Bearer {key}"})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_a_tenant_reads_its_own_and_no_others(client: httpx.AsyncClient) -> None:
    (ours,) = (await ask(client))["data"]
    (theirs,) = (await ask(client, "other"))["data"]
    assert (ours["jobs"], ours["completed"], ours["expired"], ours["completion_tokens"]) == (3, 2, 1, 7)
    assert (theirs["jobs"], theirs["completion_tokens"]) == (1, 9)


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("model", [({"model": "big"}, 1), ({"model": "sim"}, 2)]),
        ("key", [({"key": "laptop"}, 2), ({"key": "server"}, 1)]),
        ("class", [({"class": "standard"}, 3)]),
        ("model,key", [({"model": "big", "key": "server"}, 1), ({"model": "sim", "key": "laptop"}, 2)]),
    ],
)
async def test_it_is_grouped_as_asked(
    client: httpx.AsyncClient, group_by: str, expected: list[tuple[dict[str, str], int]]
) -> None:
    answer = await ask(client, group_by=group_by)
    assert [({name: row[name] for name in group_by.split(",")}, row["jobs"]) for row in answer["data"]] == expected


async def test_days_bound_it(client: httpx.AsyncClient) -> None:
    whole = await ask(client, group_by="day")
    (today,) = whole["data"]
    assert today["day"] == whole["to"]
    assert (await ask(client, **{"from": today["day"], "to": today["day"]}))["data"] == (await ask(client))["data"]
    assert (await ask(client, **{"from": "2020-01-01", "to": "2020-02-01"}))["data"] == []
    assert (await ask(client, to="0001-01-02"))["from"] == "0001-01-01"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "from"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "from"),
        ({"group_by": "tenant"}, "group_by"),
    ],
)
async def test_a_wrong_question_is_told_what_is_wrong(
    client: httpx.AsyncClient, params: dict[str, str], param: str
) -> None:
    response = await client.get("/v1/usage", params=params, headers={"authorization": "Bearer laptop"})
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_it_takes_a_key(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/usage")).status_code == 401
