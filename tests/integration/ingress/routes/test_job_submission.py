"""Jobs that are submitted now and come back for later, one or many at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from penstock.job import State
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, Serving

LINES = {"content-type": "application/x-ndjson"}


def asked(**changes: Any) -> dict[str, Any]:
    return {"endpoint": "/v1/chat/completions", "body": CHAT, **changes}


async def test_a_job_is_accepted_and_its_answer_fetched_later(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    response = await client.post("/v1/jobs", json=asked(metadata={"order": "7"}))
    job = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["class"], job["metadata"]) == ("queued", "standard", {"order": "7"})
    assert job["place"]["jobs_ahead"] == 0
    hand = await worker.take()
    assert hand.held.job == job["id"]
    await worker.end(hand, "Hello")
    done = (await client.get(response.headers["location"])).json()
    assert (done["state"], done["metadata"]) == ("completed", {"order": "7"})
    assert done["result"]["choices"][0]["message"]["content"] == "Hello"


async def test_a_field_that_nobody_knows_is_named(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    chat = await client.post("/v1/jobs", json=asked(body={**CHAT, "temprature": 0.5}))
    body = {"model": CHAT["model"], "input": "Hello", "temprature": 0.5}
    response = await client.post("/v1/jobs", json=asked(endpoint="/v1/responses", body=body))
    right = await client.post("/v1/jobs", json=asked())

    assert [one.status_code for one in (chat, response, right)] == [202] * 3
    assert [one.headers.get("x-penstock-ignored") for one in (chat, response, right)] == ["temprature"] * 2 + [None]


@pytest.mark.parametrize("said", ["true", "TRUE", "1", "false", "0"])
async def test_whether_a_job_is_kept_is_said_in_these_words(
    client: httpx.AsyncClient, worker: FakeWorker, said: str
) -> None:
    asking = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT, headers={"x-penstock-keep": said}))
    await worker.end(await worker.take(), "Hi")
    assert (await asking).status_code == 200


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("said", ["yes", "", "2"])
async def test_any_other_word_is_refused(
    client: httpx.AsyncClient, worker: FakeWorker, endpoint: str, said: str
) -> None:
    # A key keeps the job anyway.
    headers = {"x-penstock-keep": said, "idempotency-key": "one"}
    body = CHAT if endpoint == "/v1/chat/completions" else {"model": CHAT["model"], "input": "Hello"}
    refused = await client.post(endpoint, json=body, headers=headers)

    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == f"x-penstock-keep: {said!r} is neither true (1) nor false (0)."
    assert not await worker.has_waiting()


async def test_class_and_deadline_are_those_of_the_request(ingress: Serving, worker: FakeWorker) -> None:
    response = await ingress.client.post("/v1/jobs", json=asked(**{"class": "batch", "deadline_s": 90}))
    key = worker.keys.job(response.json()["id"])
    assert response.json()["class"] == "batch"
    assert await worker.redis.hget(key, "queue_timeout_ms") == b"90000"


async def test_the_same_key_is_the_same_job(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    first = await client.post("/v1/jobs", json=asked(), headers={"idempotency-key": "one"})
    again = await client.post("/v1/jobs", json=asked(idempotency_key="one"))
    other = await client.post("/v1/jobs", json=asked(body={**CHAT, "max_tokens": 3}, idempotency_key="one"))
    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 409


async def test_a_key_that_comes_again_with_other_terms_is_told(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    secret = "whsec_" + "A" * 32
    to = {"url": "https://example.com/a", "secret": secret}
    terms = {"metadata": {"a": "1", "b": "2"}, "webhook": to, "idempotency_key": "k"}
    first = (await client.post("/v1/jobs", json=asked(**terms, **{"class": "batch"}))).json()
    same = {**terms, "metadata": {"b": "2", "a": "1"}}
    changed: list[tuple[str | None, dict[str, Any]]] = [
        (None, same),
        ("metadata", {**terms, "metadata": {"a": "2"}}),
        ("metadata", {**terms, "metadata": None}),
        ("webhook", {**terms, "webhook": {**to, "url": "https://example.com/b"}}),
        ("webhook", {**terms, "webhook": None}),
    ]
    again = [await client.post("/v1/jobs", json=asked(**fields)) for _, fields in changed]
    content = "\n".join(json.dumps(asked(**fields), separators=(",", ":")) for _, fields in changed).encode()
    lines = [
        json.loads(line)
        for line in (await client.post("/v1/jobs/bulk", content=content, headers=LINES)).text.splitlines()
    ]

    # It is the job that there is, not the one that would have been made.
    assert (again[0].json()["id"], again[0].json()["class"], again[0].json()["state"]) == (first["id"], "batch", None)
    assert lines[0] == {"line": 0, "id": first["id"]}
    assert [one.status_code for one in again] == [202, 409, 409, 409, 409]
    for (param, _), one, line in zip(changed[1:], again[1:], lines[1:], strict=True):
        assert one.json()["error"] == line["error"]
        assert (line["error"]["code"], line["error"]["param"]) == ("idempotency_key_reused", param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"body": CHAT}, "endpoint"),
        (asked(endpoint="/v1/images"), "endpoint"),
        ({"endpoint": "/v1/completions"}, "body"),
        (asked(body=[1]), "body"),
        (asked(body={**CHAT, "temperature": 9}), "body.temperature"),
        (asked(body={**CHAT, "model": "other"}), "body.model"),
        (asked(endpoint="/v1/responses", body={"model": "sim", "input": "x", "metadata": {"a": 1}}), "body.metadata"),
        (asked(body={**CHAT, "n": 129}), "body.n"),
        (asked(metdata={"a": "b"}), "metdata"),
        (asked(**{"class": "express"}), "class"),
        (asked(deadline_s=0), "deadline_s"),
        (asked(deadline_s=10**9), "deadline_s"),
        (asked(metadata={"a": 1}), "metadata"),
        (asked(metadata={"a": "x" * 513}), "metadata"),
        (asked(metadata={str(number): "" for number in range(17)}), "metadata"),
        (asked(idempotency_key=""), "idempotency_key"),
    ],
)
async def test_what_is_wrong_is_told_and_nothing_is_queued(
    client: httpx.AsyncClient, worker: FakeWorker, body: dict[str, Any], param: str
) -> None:
    response = await client.post("/v1/jobs", json=body)
    assert response.status_code in (400, 404), response.text
    assert str(response.json()["error"]["param"]).startswith(param), response.text
    assert not await worker.has_waiting()


async def test_each_line_is_accepted_or_refused_by_itself_and_in_order(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    """A thousand lines, with blank ones, and one of each kind of wrong ones in their middle."""
    good = [json.dumps(asked(metadata={"n": str(number)})) for number in range(1000)]
    wrong = [
        "{",
        "[]",
        json.dumps(asked(body={**CHAT, "model": "other"})),
        json.dumps(asked(body={**CHAT, "messages": []})),
        '{"endpoint": "/v1/chat/completions", "body": "' + "x" * 5_000_000 + '"}',
    ]
    lines = [*good[:500], "", *wrong, *good[500:]]
    response = await client.post("/v1/jobs/bulk", content="\r\n".join(lines).encode(), headers=LINES)
    answers = [json.loads(line) for line in response.text.splitlines()]
    assert response.status_code == 200
    assert [answer["line"] for answer in answers] == [*range(500), *range(501, 1006)]
    codes = {answer["line"]: answer["error"]["code"] for answer in answers if "error" in answer}
    assert sorted(codes) == [501, 502, 503, 504, 505]
    assert codes[503] == "model_not_found"
    messages = {answer["line"]: answer["error"]["message"] for answer in answers if "error" in answer}
    assert messages[502] == "The line must be an object, not a list."
    assert not any("request body" in message for message in messages.values())
    ids = [answer["id"] for answer in answers if "id" in answer]
    assert len(set(ids)) == 1000
    listed = (await client.get("/v1/jobs", params={"limit": 1})).json()["data"]
    assert listed[0]["id"] in ids


async def test_a_line_is_told_which_of_its_fields_mean_nothing(client: httpx.AsyncClient) -> None:
    bodies = [{**CHAT, "temprature": 0.5, "é": 1}, {**CHAT, "user": "me"}, {**CHAT, "messages": [], "colour": "red"}]
    content = "\n".join(json.dumps(asked(body=body)) for body in bodies).encode()
    answers = (await client.post("/v1/jobs/bulk", content=content, headers=LINES)).text.splitlines()
    assert [json.loads(answer).get("ignored") for answer in answers] == [["temprature", "?"], None, None]


async def test_a_key_in_the_head_is_no_key_of_many_jobs(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    content = "\n".join([json.dumps(asked())] * 2).encode()
    refused = await client.post("/v1/jobs/bulk", content=content, headers={**LINES, "idempotency-key": "k"})
    assert (refused.status_code, "of its own" in refused.json()["error"]["message"]) == (400, True)
    assert not await worker.has_waiting()


async def test_two_keys_of_one_job_are_one_too_many(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    headers = {"idempotency-key": "one"}
    refused = await client.post("/v1/jobs", json=asked(idempotency_key="other"), headers=headers)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "idempotency_key")
    assert not await worker.has_waiting()
    both = await client.post("/v1/jobs", json=asked(idempotency_key="one"), headers=headers)
    again = await client.post("/v1/jobs", json=asked(), headers=headers)
    assert (both.status_code, both.json()["id"]) == (202, again.json()["id"])


@pytest.mark.parametrize(
    ("tier", "headers", "field", "expected"),
    [
        ("priority", {}, {}, "interactive"),
        ("flex", {}, {}, "batch"),
        ("auto", {}, {}, "standard"),
        ("priority", {"x-penstock-class": "batch"}, {}, "batch"),
        ("priority", {"x-penstock-class": "batch"}, {"class": "standard"}, "standard"),
    ],
)
@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/responses"])
async def test_a_jobs_class_may_be_the_tier_of_its_request(
    client: httpx.AsyncClient, endpoint: str, tier: str, headers: dict[str, str], field: dict[str, str], expected: str
) -> None:
    body = {**(CHAT if endpoint != "/v1/responses" else {"model": "sim", "input": "x"}), "service_tier": tier}
    job = await client.post("/v1/jobs", json=asked(endpoint=endpoint, body=body, **field), headers=headers)
    assert (job.status_code, job.json()["class"]) == (202, expected)


async def test_lines_beyond_the_lane_are_refused_each(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(pool={"lane_max_jobs": 3})).client
    content = "\n".join([json.dumps(asked())] * 5).encode()
    answers = (await client.post("/v1/jobs/bulk", content=content, headers=LINES)).text.splitlines()
    assert ["error" in json.loads(answer) for answer in answers] == [False, False, False, True, True]
    assert json.loads(answers[4])["error"]["code"] == "rate_limit_exceeded"


async def test_a_body_that_is_not_of_lines_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs/bulk", json=[asked()])
    assert response.status_code == 415
    packed = await client.post("/v1/jobs/bulk", content=b"", headers={**LINES, "content-encoding": "gzip"})
    assert packed.status_code == 415


async def ids_of(client: httpx.AsyncClient, **params: Any) -> list[str]:
    """All pages of a list."""
    found: list[str] = []
    after: str | None = None
    while True:
        cursor = {"after": after} if after else {}
        page = (await client.get("/v1/jobs", params={**params, **cursor})).json()
        found += [job["id"] for job in page["data"]]
        after = page["next"]
        assert page["has_more"] is (after is not None)
        if after is None:
            return found


async def submitted(client: httpx.AsyncClient, *bodies: dict[str, Any]) -> list[str]:
    content = "\n".join(json.dumps(body) for body in bodies).encode()
    answers = (await client.post("/v1/jobs/bulk", content=content, headers=LINES)).text.splitlines()
    return [json.loads(answer)["id"] for answer in answers]


async def test_jobs_are_listed_newest_first_page_by_page(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    ids = [(await submitted(client, asked()))[0] for _ in range(5)]
    many = await submitted(client, *[asked()] * 240)
    whole = await ids_of(client, limit=100)
    assert sorted(whole) == sorted([*ids, *many])
    assert whole[-5:] == ids[::-1] or set(whole[-5:]) == set(ids)
    assert await ids_of(client, limit=7) == whole


async def test_a_list_can_be_narrowed(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    red, blue = await submitted(
        client, asked(metadata={"colour": "red", "n": "1"}), asked(metadata={"colour": "blue"}, **{"class": "batch"})
    )
    await worker.end(await worker.take(), "done")
    assert await ids_of(client, **{"metadata[colour]": "red"}) == [red]
    assert await ids_of(client, **{"metadata[colour]": "red", "metadata[n]": "2"}) == []
    assert await ids_of(client, **{"class": "batch"}) == [blue]
    assert await ids_of(client, state="completed") == [red]
    assert sorted(await ids_of(client, state="queued,assigned,completed")) == sorted([red, blue])
    assert await ids_of(client, model="other") == []
    assert await ids_of(client, created_after="2100-01-01T00:00:00Z") == []
    assert await ids_of(client, created_before="1700000000") == []
    assert len(await ids_of(client, created_after="1700000000")) == 2
    assert len(await ids_of(client, created_after="-1", created_before="1e300")) == 2


async def test_a_record_that_is_gone_is_gone_from_the_list(ingress: Serving, worker: FakeWorker) -> None:
    kept, lost = await submitted(ingress.client, asked(), asked())
    await worker.redis.delete(worker.keys.job(lost))
    assert await ids_of(ingress.client) == [kept]
    assert await worker.redis.zcard(worker.keys.job_index("default")) == 1


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"after": "sim-nothing"}, "after"),
        ({"after": "garbage"}, "after"),
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"state": "sleeping"}, "state"),
        ({"class": "express"}, "class"),
        ({"created_after": "soon"}, "created_after"),
        ({"created_before": "nan"}, "created_before"),
        ({"metadata": "red"}, "metadata"),
        ({"metadata[a": "red"}, "metadata[a"),
        ({"limt": "3"}, "limt"),
        ({"state": ["queued", "running"]}, "state"),
    ],
)
async def test_a_wrong_question_about_jobs_is_told(
    client: httpx.AsyncClient, params: dict[str, Any], param: str
) -> None:
    response = await client.get("/v1/jobs", params=params)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, {}, "interactive"),
        ({"x-penstock-class": "batch"}, {}, "batch"),
        ({}, {"service_tier": "flex"}, "batch"),
        ({}, {"service_tier": "default"}, "standard"),
        ({}, {"service_tier": "priority"}, "interactive"),
        ({}, {"service_tier": "auto"}, "interactive"),
        ({"x-penstock-class": "standard"}, {"service_tier": "flex"}, "standard"),
    ],
)
async def test_a_plain_chat_can_be_a_patient_one(
    client: httpx.AsyncClient, worker: FakeWorker, headers: dict[str, str], body: dict[str, Any], expected: str
) -> None:

    asking = asyncio.create_task(client.post("/v1/chat/completions", json={**CHAT, **body}, headers=headers))
    hand = await worker.take()
    job = (await client.get(f"/v1/jobs/{hand.held.job}")).json()
    await worker.end(hand, "Hi")
    response = await asking
    assert (response.status_code, job["class"]) == (200, expected)
    assert job["state"] in (State.ASSIGNED, State.RUNNING)
    tier = {"interactive": "priority", "standard": "default", "batch": "flex"}[expected]
    assert response.json().get("service_tier") == (tier if body else None)


@pytest.mark.parametrize(
    "headers", [{"x-penstock-class": "fast"}, {"x-penstock-deadline": "soon"}, {"x-penstock-deadline": "-1"}]
)
async def test_wrong_terms_are_a_400(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.post("/v1/chat/completions", json=CHAT, headers=headers)).status_code == 400


@pytest.mark.parametrize("headers", [{"x-penstock-class": "fast"}, {"x-penstock-deadline": "604801"}])
async def test_wrong_terms_in_the_head_are_refused_though_each_job_has_its_own(
    client: httpx.AsyncClient, worker: FakeWorker, headers: dict[str, str]
) -> None:
    body = asked(deadline_s=60, **{"class": "batch"})
    one = await client.post("/v1/jobs", json=body, headers=headers)
    many = await client.post("/v1/jobs/bulk", content=json.dumps(body).encode(), headers={**LINES, **headers})

    assert (one.status_code, many.status_code) == (400, 400)
    assert not await worker.has_waiting()


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_what_takes_many_jobs_is_no_job(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/v1/jobs/bulk")

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
