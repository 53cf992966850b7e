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

#: A question that a terminal would obey.
BODY = '{"prompt": "Why\\u001b[31m\\u009b2J\x9b\u202e?"}'.encode()


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
    held = await pool.running("w.1", body=BODY)
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


async def test_each_letter_is_an_object_of_json(given_up: str, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, output = await _command(capsys, "list", "--json", "--pool", POOL, "--config", config)
    letter = json.loads(output)
    assert (status, len(output.splitlines())) == (0, 1)
    assert letter.pop("given_up").endswith("+00:00")
    assert letter == {"job": given_up, "pool": POOL, "losses": 1, "model": "sim", "why": "it was killed"}
    assert await _command(capsys, "list", "--json", "--pool", "another", "--config", config) == (
        2,
        "penstock: --pool: no pool 'another'; there are sim.\n",
    )


async def test_a_letter_shows_its_evidence_and_its_request(
    given_up: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output = await _command(capsys, "show", given_up, "--config", config)
    shown = json.loads(output)
    assert (status, shown["job"], shown["evidence"][0]["worker"]) == (0, given_up, "w.1")
    assert shown["request"]["body"] == json.loads(BODY)
    assert not set(output) & set("\x1b\x9b\u202e")
    assert shown["generated"] == {"tokens": 2, "text": "<0><1>"}


async def test_a_retry_is_a_new_job_with_the_old_request_and_the_letter_is_gone(
    pool: Pool, given_up: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output = await _command(capsys, "retry", given_up, "--config", config)
    job = await pool.read(output.strip())
    assert (status, job.state, job.losses, job.body) == (0, State.QUEUED, 0, BODY)
    assert job.id != given_up
    assert await _command(capsys, "list", "--config", config) == (0, "")
    assert await pool.state(given_up) is State.DEAD_LETTERED


async def test_what_keeps_a_job_from_being_tried_again_is_said(
    pool: Pool, given_up: str, config: str, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    pools = {"other": {"engine": "simulated"}}
    other.write_text(
        yaml.safe_dump({"redis": {"url": redis_url}, "models": {"other": {"pool": "other"}}, "pools": pools})
    )
    elsewhere = await _command(capsys, "retry", given_up, "--config", str(other))
    await pool.redis.delete(pool.keys.job(given_up))
    late = await _command(capsys, "retry", given_up, "--config", config)

    cannot = f"penstock: Job {given_up} cannot be tried again: "
    assert elsewhere == (1, f"{cannot}its pool, {POOL}, is not in this configuration (--config).\n")
    assert late == (1, f"{cannot}its record has expired.\n")


@pytest.mark.parametrize(
    ("redis", "address", "advice"),
    [
        ({"url": "redis://:secret@127.0.0.1:1"}, "redis://127.0.0.1:1", "redis.url"),
        ({"data_dir": "data"}, "unix://{data}/redis.sock", "redis.data_dir, which is {data} here."),
    ],
)
async def test_a_redis_that_is_away_is_named_with_what_to_do(
    redis: dict[str, str], address: str, advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, data = tmp_path / "away.yaml", tmp_path / "data"
    if "data_dir" in redis:
        redis = {"data_dir": str(data)}
    pools = {POOL: {"engine": "simulated"}}
    file.write_text(yaml.safe_dump({"redis": redis, "models": {POOL: {"pool": POOL}}, "pools": pools}))
    status, output = await _command(capsys, "list", "--config", str(file))
    assert (status, len(output.splitlines())) == (1, 1)
    assert address.format(data=data) in output
    assert advice.format(data=data) in output
    assert "secret" not in output


async def test_a_job_without_a_letter_is_said_to_have_none(
    redis_url: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output = await _command(capsys, "show", "sim-0", "--config", config)
    assert status == 1
    assert "no dead letter of job sim-0" in output
