"""What a request can ask for besides its answer, on vLLM."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionToolParam
from pydantic import BaseModel

from tests.acceptance.asking import ANSWERS, EMOJI, says, text_of
from tests.harness.up import Up

QUESTION = "What is Penstock?"
ANSWER = ANSWERS[QUESTION]
#: As good as greedy; vLLM makes several choices only where there is some chance.
COOL: dict[str, Any] = {"temperature": 0.01, "seed": 1}

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"warm": {"type": "boolean"}},
            "required": ["warm"],
            "additionalProperties": False,
        },
    },
}


class Valve(BaseModel):
    """What a grammar leaves hardly any choice about."""

    open: bool
    kind: str


def chat(client: OpenAI, content: str = QUESTION, **options: Any) -> Any:
    return client.chat.completions.create(model="demo", messages=says(content), **{"temperature": 0, **options})


def text(client: OpenAI, **options: Any) -> str:
    return str(chat(client, **options).choices[0].message.content)


def test_two_choices_are_two_answers(demo_client: OpenAI) -> None:
    answer = chat(demo_client, n=2, **COOL)

    assert [choice.index for choice in answer.choices] == [0, 1]
    assert [choice.message.content for choice in answer.choices] == [ANSWER, ANSWER]


def test_two_choices_can_be_streamed(demo_client: OpenAI) -> None:
    texts = {0: "", 1: ""}
    with chat(demo_client, n=2, stream=True, **COOL) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""

    assert texts == {0: ANSWER, 1: ANSWER}


@pytest.mark.parametrize("stop", ["is a", ["never said", "large language"], ANSWER[5:30]])
def test_a_stop_string_ends_the_answer_before_it(demo_client: OpenAI, stop: str | list[str]) -> None:
    answer = chat(demo_client, stop=stop)
    with chat(demo_client, stop=stop, stream=True) as stream:
        streamed = text_of(stream)

    said = stop if isinstance(stop, str) else stop[-1]
    assert answer.choices[0].message.content == streamed == ANSWER[: ANSWER.index(said)]
    assert answer.choices[0].finish_reason == "stop"


def test_a_seed_makes_chance_repeatable(demo_client: OpenAI) -> None:
    hot = {"temperature": 2.0, "max_tokens": 60}
    first, again, other = (text(demo_client, seed=seed, **hot) for seed in (7, 7, 8))

    assert first == again
    assert first != other


def test_log_probabilities_come_with_every_token(demo_client: OpenAI) -> None:
    answer = chat(demo_client, EMOJI, logprobs=True, top_logprobs=3)
    scores = answer.choices[0].logprobs.content

    assert len(scores) == answer.usage.completion_tokens
    assert bytes(byte for score in scores for byte in score.bytes).decode().startswith(ANSWERS[EMOJI])
    for score in scores:
        assert len(score.top_logprobs) >= 3
        assert score.logprob == pytest.approx(max(top.logprob for top in score.top_logprobs))


def test_log_probabilities_can_be_streamed(demo_client: OpenAI) -> None:
    whole = chat(demo_client, logprobs=True).choices[0].logprobs.content
    with chat(demo_client, logprobs=True, stream=True) as stream:
        streamed = [
            score
            for chunk in stream
            for choice in chunk.choices
            if choice.logprobs
            for score in choice.logprobs.content or ()
        ]

    assert [score.token for score in streamed] == [score.token for score in whole]
    assert [score.logprob for score in streamed] == pytest.approx([score.logprob for score in whole], abs=1e-3)


def test_a_completion_has_log_probabilities_in_its_own_form(demo_client: OpenAI) -> None:
    answer = demo_client.completions.create(model="demo", prompt="Penstock is", temperature=0, max_tokens=5, logprobs=2)
    scores = answer.choices[0].logprobs

    assert scores is not None
    assert scores.tokens is not None
    assert len(scores.tokens) == 5
    assert "".join(scores.tokens) == answer.choices[0].text


@pytest.mark.parametrize("penalty", ["frequency_penalty", "presence_penalty"])
def test_a_penalty_keeps_the_model_from_repeating_itself(demo_client: OpenAI, penalty: str) -> None:
    def babble(**options: Any) -> str:
        wanted = {"model": "demo", "prompt": "one one one", "temperature": 0, "max_tokens": 60, **options}
        return str(demo_client.completions.create(**wanted, extra_body={"ignore_eos": True}).choices[0].text)

    assert babble() == babble(**{penalty: 0.0})
    assert babble() != babble(**{penalty: 2.0})


def test_a_banned_token_is_not_said(demo: Up, demo_client: OpenAI) -> None:
    encoded = httpx.post(f"{demo.url}/tokenize", json={"prompt": ANSWER, "add_special_tokens": False}).json()
    banned = chat(demo_client, logit_bias={str(encoded["tokens"][0]): -100}, max_tokens=20)

    assert banned.choices[0].message.content
    assert not banned.choices[0].message.content.startswith(ANSWER[:8])


def test_a_schema_shapes_the_answer(demo_client: OpenAI) -> None:
    kinds = {"type": "string", "enum": ["gate", "ball"]}
    schema = {
        "type": "object",
        "properties": {"open": {"type": "boolean"}, "kind": kinds},
        "required": ["open", "kind"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "valve", "schema": schema, "strict": True}}
    for stream in (False, True):
        answer = chat(demo_client, response_format=wanted, max_tokens=100, stream=stream)
        said = text_of(answer) if stream else answer.choices[0].message.content
        assert Valve.model_validate_json(said).kind in ("gate", "ball")


def test_a_named_tool_is_called(demo_client: OpenAI) -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    # The penalty keeps a model that was never taught JSON from filling it with white space.
    answer = chat(demo_client, tools=[WEATHER], tool_choice=choice, max_tokens=100, frequency_penalty=2.0)
    (call,) = answer.choices[0].message.tool_calls

    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments)["warm"], bool)


def test_a_model_that_may_use_tools_may_also_just_answer(demo_client: OpenAI) -> None:
    answer = chat(demo_client, tools=[WEATHER], tool_choice="auto", max_tokens=40)

    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls
