"""Redis at its memory limit, and Redis gone: new work is refused at once, accepted work is finished."""

from __future__ import annotations

import time
from collections.abc import Iterator

import openai
import pytest
import redis
from openai import OpenAI

from tests.acceptance.asking import connected, job, job_id_of, says, text_of
from tests.acceptance.simulation import expected
from tests.harness.stack import Stack

TOKENS = 200


@pytest.fixture
def client(parts: Stack) -> Iterator[OpenAI]:
    with connected(parts.urls[0]) as it:
        yield it


@pytest.fixture
def full_redis(parts: Stack) -> Iterator[redis.Redis]:
    """A server whose memory limit is the test's to set; it has none before and after."""
    with redis.Redis.from_url(parts.redis.url) as it:
        yield it
        it.config_set("maxmemory", 0)


def test_at_maxmemory_new_work_is_refused_and_running_work_finishes(client: OpenAI, full_redis: redis.Redis) -> None:
    with client.chat.completions.create(
        model="sim", messages=says("running"), max_tokens=TOKENS, stream=True
    ) as stream:
        next(stream)
        full_redis.config_set("maxmemory", 1)
        with pytest.raises(openai.InternalServerError) as refused:
            client.chat.completions.create(model="sim", messages=says("new"))
        begun = text_of(stream)

    assert begun == expected("running", max_tokens=TOKENS)
    assert job(client, job_id_of(stream))["state"] == "completed"
    assert (refused.value.status_code, refused.value.code) == (503, "server_is_overloaded")
    assert int(refused.value.response.headers["retry-after"]) >= 1
    full_redis.config_set("maxmemory", 0)
    answer = client.chat.completions.create(model="sim", messages=says("new"), max_tokens=5)
    assert answer.choices[0].message.content == expected("new", max_tokens=5)


def test_without_redis_new_work_is_refused_quickly_and_streams_go_on_when_it_is_back(
    parts: Stack, client: OpenAI
) -> None:
    with client.chat.completions.create(model="sim", messages=says("outage"), max_tokens=TOKENS, stream=True) as stream:
        next(stream)
        parts.redis.kill()
        try:
            asked_s = time.monotonic()
            with pytest.raises(openai.InternalServerError) as refused:
                client.chat.completions.create(model="sim", messages=says("new"))
            took_s = time.monotonic() - asked_s
        finally:
            parts.redis.start()
        answer = text_of(stream)

    assert answer == expected("outage", max_tokens=TOKENS)
    assert (refused.value.status_code, refused.value.code) == (503, "service_unavailable")
    assert took_s < 3.0
    assert job(client, job_id_of(stream))["state"] == "completed"
    parts.wait_ready()
