"""What clients should not send, and the error that OpenAI's client makes of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.acceptance.asking import connected, connected_async, job, posted, says
from tests.acceptance.insight import insight
from tests.acceptance.simulation import expected
from tests.harness.up import Up
from tests.waiting import eventually

CHAT = {"model": "sim", "messages": [{"role": "user", "content": "Hello"}]}
ERROR_KEYS = {"message", "type", "param", "code"}


@pytest.fixture(autouse=True)
def nothing_is_left(sim: Up) -> Iterator[None]:
    """Whatever was refused is in no lane, and the stack serves on."""
    yield
    with insight(sim.redis_url) as redis:
        assert eventually(lambda: not redis.live("sim"))
    with connected(sim.url) as client:
        answer = client.chat.completions.create(model="sim", messages=says("Still there?"), max_tokens=3)
    assert answer.choices[0].message.content == expected("Still there?", max_tokens=3)


def refused(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == ERROR_KEYS
    assert error["message"]
    return error


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"model": "sim", "messages": [', b"[]", b"null", b'"text"', b'{"model": "sim"}', b"\xff\xfe{}"],
    ids=["nothing", "a brace", "half of it", "a list", "null", "a text", "no messages", "another encoding"],
)
def test_a_malformed_body_is_refused(sim: Up, content: bytes) -> None:
    for path in ("/v1/chat/completions", "/v1/completions"):
        assert refused(posted(sim.url, content, path), 400)["type"] == "invalid_request_error"


def test_invalid_utf8_is_refused(sim: Up) -> None:
    body = json.dumps(CHAT).encode().replace(b"Hello", b"H\xff\xc3llo")

    assert "UTF-8" in refused(posted(sim.url, body), 400)["message"]


def test_a_lone_half_of_a_character_does_no_harm(sim: Up) -> None:
    body = json.dumps({**CHAT, "max_tokens": 5}).encode().replace(b"Hello", rb"\ud83d")

    assert posted(sim.url, body).status_code in (200, 400)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", "Hello"),
        ("messages", []),
        ("messages", [{"role": 1, "content": "Hello"}]),
        ("messages", [{"role": "user", "content": 7}]),
        ("max_tokens", "many"),
        ("max_tokens", 1.5),
        ("max_tokens", 0),
        ("max_tokens", -1),
        ("temperature", -1),
        ("temperature", "warm"),
        ("top_p", 0),
        ("n", 0),
        ("stop", ["x"] * 5000),
        ("stop", [1]),
        ("stream", "yes"),
        ("logit_bias", {"word": 1}),
        ("seed", 2**70),
        ("tools", "hammer"),
        ("response_format", {"type": "yaml"}),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_wrong_field_is_named(sim_client: OpenAI, field: str, value: object) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        sim_client.chat.completions.create(model="sim", messages=says("Hello"), extra_body={field: value})

    assert error.value.type == "invalid_request_error"
    assert field in f"{error.value.param} {error.value.message}"


def test_an_unknown_model_is_not_found(sim_client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        sim_client.chat.completions.create(model="nobody", messages=says("Hello"))

    assert error.value.code == "model_not_found"
    assert "nobody" in error.value.message


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_longer_than_the_context_is_refused_with_the_limit(demo_client: OpenAI, *, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match="2048") as error:
        demo_client.chat.completions.create(model="demo", messages=says("water " * 3000), stream=stream)

    assert error.value.code == "context_length_exceeded"


@pytest.mark.parametrize("options", [{"max_tokens": 5000}, {"logprobs": True, "max_tokens": 5000}])
def test_an_answer_that_cannot_fit_is_refused_with_the_limit(demo_client: OpenAI, options: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError, match="2048"):
        demo_client.chat.completions.create(model="demo", messages=says("Hello"), **options)


def test_a_body_of_ten_megabytes_is_refused(sim_client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        sim_client.chat.completions.create(model="sim", messages=says("x" * 10_000_000))

    assert error.value.status_code == 413
    assert error.value.code == "request_too_large"


def test_what_is_not_there_and_what_is_not_for_that_are_told_apart(sim: Up) -> None:
    assert refused(httpx.get(f"{sim.url}/v1/nothing"), 404)["code"] == "not_found"
    assert refused(httpx.get(f"{sim.url}/v1/chat/completions"), 405)["code"] == "method_not_allowed"


async def test_a_full_queue_is_a_rate_limit_that_says_when_to_come_back(sim: Up) -> None:
    async with connected_async(sim.url) as client:
        held = await client.chat.completions.create(
            model="narrow", messages=says("first"), max_tokens=4000, stream=True
        )
        key = {"Idempotency-Key": "second", "x-penstock-keep": "true"}
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(
                model="narrow", messages=says("second"), max_tokens=3, timeout=0.5, extra_headers=key
            )
        with pytest.raises(openai.RateLimitError) as error:
            await client.chat.completions.create(model="narrow", messages=says("third"))
        await held.close()
        second = await client.chat.completions.create(
            model="narrow", messages=says("second"), max_tokens=3, extra_headers=key
        )

    assert error.value.code == "rate_limit_exceeded"
    assert 1 <= int(error.value.response.headers["retry-after"]) <= 120
    assert error.value.response.headers["x-ratelimit-limit-requests"] == "1"
    assert second.choices[0].message.content == expected("second", max_tokens=3)


def test_an_engine_that_fails_a_job_is_a_server_error(sim_client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as error:
        sim_client.chat.completions.create(model="sim", messages=says("#sim:error_at=1"))

    assert error.value.status_code == 500
    assert error.value.response.headers["x-should-retry"] == "false"


def test_a_failure_in_the_middle_of_a_stream_is_raised_there(sim_client: OpenAI) -> None:
    with sim_client.chat.completions.create(model="sim", messages=says("#sim:error_at=6"), stream=True) as stream:
        seen = []
        with pytest.raises(openai.APIError) as error:
            seen += list(stream)

    assert error.value.code == "engine_error"
    assert job(sim_client, stream.response.headers["x-penstock-job-id"])["state"] == "failed"
