"""Files and batches as the official client has them: on the simulated engine, and on the real one."""

from __future__ import annotations

import json
from typing import Any, Literal

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types import Batch

from tests.acceptance.asking import ANSWERS, LONG
from tests.acceptance.simulation import expected
from tests.harness.batches import chat_line, encoded
from tests.harness.up import Up
from tests.waiting import eventually

CHAT: Literal["/v1/chat/completions"] = "/v1/chat/completions"
ENDED = ("completed", "failed", "expired", "cancelled")


def upload(client: OpenAI, lines: list[dict[str, Any]]) -> str:
    return client.files.create(file=("input.jsonl", encoded(lines)), purpose="batch").id


def run(client: OpenAI, lines: list[dict[str, Any]], endpoint: Any = CHAT, within_s: float = 60.0) -> Batch:
    made = client.batches.create(input_file_id=upload(client, lines), endpoint=endpoint, completion_window="24h")
    assert eventually(lambda: client.batches.retrieve(made.id).status in ENDED, within_s=within_s)
    return client.batches.retrieve(made.id)


def output(client: OpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    assert file_id is not None
    lines = [json.loads(line) for line in client.files.content(file_id).text.splitlines()]
    return {line["custom_id"]: line for line in lines}


def text_of(line: dict[str, Any]) -> str:
    return str(line["response"]["body"]["choices"][0]["message"]["content"])


def test_a_batch_is_answered_line_by_line(sim_client: OpenAI) -> None:
    wanted = [f"question {number}" for number in range(50)]
    batch = run(sim_client, [chat_line(one) for one in wanted])
    answers = output(sim_client, batch.output_file_id)

    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (50, 50, 0)
    assert {name: text_of(line) for name, line in answers.items()} == {
        one: expected(one, max_tokens=4) for one in wanted
    }
    assert batch.usage is not None
    assert batch.usage.output_tokens == 200


def test_what_is_wrong_with_the_input_is_told_with_its_line(sim_client: OpenAI) -> None:
    batch = run(sim_client, [chat_line("a"), chat_line("b", max_tokens=-1), chat_line("a")])

    assert batch.status == "failed"
    assert batch.errors is not None
    assert [(error.line, error.code, error.param) for error in batch.errors.data or []] == [
        (2, "invalid_request", "body.max_tokens"),
        (3, "duplicate_custom_id", "custom_id"),
    ]
    assert batch.output_file_id is None


def test_a_batch_of_responses_has_responses(sim_client: OpenAI) -> None:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "sim", "input": "hello"}}
    batch = run(sim_client, [line], endpoint="/v1/responses")
    body = output(sim_client, batch.output_file_id)["a"]["response"]["body"]
    assert (body["object"], body["status"]) == ("response", "completed")


def test_a_batch_is_cancelled_and_listed(sim_client: OpenAI) -> None:
    lines = [chat_line(f"{number}", max_tokens=100) for number in range(500)]
    made = sim_client.batches.create(
        input_file_id=upload(sim_client, lines), endpoint=CHAT, completion_window="24h", metadata={"night": "1"}
    )
    assert sim_client.batches.cancel(made.id).status == "cancelling"
    assert eventually(lambda: sim_client.batches.retrieve(made.id).status == "cancelled", within_s=60)
    (found,) = [batch for batch in sim_client.batches.list(limit=100) if batch.id == made.id]
    assert found.metadata == {"night": "1"}
    assert sim_client.batches.cancel(made.id).status == "cancelled"


def test_a_batch_that_has_completed_is_not_cancelled(sim_client: OpenAI) -> None:
    batch = run(sim_client, [chat_line("a")])
    with pytest.raises(openai.ConflictError):
        sim_client.batches.cancel(batch.id)


def test_the_jobs_of_a_batch_are_no_jobs_of_a_list(sim: Up, sim_client: OpenAI) -> None:
    before = httpx.get(f"{sim.url}/v1/jobs").json()["data"]
    run(sim_client, [chat_line(f"{number}") for number in range(5)])
    assert httpx.get(f"{sim.url}/v1/jobs").json()["data"] == before


def test_the_real_engine_runs_a_batch(demo_client: OpenAI) -> None:
    lines = [chat_line(f"{number}", LONG, model="demo", temperature=0, max_tokens=500) for number in range(8)]
    batch = run(demo_client, lines, within_s=120)
    answers = output(demo_client, batch.output_file_id)
    assert {text_of(line) for line in answers.values()} == {ANSWERS[LONG]}
    assert len(answers) == 8
