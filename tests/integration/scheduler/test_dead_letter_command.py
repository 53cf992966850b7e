"""`penstock dead-letter`: what was given up can be read, and tried again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from penstock.broker import leading
from penstock.broker.leading import Loss
from penstock.cli import main
from penstock.job import State
from tests.integration.broker.pool import LEADER, POOL, Pool, result, tokens


@pytest.fixture
def config(redis_url: str, tmp_path: Path) -> str:
    file = tmp_path / "penstock.yaml"
    pools = {POOL: {"engine": "simulated"}}
    file.write_text(yaml.safe_dump({"redis": {"url": redis_url}, "models": {POOL: {"pool": POOL}}, "pools": pools}))
    return str(file)


@pytest.fixture
async def given_up(pool: Pool) -> str:
    """The id of a job that lost its only worker too many."""
    assert await pool.lead()
    assert await pool.register("w.1") == "registered"
    held = await pool.running("w.1", body=b'{"prompt": "Why?"}')
    await pool.lose("w.1")
    loss = Loss(
        counted=True,
        max_losses=1,
        evidence=b'{"worker": "w.1", "why": "it was killed", "at_ms": 0}',
        if_cancelled=result(State.CANCELLED),
        if_dead=result(State.DEAD_LETTERED, 2),
    )
    call = leading.requeue(
        POOL,
        LEADER,
        job_id=held.job,
        fence=held.fence,
        instance="w.1",
        entry=held.entry,
        prefix=tokens(2),
        queue_timeout_ms=1000,
        loss=loss,
    )
    assert await pool.broker.run(call) == "dead_lettered"
    return held.job


async def _command(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    status = await asyncio.to_thread(main, ["dead-letter", *args])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


async def test_each_letter_is_a_line(given_up: str, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, output = await _command(capsys, "list", "--config", config)
    assert status == 0
    (line,) = output.splitlines()
    assert line.startswith(given_up)
    assert "1 lost" in line
    assert "it was killed" in line


async def test_a_letter_shows_its_evidence_and_its_request(
    given_up: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output = await _command(capsys, "show", given_up, "--config", config)
    shown = json.loads(output)
    assert (status, shown["job"], shown["evidence"][0]["worker"]) == (0, given_up, "w.1")
    assert shown["request"]["body"] == {"prompt": "Why?"}
    assert shown["generated"] == {"tokens": 2, "text": "<0><1>"}


async def test_a_retry_is_a_new_job_with_the_old_request_and_the_letter_is_gone(
    pool: Pool, given_up: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output = await _command(capsys, "retry", given_up, "--config", config)
    job = await pool.read(output.strip())
    assert (status, job.state, job.losses, job.body) == (0, State.QUEUED, 0, b'{"prompt": "Why?"}')
    assert job.id != given_up
    assert await _command(capsys, "list", "--config", config) == (0, "")
    assert await pool.state(given_up) is State.DEAD_LETTERED


async def test_a_job_without_a_letter_is_said_to_have_none(
    redis_url: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output = await _command(capsys, "show", "sim-0", "--config", config)
    assert status == 1
    assert "no dead letter of job sim-0" in output
