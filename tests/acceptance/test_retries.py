"""Retries with a key after real processes were killed, and after replies of Redis were lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from ingress.intake.auth import ANYBODY
from penstock.job import idempotent_job_id
from tests.acceptance.asking import JOB_ID, says
from tests.acceptance.events import asked as asked_for
from tests.acceptance.events import events_of, text
from tests.acceptance.simulation import expected
from tests.harness import stack
from tests.harness.stack import Stack

KEY = {"Idempotency-Key": "again"}


@pytest.fixture
def fragile() -> Iterator[Stack]:
    """Two ingresses and one worker; a single loss is one too many, and no job may run for long."""
    with (
        TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder,
        stack.running(Path(folder), {"max_losses": 1, "run_timeout_s": 1.5}, ingresses=2) as it,
    ):
        yield it


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as it:
        yield it


def answer(name: str, tokens: int) -> str:
    return expected(name, max_tokens=tokens, min_tokens=tokens)


def asking(name: str, tokens: int = 40) -> dict[str, Any]:
    return {"model": "sim", "messages": says(name), "max_tokens": tokens, "min_tokens": tokens}


async def asked(client: httpx.AsyncClient, url: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await client.post(f"{url}/v1/chat/completions", json=body, headers=headers)


async def runs(client: httpx.AsyncClient, url: str, key: str = "again") -> str:
    """Wait until a worker has the job of that key; returns its id."""
    job_id = idempotent_job_id("sim", ANYBODY.tenant, key)
    while (await job(client, url, job_id)).get("state") != "running":
        await asyncio.sleep(0.01)
    return job_id


async def job(client: httpx.AsyncClient, url: str, job_id: str) -> dict[str, Any]:
    told: dict[str, Any] = (await client.get(f"{url}/v1/jobs/{job_id}")).json()
    return told


async def test_a_job_whose_worker_was_killed_once_too_often_is_run_anew_by_its_key(
    fragile: Stack, client: httpx.AsyncClient
) -> None:
    here, there = fragile.urls
    sending = asyncio.create_task(asked(client, here, asking("killed", 100), **KEY))
    job_id = await runs(client, here)
    for pid in fragile.worker_pids:
        os.kill(pid, signal.SIGKILL)
    first = await sending
    again = await asked(client, there, asking("killed", 100), **KEY)

    assert (first.status_code, first.json()["error"]["code"]) == (502, "worker_lost")
    assert again.status_code == 200
    assert again.json()["choices"][0]["message"]["content"] == answer("killed", 100)
    told = await job(client, here, job_id)
    assert (told["state"], told["runs"], told["attempts"], told["losses"]) == ("completed", 2, 1, 0)


async def test_what_stopped_a_run_that_took_too_long_does_not_stop_the_next(
    fragile: Stack, client: httpx.AsyncClient
) -> None:
    answers = [await asked(client, url, asking("too long", 4000), **KEY) for url in fragile.urls * 2]

    assert [one.json()["error"]["code"] for one in answers] == ["run_timeout"] * 4
    assert (await job(client, fragile.urls[0], answers[0].headers[JOB_ID]))["runs"] == 4


async def test_a_killed_ingress_costs_a_client_with_a_key_nothing(fragile: Stack, client: httpx.AsyncClient) -> None:
    here, there = fragile.urls
    sending = asyncio.create_task(asked(client, here, asking("ingress killed", 100), **KEY))
    job_id = await runs(client, there)
    fragile.ingresses[0].send(signal.SIGKILL)
    with pytest.raises(httpx.TransportError):
        await sending
    again = await asked(client, there, asking("ingress killed", 100), **KEY)

    assert again.json()["choices"][0]["message"]["content"] == answer("ingress killed", 100)
    assert (await job(client, there, job_id))["runs"] == 1


async def test_a_reader_goes_on_when_the_ingress_of_the_one_who_asked_is_killed(fragile: Stack) -> None:
    here, there = fragile.urls

    def read() -> str:
        with asked_for(here, asking("reader", 100)) as own:
            own.take(3)
            with events_of(there, own.response.headers[JOB_ID]) as reader:
                seen = reader.take(5)
                fragile.ingresses[0].send(signal.SIGKILL)
                return text(seen + reader.rest())

    assert await asyncio.to_thread(read) == answer("reader", 100)
