"""`/v1/responses`: one job record, seen as a response."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from penstock.broker.tail import Cancel
from penstock.errors import ContextLengthError
from penstock.frames import End
from penstock.job import State
from penstock.settings import ApiKey
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker, Hand
from tests.integration.ingress.serving import CHAT, Serving, Sse

BODY: dict[str, Any] = {"model": "sim", "input": "Hello"}
BACKGROUND = {**BODY, "background": True}
PATH = "/v1/responses"


async def answered(client: httpx.AsyncClient, worker: FakeWorker, *pieces: str, **fields: Any) -> dict[str, Any]:
    """A response that was made of these pieces."""
    asking = asyncio.create_task(client.post(PATH, json={**BODY, **fields}))
    hand = await worker.take()
    await worker.end(hand, *pieces)
    response = await asking
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def begun(client: httpx.AsyncClient, worker: FakeWorker, **fields: Any) -> tuple[str, Hand]:
    """A background response whose job is in the worker's hands."""
    response = await client.post(PATH, json={**BACKGROUND, **fields})
    assert response.status_code == 200, response.text
    return response.json()["id"], await worker.take()


async def stands(client: httpx.AsyncClient, response_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"{PATH}/{response_id}")).json()
    return found


@asynccontextmanager
async def reading(client: httpx.AsyncClient, response_id: str, after: int | None = None) -> AsyncIterator[Sse]:
    """A response's open event stream."""
    params: dict[str, Any] = {"stream": "true"} | ({} if after is None else {"starting_after": after})
    async with client.stream("GET", f"{PATH}/{response_id}", params=params) as response:
        assert response.status_code == 200
        yield Sse(response)


async def events(client: httpx.AsyncClient, response_id: str, after: int | None = None) -> list[dict[str, Any]]:
    """All events of a response that has ended."""
    async with reading(client, response_id, after) as sse:
        return [data for _, data in await sse.rest()]


def text_of(response: dict[str, Any]) -> str:
    text: str = response["output"][0]["content"][0]["text"]
    return text


async def test_a_text_is_answered_and_kept(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    response = await answered(client, worker, "Good", " day", metadata={"order": "7"})
    assert (response["status"], text_of(response)) == ("completed", "Good day")
    assert (response["metadata"], response["store"]) == ({"order": "7"}, True)
    again = await stands(client, response["id"])
    assert again.pop("completed_at") >= again["created_at"]
    assert again == response


async def test_a_worker_gets_a_chat(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    _, hand = await begun(client, worker, instructions="Be brief.", max_output_tokens=5)
    assert json.loads(hand.claimed.body) == {
        "model": "sim",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "max_completion_tokens": 5,
    }


async def test_a_stream_ends_with_the_response_as_it_is_kept(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    request = client.build_request("POST", PATH, json={**BODY, "stream": True})
    sending = asyncio.create_task(client.send(request, stream=True))
    hand = await worker.take()
    await worker.say(hand, "Good")
    sse = Sse(await sending)
    await worker.end(hand, " day")
    found = [data for _, data in await sse.rest()]
    (*_, last) = found

    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert last["type"] == "response.completed"
    kept = await stands(client, last["response"]["id"])
    assert last["response"] == {name: value for name, value in kept.items() if name != "completed_at"}
    assert found == await events(client, kept["id"])


async def test_a_background_response_is_told_at_once_and_read_on_anywhere(serve: Serve, worker: FakeWorker) -> None:
    here, elsewhere = (await serve()).client, (await serve()).client
    request = here.build_request("POST", PATH, json={**BACKGROUND, "stream": True})
    async with here.stream("POST", PATH, json={**BACKGROUND, "stream": True}) as response:
        sse = Sse(response)
        first = [(await sse.next())[1] for _ in range(2)]
        hand = await worker.take()
        await worker.say(hand, "Good", " ", "day")
        first += [(await sse.next())[1] for _ in range(5)]
    response_id = first[0]["response"]["id"]
    async with reading(elsewhere, response_id, after=6) as other:
        await worker.answer_attach(hand)
        await worker.end(hand, "!")
        rest = [data for _, data in await other.rest()]

    assert request.url.path == PATH
    assert [event["type"] for event in first[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert [event["delta"] for event in (first + rest)[5:9]] == ["Good", " ", "day", "!"]
    assert first + rest == await events(here, response_id) == await events(elsewhere, response_id)
    assert await events(elsewhere, response_id, after=len(first + rest) - 1) == []
    assert (await stands(here, response_id))["status"] == "completed"


async def test_a_background_response_is_polled(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    made = (await client.post(PATH, json=BACKGROUND)).json()
    assert (made["status"], made["output"]) == ("queued", [])
    assert (await stands(client, made["id"]))["status"] == "queued"
    hand = await worker.take()
    assert hand.claimed.job_class == "standard"
    assert (await stands(client, made["id"]))["status"] == "in_progress"
    await worker.end(hand, "x", end=End(State.COMPLETED, "length", None, 7, 1))
    done = await stands(client, made["id"])
    assert (done["status"], done["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


async def test_class_deadline_and_key_are_those_of_the_request(ingress: Serving, worker: FakeWorker) -> None:
    client = ingress.client
    headers = {"x-penstock-class": "batch", "x-penstock-deadline": "90", "idempotency-key": "one"}
    made = (await client.post(PATH, json=BACKGROUND, headers=headers)).json()
    again = (await client.post(PATH, json=BACKGROUND, headers=headers)).json()
    other = await client.post(PATH, json={**BACKGROUND, "metadata": {"a": "b"}}, headers=headers)
    job = worker.keys.job(made["id"].removeprefix("resp_"))

    assert again["id"] == made["id"]
    assert other.status_code == 409
    assert await worker.redis.hmget(job, "class", "queue_timeout_ms") == [b"batch", b"90000"]


async def test_a_failure_before_the_answer_is_an_error_in_our_names(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    asking = asyncio.create_task(client.post(PATH, json=BODY))
    hand = await worker.take()
    await worker.fail(hand, ContextLengthError, "messages has too many tokens.")
    error = (await asking).json()["error"]
    assert (error["param"], error["message"]) == ("input", "input has too many tokens.")
    kept = await stands(client, f"resp_{hand.held.job}")
    assert (kept["status"], kept["error"]["code"], kept["error"]["param"]) == ("failed", "invalid_prompt", "input")


async def test_a_conversation_goes_on_without_a_chain(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    first = await answered(client, worker, "One.", instructions="Count.")
    second = await answered(client, worker, "Two.", input="And?", previous_response_id=first["id"])
    assert (await client.delete(f"{PATH}/{first['id']}")).json()["deleted"]
    _, hand = await begun(client, worker, input="Go on.", previous_response_id=second["id"], instructions="Stop.")

    assert json.loads(hand.claimed.body)["messages"] == [
        {"role": "system", "content": "Stop."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "One."}]},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": [{"type": "text", "text": "Two."}]},
        {"role": "user", "content": "Go on."},
    ]


async def test_calls_and_their_outputs_go_on_from_what_is_stored(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    asked = {"tools": [tool], "tool_choice": "required"}
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    chunk = json.dumps({"choices": [{"index": 0, "delta": {"reasoning": "Hm.", "tool_calls": [call]}}]})
    first = await answered(client, worker, "", chunk, **asked)
    kinds = [item["type"] for item in first["output"]]
    output = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    _, hand = await begun(client, worker, input=[output], previous_response_id=first["id"])

    assert kinds == ["reasoning", "function_call"]
    assert json.loads(hand.claimed.body)["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "reasoning": "Hm.",
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]


async def test_a_previous_response_that_is_not_there_or_not_finished_is_refused(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    running, hand = await begun(client, worker)
    fleeting = await answered(client, worker, "x", store=False)
    deleted = await answered(client, worker, "x")
    await client.delete(f"{PATH}/{deleted['id']}")
    cancelled, gone = await begun(client, worker)
    await worker.end(gone, end=End(State.CANCELLED))
    asking = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
    chat = await worker.take()
    await worker.end(chat, "x")
    await asking

    async def refused(previous: str) -> tuple[str | None, str]:
        response = await client.post(PATH, json={**BODY, "previous_response_id": previous})
        assert response.status_code == 400, response.text
        error = response.json()["error"]
        assert error["param"] == "previous_response_id"
        return error["code"], error["message"]

    for missing in (
        fleeting["id"],
        deleted["id"],
        f"resp_{chat.held.job}",
        "resp_other-1",
        "sim-1",
        "resp_",
        "x" * 999,
    ):
        assert (await refused(missing))[0] == "previous_response_not_found"
    assert "is not finished" in (await refused(running))[1]
    assert "has ended as cancelled" in (await refused(cancelled))[1]
    await worker.end(hand, "x")
    assert not await worker.has_waiting()


async def test_another_tenants_response_is_not_there(serve: Serve, worker: FakeWorker) -> None:
    keys = [
        ApiKey(name=name, tenant=name, sha256=hashlib.sha256(name.encode()).hexdigest()) for name in ("red", "blue")
    ]
    client = (await serve(api_keys=keys)).client
    red, blue = ({"authorization": f"Bearer {name}"} for name in ("red", "blue"))
    made = (await client.post(PATH, json=BACKGROUND, headers=red)).json()["id"]
    hand = await worker.take()
    await worker.end(hand, "x")

    for method, path in (
        ("GET", ""),
        ("GET", "?stream=true"),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("GET", "/input_items"),
    ):
        assert (await client.request(method, f"{PATH}/{made}{path}", headers=blue)).status_code == 404
    asked = {**BODY, "previous_response_id": made}
    error = (await client.post(PATH, json=asked, headers=blue)).json()["error"]
    assert error["code"] == "previous_response_not_found"
    assert (await client.get(f"{PATH}/{made}", headers=red)).json()["status"] == "completed"


async def test_a_conversation_that_has_outgrown_a_body_is_refused(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(max_body_bytes=1000)).client
    first = await answered(client, worker, "x" * 900)
    refused = await client.post(PATH, json={**BODY, "previous_response_id": first["id"]})
    assert refused.status_code == 413
    assert refused.json()["error"]["param"] == "previous_response_id"


async def test_a_cancel_that_comes_too_late_changes_nothing(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    """The worker finishes while the request to cancel is on its way."""
    response_id, hand = await begun(client, worker)
    await worker.say(hand, "Good")
    cancelling = asyncio.create_task(client.post(f"{PATH}/{response_id}/cancel"))
    (asked,) = await worker.controls()
    assert isinstance(asked, Cancel)
    await worker.end(hand, " day")
    late = (await cancelling).json()

    assert (late["status"], text_of(late)) == ("completed", "Good day")
    assert await stands(client, response_id) == late == (await client.post(f"{PATH}/{response_id}/cancel")).json()
    assert (await events(client, response_id))[-1]["type"] == "response.completed"


async def test_a_cancel_that_comes_first_ends_it_with_what_there_is(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    response_id, hand = await begun(client, worker)
    await worker.say(hand, "Good")
    cancelling = asyncio.create_task(client.post(f"{PATH}/{response_id}/cancel"))
    await worker.controls()
    await worker.end(hand, end=End(State.CANCELLED, completion_tokens=1))
    told = (await cancelling).json()

    assert (told["status"], told["error"], text_of(told)) == ("cancelled", None, "Good")
    last = (await events(client, response_id))[-1]
    assert (last["type"], last["response"]) == ("response.failed", told)


async def test_what_waits_is_cancelled_at_once(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    response_id = (await client.post(PATH, json=BACKGROUND)).json()["id"]
    for _ in range(2):
        assert (await client.post(f"{PATH}/{response_id}/cancel")).json()["status"] == "cancelled"
    found = await events(client, response_id)
    assert [event["type"].removeprefix("response.") for event in found] == [
        *("created", "queued", "in_progress", "failed"),
    ]
    assert not await worker.has_waiting()


async def test_what_its_client_waits_for_is_not_cancelled(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    made = await answered(client, worker, "x")
    refused = await client.post(f"{PATH}/{made['id']}/cancel")
    assert refused.status_code == 400
    assert "background" in refused.json()["error"]["message"]


async def test_a_deleted_response_ends_and_leaves_nothing(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    response_id, hand = await begun(client, worker, input="the secret")
    await worker.say(hand, "the answer")
    async with reading(client, response_id) as sse:
        deleting = asyncio.create_task(client.delete(f"{PATH}/{response_id}"))
        while not any(isinstance(one, Cancel) for one in await worker.controls()):
            pass
        await worker.end(hand, end=End(State.CANCELLED, completion_tokens=1))
        deleted = await deleting
        last = (await sse.rest())[-1][1]

    assert (deleted.status_code, deleted.json()["deleted"]) == (200, True)
    assert (last["type"], last["response"]["status"]) == ("response.failed", "cancelled")
    assert (await client.get(f"{PATH}/{response_id}")).status_code == 404
    left = await worker.redis.hgetall(worker.keys.job(hand.held.job))
    assert not any(b"secret" in value or b"the answer" in value for value in left.values())


async def test_what_was_not_to_be_stored_is_erased_with_its_answer(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    made = await answered(client, worker, "the answer", input="the secret", store=False)
    key = worker.keys.job(made["id"].removeprefix("resp_"))

    async def is_erased() -> bool:
        return not any(b"secret" in value for value in (await worker.redis.hgetall(key)).values())

    await until(is_erased)
    assert made["store"] is False
    assert (await client.get(f"{PATH}/{made['id']}")).status_code == 404


async def test_a_record_that_redis_lost_comes_back_whole(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    """Whoever still waits submits it again, with what the response is drawn from."""
    asking = asyncio.create_task(client.post(PATH, json={**BODY, "metadata": {"a": "b"}}))
    hand = await worker.take()
    await worker.redis.flushdb()
    await worker.start()
    hand = await worker.take()
    await worker.end(hand, "x")
    made = (await asking).json()
    assert (await stands(client, made["id"]))["metadata"] == {"a": "b"}


async def test_input_items_are_listed_page_by_page(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    given = [{"role": "user", "content": str(number), "id": f"msg_{number}"} for number in range(3)]
    made = await answered(client, worker, "x", input=[*given, {"role": "assistant", "content": "y"}])
    path = f"{PATH}/{made['id']}/input_items"
    newest = (await client.get(path, params={"limit": 3})).json()
    rest = (await client.get(path, params={"limit": 3, "after": newest["last_id"]})).json()
    oldest = (await client.get(path, params={"order": "asc"})).json()

    own = f"msg_{made['id'].removeprefix('resp_')}_in_3"
    assert [item["id"] for item in newest["data"]] == [own, "msg_2", "msg_1"]
    assert (newest["first_id"], newest["has_more"], rest["has_more"]) == (own, True, False)
    assert newest["data"] + rest["data"] == oldest["data"][::-1]
    assert oldest["data"][0]["content"] == [{"type": "input_text", "text": "0"}]
    for name, value in (("limit", "0"), ("limit", "101"), ("order", "up"), ("after", "msg_9")):
        refused = await client.get(path, params={name: value})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, name)


async def test_a_reading_from_nowhere_is_refused(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    made = await answered(client, worker, "x")
    path = f"{PATH}/{made['id']}"
    for after, flag in (("0", "maybe"), ("x", "true"), ("-1", "true")):
        refused = await client.get(path, params={"stream": flag, "starting_after": after})
        assert refused.status_code == 400
    (told,) = await events(client, made["id"], after=999)
    assert (told["type"], told["param"]) == ("error", "starting_after")
    assert (await client.head(path, params={"stream": "true"})).headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize("path", ["resp_sim-0", "sim-0", "resp_", "resp_other-0", "chatcmpl-sim-0"])
async def test_there_is_no_response_of_another_name(client: httpx.AsyncClient, worker: FakeWorker, path: str) -> None:
    for method, more in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        refused = await client.request(method, f"{PATH}/{path}{more}")
        assert (refused.status_code, refused.json()["error"]["param"]) == (404, "response_id")


async def test_what_is_wrong_is_told_and_nothing_is_queued(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    for fields, param in (
        ({"input": [{"role": "user", "content": "x"}, {"type": "computer_call"}]}, "input[1].type"),
        ({"model": "other"}, "model"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ):
        refused = await client.post(PATH, json={**BODY, **fields})
        assert refused.status_code in (400, 404)
        assert refused.json()["error"]["param"] == param
    assert not await worker.has_waiting()


async def test_one_whose_client_leaves_is_cancelled_and_a_background_one_is_not(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    ends = {}
    for background in (False, True):
        body = {**BODY, "stream": True, "background": background}
        request = client.build_request("POST", PATH, json=body)
        sending = asyncio.create_task(client.send(request, stream=True))
        hand = await worker.take()
        await worker.say(hand, "x")
        response = await sending
        await Sse(response).next()
        await response.aclose()
        ends[background] = hand
    (asked,) = [one for one in await worker.controls() if isinstance(one, Cancel)]
    assert asked.job == ends[False].held.job
    await worker.end(ends[True], "y")
    assert (await stands(client, f"resp_{ends[True].held.job}"))["status"] == "completed"


async def test_a_response_can_be_a_job_of_its_own(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    first = await answered(client, worker, "One.")
    body = {**BODY, "previous_response_id": first["id"], "metadata": {"order": "7"}}
    wrong = await client.post("/v1/jobs", json={"endpoint": PATH, "body": {**BODY, "input": []}})
    job = (await client.post("/v1/jobs", json={"endpoint": PATH, "body": body, "class": "batch"})).json()
    hand = await worker.take()
    await worker.end(hand, "Two.")
    response = await stands(client, f"resp_{job['id']}")
    done = (await client.get(f"/v1/jobs/{job['id']}")).json()

    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "body.input")
    assert (job["class"], job["metadata"]) == ("batch", {"order": "7"})
    assert len(json.loads(hand.claimed.body)["messages"]) == 3
    assert text_of(response) == "Two."
    assert done["result"] == {name: value for name, value in response.items() if name != "completed_at"}


async def test_lines_may_ask_for_responses(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    gone = {**BODY, "previous_response_id": "resp_sim-0"}
    lines = [json.dumps({"endpoint": PATH, "body": body}) for body in (BODY, gone)]
    headers = {"content-type": "application/x-ndjson"}
    answer = await client.post("/v1/jobs/bulk", content="\n".join(lines).encode(), headers=headers)
    first, second = map(json.loads, answer.text.splitlines())
    hand = await worker.take()
    await worker.end(hand, "x")

    assert (await stands(client, f"resp_{first['id']}"))["status"] == "completed"
    assert second["error"]["code"] == "previous_response_not_found"
