"""The Responses API on the real engine: function calls, log probabilities, a schema, and a worker's loss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI
from openai.types.responses import FunctionToolParam

from tests.acceptance.asking import ANSWERS, LONG
from tests.acceptance.insight import Insight, insight
from tests.harness.up import Up
from tests.waiting import eventually

ATTEMPTS = 6
WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a place.",
    "parameters": {
        "type": "object",
        "properties": {"at": {"type": "string", "enum": ["Bern", "Thun"]}},
        "required": ["at"],
        "additionalProperties": False,
    },
    "strict": True,
}


@pytest.fixture
def redis(demo: Up) -> Iterator[Insight]:
    with insight(demo.redis_url) as it:
        yield it


def test_the_demo_model_answers_as_in_a_chat(demo_client: OpenAI) -> None:
    made = demo_client.responses.create(model="demo", input=LONG, temperature=0)
    assert made.output_text == ANSWERS[LONG]


def test_a_forced_call_is_streamed_kept_and_gone_on_from(demo_client: OpenAI) -> None:
    with demo_client.responses.stream(
        model="demo",
        input="What is the weather in Bern?",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        # The model may write blanks between its arguments' words for long: its likeliest next token is one more.
        temperature=1.5,
        max_output_tokens=1000,
    ) as stream:
        events = list(stream)
        made = stream.get_final_response()
    (call,) = [item for item in made.output if item.type == "function_call"]
    kept = demo_client.responses.retrieve(made.id)
    following = demo_client.responses.create(
        model="demo",
        # The demo model's template knows no outputs of calls.
        input=LONG,
        previous_response_id=made.id,
        max_output_tokens=5,
    )

    assert json.loads(call.arguments)["at"] in ("Bern", "Thun")
    arguments = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(arguments) == call.arguments
    assert [item.to_dict() for item in kept.output] == [
        {name: value for name, value in item.to_dict().items() if name != "parsed_arguments"} for item in made.output
    ]
    assert following.status == "incomplete"
    assert following.output_text


def test_a_schema_is_kept_to(demo_client: OpenAI) -> None:
    made = demo_client.responses.create(
        model="demo",
        input=LONG,
        text={"format": {"type": "json_schema", "name": "place", "schema": WEATHER["parameters"] or {}}},
        temperature=0,
        max_output_tokens=50,
    )
    assert json.loads(made.output_text)["at"] in ("Bern", "Thun")


def test_log_probabilities_are_those_of_the_tokens(demo_client: OpenAI) -> None:
    made = demo_client.responses.create(model="demo", input=LONG, temperature=0, top_logprobs=2, max_output_tokens=8)
    (message,) = made.output
    assert message.type == "message"
    (part,) = message.content
    assert part.type == "output_text"
    assert part.logprobs is not None
    assert "".join(token.token for token in part.logprobs) == part.text
    assert all(len(token.top_logprobs) == 2 for token in part.logprobs)


@pytest.mark.parametrize("asks", [{}, {"tools": [WEATHER], "tool_choice": "auto"}], ids=["plain", "may call"])
def test_a_killed_worker_changes_no_event(demo: Up, demo_client: OpenAI, redis: Insight, asks: dict[str, Any]) -> None:
    for _ in range(ATTEMPTS):
        assert eventually(lambda: ready(demo) >= 2, within_s=60)
        with demo_client.responses.create(
            model="demo", input=LONG, temperature=0, background=True, stream=True, **asks
        ) as stream:
            seen = [next(stream) for _ in range(20)]
            response_id = seen[0].to_dict()["response"]["id"]
            job_id = str(response_id).removeprefix("resp_")
            redis.worker_of(job_id).kill()
            seen += list(stream)
        again = [event.to_dict() for event in demo_client.responses.retrieve(str(response_id), stream=True)]

        assert [event.to_dict() for event in seen] == again
        assert [event["sequence_number"] for event in again] == list(range(len(again)))
        assert demo_client.responses.retrieve(str(response_id)).output_text == ANSWERS[LONG]
        if redis.job(job_id).losses:
            return
    pytest.fail("no kill came in time")


def ready(demo: Up) -> int:
    return int(httpx.get(f"{demo.url}/ready").json()["pools"]["demo"]["ready"])
