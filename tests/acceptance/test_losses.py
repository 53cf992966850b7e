"""Whatever process dies, a client's answer is what it would have been."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import openai
import pytest
import redis
from openai import OpenAI

from penstock.broker.keys import PoolKeys
from tests.acceptance.asking import JOB_ID, connected, job, job_id_of, says, text_of
from tests.acceptance.events import asked, events_of, text
from tests.acceptance.insight import insight
from tests.acceptance.simulation import POOL, expected
from tests.harness.program import Program
from tests.harness.stack import Stack
from tests.harness.up import Up, running
from tests.waiting import eventually

TOKENS = 200


@pytest.fixture
def client(sim: Up) -> Iterator[OpenAI]:
    sim.wait_ready()
    with connected(sim.url) as it:
        yield it


@pytest.mark.parametrize("role", ["worker", "host", "scheduler", "redis"])
def test_a_stream_goes_on_whatever_is_killed(sim: Up, client: OpenAI, role: str) -> None:
    with client.chat.completions.create(model="sim", messages=says(role), max_tokens=TOKENS, stream=True) as stream:
        next(stream)
        with insight(sim.redis_url) as redis:
            worker = redis.worker_of(job_id_of(stream))
        chosen = {"worker": worker, "host": worker.parent()}.get(role) or sim.by_role()[role][0]
        chosen.kill()
        assert text_of(stream) == expected(role, max_tokens=TOKENS)

    assert job(client, job_id_of(stream))["state"] == "completed"


def test_a_job_goes_on_without_its_ingress_and_is_read_at_the_next(sim: Up) -> None:
    sim.wait_ready()
    with asked(sim.url, {"messages": says("ingress"), "max_tokens": TOKENS}) as stream:
        job_id = stream.response.headers[JOB_ID]
        with events_of(sim.url, job_id) as events:
            seen = events.take(20)
            sim.by_role()["ingress"][0].kill()
    sim.wait_ready()
    with events_of(sim.url, job_id, after=seen[-1].id) as events:
        assert text(seen + events.rest()) == expected("ingress", max_tokens=TOKENS)


def test_a_second_scheduler_takes_over_within_three_seconds(parts: Stack) -> None:
    with connected(parts.urls[0]) as client, redis.Redis.from_url(parts.redis.url) as server:
        leader = leading(parts, server)
        leader.send(signal.SIGKILL)
        asked_s = time.monotonic()
        answer = client.chat.completions.create(model="sim", messages=says("takeover"), max_tokens=2)
        took_s = time.monotonic() - asked_s

    assert answer.choices[0].message.content == expected("takeover", max_tokens=2)
    assert took_s < 3.0
    assert eventually(lambda: not leader.is_running)
    leader.start()


def test_a_worker_that_is_told_to_go_hands_its_streams_over(parts: Stack) -> None:
    with connected(parts.urls[0]) as client, insight(parts.redis.url) as redis:
        with client.chat.completions.create(
            model="sim", messages=says("drained"), max_tokens=300, stream=True
        ) as stream:
            next(stream)
            pid = redis.worker_of(job_id_of(stream)).ppid()
            (host,) = [host for host in parts.hosts if host.pid == pid]
            host.send(signal.SIGTERM)
            answer = text_of(stream)
        told = job(client, job_id_of(stream))

    assert answer == expected("drained", max_tokens=300)
    assert (told["attempts"], told["losses"]) == (2, 0)
    assert eventually(lambda: not host.is_running)
    host.start()
    parts.wait_ready()


def test_an_engine_that_dies_takes_no_token_with_it(sim: Up, client: OpenAI) -> None:
    dying = "#sim:die_at=20"
    with client.chat.completions.create(model="sim", messages=says(dying), max_tokens=60, stream=True) as stream:
        assert text_of(stream) == expected(dying, max_tokens=60)

    told = job(client, job_id_of(stream))
    (lost,) = told["lost"]
    assert (told["attempts"], told["losses"]) == (2, 1)
    assert lost["worker"] != told["worker"]
    assert lost["reason"]
    assert 0 < lost["tokens"] <= 20


def test_a_job_that_kills_every_worker_is_given_up_with_the_evidence() -> None:
    config = {"models": {"sim": {"pool": "sim"}}, "pools": {"sim": {**POOL, "workers": 3}}}
    with running(config) as up, connected(up.url) as client:
        with pytest.raises(openai.APIStatusError) as error:
            client.chat.completions.create(model="sim", messages=says("#sim:crash_at=1"))
        job_id = error.value.response.headers[JOB_ID]
        listed = penstock(up, "dead-letter", "list")
        shown = json.loads(penstock(up, "dead-letter", "show", job_id))
        told = job(client, job_id)

    assert (error.value.status_code, error.value.code) == (502, "worker_lost")
    assert (told["state"], told["losses"]) == ("dead_lettered", 3)
    assert job_id in listed
    assert len(shown["evidence"]) == 3
    assert shown["request"]["body"]["messages"] == says("#sim:crash_at=1")


def leading(parts: Stack, server: redis.Redis) -> Program:
    """The scheduler that leads, once the other one stands by too."""

    def leaders() -> list[Program]:
        token = str(server.get(PoolKeys("sim").leader))
        return [one for one in parts.schedulers if f"-{one.pid}:" in token]

    assert eventually(lambda: len(leaders()) == 1)
    # A standby that is yet to start would take its time for that, too.
    assert eventually(lambda: all("process.started" in one.log.read_text() for one in parts.schedulers))
    return leaders()[0]


def penstock(up: Up, *command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "penstock.cli", *command, "--config", str(up.config)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
