"""A host with vLLM: real tokens, a kill in the middle, and engine-written answers."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from penstock.broker import observing
from penstock.broker.embedded import EmbeddedRedis
from penstock.frames import Generated, encode_generated, replay
from penstock.job import State
from penstock.settings import RedisSettings
from penstock.settings.builtin import FOLDER as BUILTIN
from penstock.worker_state import WorkerState
from tests.integration.broker.pool import POOL, Pool
from tests.integration.workers.host.test_host import HostProcess, pid_of, ready, worker_that
from tests.integration.workers.workplace import Ear, body, ended

pytestmark = pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")

DEMO = BUILTIN / "demo"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedRedis(RedisSettings(data_dir=Path(folder)))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_url(server: EmbeddedRedis) -> str:
    return server.url


@pytest.fixture(scope="module")
def host(server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """One for all tests here: it takes ten seconds to import vLLM."""
    folder = tmp_path_factory.mktemp("host")
    host = HostProcess(server.url, folder, engine="vllm", model=str(DEMO), options={"max_model_len": 1024})
    yield host
    host.close()


def question(**options: object) -> bytes:
    return body("What is Penstock?", **{"temperature": 0, **options})


async def answered(
    pool: Pool, instance: str, ear: Ear, raw: bytes, *, is_engine_written: bool = False
) -> tuple[str, Generated]:
    held = await pool.assigned(instance, body=raw, is_engine_written=is_engine_written, listeners=ear.stream)
    await ear.end(held.job)
    return held.job, ear.heard(held.job)


async def test_engine_written_answers_come_from_vllms_own_writers(host: HostProcess, pool: Pool, ear: Ear) -> None:
    (instance,) = await ready(pool)
    raw = question(max_tokens=8, logprobs=True, top_logprobs=2)
    job_id, heard = await answered(pool, instance, ear, raw, is_engine_written=True)
    chunks = [json.loads(line) for piece in heard.pieces for line in piece.splitlines()]
    assert {chunk["id"] for chunk in chunks} == {f"chatcmpl-{job_id}"}
    assert any(choice.get("logprobs") for chunk in chunks for choice in chunk["choices"])
    job = await ended(pool, job_id)
    assert job.result is not None
    response = json.loads(job.result.response)
    assert response["usage"]["completion_tokens"] == 8
    assert len(response["choices"][0]["logprobs"]["content"]) == 8
    many, _ = await answered(pool, instance, ear, question(max_tokens=8, n=2, temperature=0.5), is_engine_written=True)
    result = (await ended(pool, many)).result
    assert result is not None
    assert len(json.loads(result.response)["choices"]) == 2


async def test_a_prompt_beyond_vllms_context_fails_with_the_limit(host: HostProcess, pool: Pool, ear: Ear) -> None:
    (instance,) = await ready(pool)
    held = await pool.assigned(instance, body=body("word " * 3000), listeners=ear.stream)
    end = await ear.end(held.job)
    assert end.failure is not None
    assert (end.state, end.failure.error) == (State.FAILED, "ContextLengthError")
    assert "1024" in end.failure.message


async def test_a_killed_vllm_worker_loses_no_token(host: HostProcess, pool: Pool, ear: Ear) -> None:
    (first,) = await ready(pool)
    _, reference = await answered(pool, first, ear, question(max_tokens=200, ignore_eos=True))
    held = await pool.assigned(first, body=question(max_tokens=200, ignore_eos=True), listeners=ear.stream)
    await ear.tokens(held.job, 20)
    psutil.Process(await pid_of(pool, first)).kill()
    second, _ = await worker_that(pool, lambda worker: worker.state is WorkerState.READY and worker.failures == 1)
    prefix = Generated([], [])
    for _, frames in await pool.broker.ask(observing.journal(POOL, first, 1000)):
        replay({(held.job, held.fence): prefix}, frames)
    assert len(prefix.tokens) >= 20
    again = await pool.queued(
        body=question(max_tokens=200, ignore_eos=True), listeners=ear.stream, prefix=encode_generated(prefix)
    )
    await pool.assign(again, second)
    await ear.end(again)
    rest = [piece for delta in ear.of(again) for piece in delta.pieces]
    assert "".join(prefix.pieces + rest) == "".join(reference.pieces)
