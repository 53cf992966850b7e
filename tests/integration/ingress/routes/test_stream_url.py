"""A page's own address of a job's stream: who may open it, until when, and what it finds there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from typing import Any

import httpx
import pytest
import redis

from ingress.intake.stream_keys import StreamKeys
from ingress.intake.stream_token import StreamToken, claimed
from penstock.broker.connections import Endpoint
from penstock.errors import EngineFailedError, StreamTokenError
from penstock.frames import End
from penstock.job import State
from penstock.request.stream_url_request import StreamUrlRequest, parse_stream_url_request
from penstock.settings import ApiKey
from penstock.settings.sections import StreamSettings
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving, Sse, begun, joined
from tests.integration.open_broker import OpenBroker

OLD, NEW = "o" * 32, "n" * 32
KEPT = {"x-penstock-keep": "true"}
NOW_S = 1_800_000_000.0


async def finished(client: httpx.AsyncClient, worker: FakeWorker, *pieces: str) -> str:
    """The id of a completed job."""
    sending = asyncio.create_task(client.post("/v1/chat/completions", json=STREAM))
    hand = await worker.take()
    await worker.say(hand, *pieces)
    await worker.end(hand)
    await sending
    return hand.held.job


async def url_of(client: httpx.AsyncClient, job_id: str, **terms: object) -> str:
    answer = await client.post(f"/v1/jobs/{job_id}/stream-url", json=terms)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 401 and answer.json()["error"]["code"] == "invalid_stream_token"


def key_name(key: str) -> str:
    return "c" + hashlib.sha256(key.encode()).hexdigest()[:8]


async def test_a_page_reads_the_whole_answer_and_is_told_of_its_end(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    job_id = await finished(client, worker, "Hel", "lo")
    url = await url_of(client, job_id)
    raw = (await client.get(url)).text

    assert raw.startswith("retry: 500\nid: 0\ndata: {")
    assert raw.endswith('id: 2.2\ndata: [DONE]\n\nid: 2.3\nevent: end\ndata: {"state":"completed"}\n\n')
    assert (await client.get(url, headers={"last-event-id": "2.2"})).text.startswith("retry: 500\nid: 2.3\nevent: end")
    for where in ({"headers": {"last-event-id": "2.3"}}, {"params": {**httpx.URL(url).params, "after": "2.3"}}):
        assert (await client.get(url, **where)).status_code == 204


@pytest.mark.parametrize(
    ("end", "code"),
    [(End(State.CANCELLED), "job_cancelled"), (None, "engine_error")],
    ids=["cancelled", "failed"],
)
async def test_every_end_is_told(client: httpx.AsyncClient, worker: FakeWorker, end: End | None, code: str) -> None:
    async with begun(client, worker, "a", headers=KEPT) as (_, hand):
        await (worker.end(hand, end=end) if end else worker.fail(hand, EngineFailedError))
    url = await url_of(client, hand.held.job)
    raw = (await client.get(url)).text

    *_, error, told = raw.strip().split("\n\n")
    assert code in error
    assert told == 'id: 1.2\nevent: end\ndata: {"state":"%s"}' % (end.state if end else "failed")
    assert (await client.get(url, headers={"last-event-id": "1.2"})).status_code == 204


async def test_a_page_goes_on_exactly_on_another_ingress(serve: Serve, worker: FakeWorker) -> None:
    here, there = await serve(), await serve()
    async with begun(here.client, worker, "a", "b", headers=KEPT) as (_, hand):
        url = await url_of(here.client, hand.held.job)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.answer_attach(hand))
        async with there.client.stream("GET", url, headers={"last-event-id": "1"}) as response:
            sse = Sse(response)
            assert await sse.text(1) == "b"
            await worker.end(hand, "c")
            *rest, told = await sse.rest()
    assert joined(rest) == "c"
    assert told == ("3.3", {"state": "completed"})


async def test_only_whose_job_it_is_gets_an_address(serve: Serve, worker: FakeWorker) -> None:
    keys = tuple(
        ApiKey(name=name, tenant=name, sha256=hashlib.sha256(name.encode()).hexdigest()) for name in ("ada", "bob")
    )
    client = (await serve(api_keys=keys)).client
    client.headers["authorization"] = "Bearer ada"
    job_id = await finished(client, worker, "a")
    url = await url_of(client, job_id)
    client.headers["authorization"] = "Bearer bob"
    assert (await client.post(f"/v1/jobs/{job_id}/stream-url")).status_code == 404
    del client.headers["authorization"]
    assert (await client.post(f"/v1/jobs/{job_id}/stream-url")).status_code == 401

    assert (await client.get(url)).status_code == 200
    assert (await client.get(f"/v1/jobs/{job_id}/events")).status_code == 401


async def test_an_expired_token_opens_nothing(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(streams={"signing_key": NEW})).client
    job_id = await finished(client, worker, "a")
    past = StreamToken(key_name(NEW), int(time.time()) - 1, can_cancel=True).signed(job_id, NEW.encode())
    answer = await client.get(f"/v1/jobs/{job_id}/stream", params={"token": past})

    assert refused(answer)
    assert "time is over" in answer.json()["error"]["message"]
    assert refused(await client.delete(f"/v1/jobs/{job_id}/stream", params={"token": past}))


async def test_a_forged_token_opens_nothing(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job_id = await finished(client, worker, "a")
    token = httpx.URL(await url_of(client, job_id)).params["token"]
    claims = claimed(token)
    assert claims is not None
    forged = [
        "",
        "nonsense",
        "x" * 10_000,
        token[:-1],
        token.replace(".r.", ".rc."),
        token.replace(str(claims.expires_s), str(claims.expires_s + 1)),
        claims.signed(job_id, b"a guess"),
        StreamToken("p1", claims.expires_s, can_cancel=False).signed(job_id, b""),
        StreamToken("pnone", claims.expires_s, can_cancel=False).signed(job_id, b""),
    ]
    for method in ("GET", "HEAD"):
        for text in forged:
            answer = await client.request(method, f"/v1/jobs/{job_id}/stream", params={"token": text})
            assert answer.status_code == 401, text
    assert refused(await client.get(f"/v1/jobs/{job_id}/stream"))


async def test_a_token_opens_no_other_job(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    mine, other = [await finished(client, worker, "a") for _ in range(2)]
    token = httpx.URL(await url_of(client, mine)).params["token"]

    assert refused(await client.get(f"/v1/jobs/{other}/stream", params={"token": token}))
    # Whether there is such a job is not said either.
    assert refused(await client.get("/v1/jobs/sim-0/stream", params={"token": token}))
    assert (await client.get(f"/v1/jobs/{mine}/stream", params={"token": token})).status_code == 200


async def test_a_replaced_key_is_taken_as_long_as_it_is_the_previous_one(serve: Serve, worker: FakeWorker) -> None:
    before = (await serve(streams={"signing_key": OLD})).client
    changed = (await serve(streams={"signing_key": NEW, "previous_signing_key": OLD})).client
    after = (await serve(streams={"signing_key": NEW})).client
    job_id = await finished(before, worker, "a")
    old, new = await url_of(before, job_id), await url_of(changed, job_id)

    assert [(await one.get(old)).status_code for one in (before, changed, after)] == [200, 200, 401]
    assert [(await one.get(new)).status_code for one in (before, changed, after)] == [401, 200, 200]


@pytest.fixture
def store(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


async def test_keys_that_ingresses_make_change_with_the_clock_and_last_as_long_as_their_tokens(
    redis_url: str, store: Any
) -> None:
    settings = StreamSettings(key_rotation_s=1000.0, token_ttl_s=100.0)
    broker = OpenBroker(Endpoint.parse(redis_url))
    one, other = StreamKeys(settings, broker), StreamKeys(settings, broker)
    end_of_period_s = NOW_S + 999
    expires_s = int(end_of_period_s + 100)
    token = await one.token("sim-1", expires_s, end_of_period_s, can_cancel=False)
    later = await other.token("sim-1", expires_s, end_of_period_s + 2, can_cancel=False)
    try:
        assert token.partition(".")[0] != later.partition(".")[0]
        for keys in (one, other):
            assert not (await keys.check(token, "sim-1", end_of_period_s + 99)).can_cancel
            assert not (await keys.check(later, "sim-1", end_of_period_s + 99)).can_cancel
        first = f"penstock:stream-key:{int(NOW_S // 1000)}"
        assert 1100 <= store.ttl(first) <= 1160
        # As it does by itself once that time is over.
        store.delete(first)
        with pytest.raises(StreamTokenError):
            await one.check(token, "sim-1", end_of_period_s + 99)
        assert not (await one.check(later, "sim-1", end_of_period_s + 99)).can_cancel
    finally:
        await broker.close()


async def test_when_redis_has_lost_everything_all_ingresses_agree_on_a_new_key(
    serve: Serve, worker: FakeWorker, store: Any
) -> None:
    here, there = (await serve()).client, (await serve()).client
    job_id = await finished(here, worker, "a")
    old = await url_of(here, job_id)
    assert (await there.get(old)).status_code == 200
    (key,) = store.keys("penstock:stream-key:*")
    # Jobs are lost, too, with all of it: here the key alone tells.
    store.delete(key)

    assert [refused(await one.get(old)) for one in (here, there)] == [True, True]
    new = await url_of(there, job_id)
    assert [(await one.get(new)).status_code for one in (here, there)] == [200, 200]
    assert [refused(await one.get(old)) for one in (here, there)] == [True, True]


async def test_a_key_of_another_type_is_a_503(client: httpx.AsyncClient, worker: FakeWorker, store: Any) -> None:
    job_id = await finished(client, worker, "a")
    url = await url_of(client, job_id)
    (key,) = store.keys("penstock:stream-key:*")
    store.delete(key)
    store.rpush(key, "not a key")

    assert (await client.get(url)).status_code == 503
    assert (await client.post(f"/v1/jobs/{job_id}/stream-url")).status_code == 503


async def test_who_may_cancel_is_said_in_the_token(ingress: Serving, worker: FakeWorker) -> None:
    client = ingress.client
    async with begun(client, worker, "a") as (sse, hand):
        reading = await url_of(client, hand.held.job)
        both = await url_of(client, hand.held.job, can_cancel=True)
        answer = await client.delete(reading)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
        async with asyncio.TaskGroup() as group:
            deleting = group.create_task(client.delete(both))
            await worker.controls()
            await worker.end(hand, end=End(State.CANCELLED, completion_tokens=1))
        await sse.rest()

    assert deleting.result().json() == {"id": hand.held.job, "object": "job", "state": "cancelled"}


async def test_the_terms_of_an_address_are_checked(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    path = f"/v1/jobs/{await finished(client, worker, 'a')}/stream-url"
    answer = await client.post(path, json={"ttl_s": 60})
    assert 58 <= answer.json()["expires_at"] - time.time() <= 60
    assert answer.headers["cache-control"] == "no-store"
    nothing = {"ttl_s": None, "can_cancel": None}
    assert (await client.post(path, json=nothing)).json()["can_cancel"] is False
    assert StreamUrlRequest(**nothing) == parse_stream_url_request(json.dumps(nothing).encode())
    for wrong, param in (({"ttl_s": 301}, "ttl_s"), ({"ttl_s": 0}, "ttl_s"), ({"can_cancel": 1}, "can_cancel")):
        answer = await client.post(path, json=wrong)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert (await client.post(path, content=b"{}", headers={"content-type": "text/plain"})).status_code == 415
    assert (await client.post("/v1/jobs/sim-0/stream-url", json=CHAT)).status_code == 404


async def test_a_token_is_in_no_log(
    serve: Serve, worker: FakeWorker, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = (await serve(cors_origins=("https://page.example",))).client
    job_id = await finished(client, worker, "a")
    url = await url_of(client, job_id)
    token = httpx.URL(url).params["token"]
    for method, path in (("GET", url), ("DELETE", url), ("PUT", url), ("GET", url.replace("/stream?", "/nothing?"))):
        answer = await client.request(method, path, headers={"origin": "https://page.example"})
        assert token not in answer.text
        assert answer.headers["access-control-allow-origin"] == "https://page.example"
    assert token not in (await client.get("/metrics")).text

    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert token not in "".join(capsys.readouterr()) + "".join(ours)
