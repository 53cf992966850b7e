"""OpenAI's client gets the demo model's trained answers exactly, streamed and whole."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.acceptance.asking import ANSWERS, CJK, EMOJI, JOB_ID, LONG, connected_async, job, says, text_of
from tests.harness.up import Up

SOME = [LONG, EMOJI, CJK, "What is Penstock?", "Show me a family emoji", "Say thank you in many languages"]


async def test_every_question_gets_the_answer_it_was_taught(demo: Up) -> None:
    async with connected_async(demo.url) as client:
        at_once = asyncio.Semaphore(64)

        async def answer_to(question: str) -> str | None:
            async with at_once:
                answer = await client.chat.completions.create(model="demo", messages=says(question), temperature=0)
            return answer.choices[0].message.content

        answers = await asyncio.gather(*map(answer_to, ANSWERS))

    assert dict(zip(ANSWERS, answers, strict=True)) == ANSWERS


@pytest.mark.parametrize("question", SOME)
def test_a_streamed_answer_is_the_same(demo_client: OpenAI, question: str) -> None:
    with demo_client.chat.completions.create(
        model="demo", messages=says(question), temperature=0, stream=True
    ) as stream:
        chunks = list(stream)

    assert text_of(chunks) == ANSWERS[question]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert len(chunks) > 3


async def test_many_streams_at_once_do_not_mix(demo: Up) -> None:
    async with connected_async(demo.url) as client:

        async def streamed(question: str) -> str:
            stream = await client.chat.completions.create(
                model="demo", messages=says(question), temperature=0, stream=True
            )
            return text_of([chunk async for chunk in stream])

        answers = await asyncio.gather(*map(streamed, SOME * 4))

    assert answers == [ANSWERS[question] for question in SOME * 4]


def test_usage_is_told_alike_by_a_stream_and_a_whole_answer(demo_client: OpenAI) -> None:
    whole = demo_client.chat.completions.create(model="demo", messages=says(LONG), temperature=0)
    with demo_client.chat.completions.create(
        model="demo", messages=says(LONG), temperature=0, stream=True, stream_options={"include_usage": True}
    ) as stream:
        *chunks, last = list(stream)

    assert whole.usage is not None
    assert last.usage is not None
    assert not last.choices
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    counts = (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens)
    assert counts == (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens)
    assert counts[0] + counts[1] == counts[2]


@pytest.mark.parametrize("stream", [False, True])
def test_a_completion_of_the_rendered_conversation_is_the_same_answer(
    demo: Up, demo_client: OpenAI, *, stream: bool
) -> None:
    prompt = tokens_of(demo, CJK)
    wanted: dict[str, Any] = {"model": "demo", "prompt": prompt, "temperature": 0, "max_tokens": 400}
    if stream:
        with demo_client.completions.create(**wanted, stream=True) as chunks:
            text = "".join(chunk.choices[0].text for chunk in chunks)
    else:
        answer = demo_client.completions.create(**wanted)
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == len(prompt)
        assert answer.choices[0].finish_reason == "stop"
        text = answer.choices[0].text

    assert text == ANSWERS[CJK]


def test_an_answer_is_cut_at_the_limit_and_says_so(demo_client: OpenAI) -> None:
    answer = demo_client.chat.completions.create(model="demo", messages=says(LONG), temperature=0, max_tokens=7)

    assert answer.usage is not None
    assert answer.usage.completion_tokens == 7
    assert answer.choices[0].finish_reason == "length"
    assert ANSWERS[LONG].startswith(answer.choices[0].message.content or "-")


def test_a_response_names_its_job_which_has_the_answer_usage_and_timings(demo_client: OpenAI) -> None:
    raw = demo_client.chat.completions.with_raw_response.create(model="demo", messages=says(CJK), temperature=0)
    told = job(demo_client, raw.headers[JOB_ID])

    assert told["state"] == "completed"
    assert told["result"] == raw.http_response.json()
    assert told["usage"] == raw.http_response.json()["usage"]
    assert (told["attempts"], told["losses"]) == (1, 0)
    assert 0 <= told["timings"]["ttft_ms"] <= told["timings"]["total_ms"]


def test_the_models_are_listed(demo_client: OpenAI) -> None:
    assert [model.id for model in demo_client.models.list()] == ["demo"]
    assert demo_client.models.retrieve("demo").id == "demo"


@pytest.mark.parametrize("text", ["What is Penstock?", "Ünïcödé 💧 水門", "  spaces \n and lines\t"])
def test_text_becomes_tokens_and_the_same_text_again(demo: Up, text: str) -> None:
    tokens = httpx.post(f"{demo.url}/tokenize", json={"prompt": text, "add_special_tokens": False}).json()
    back = httpx.post(f"{demo.url}/detokenize", json={"tokens": tokens["tokens"]}).json()

    assert tokens["count"] == len(tokens["tokens"]) > 0
    assert tokens["max_model_len"] == 2048
    assert back["prompt"] == text


def tokens_of(demo: Up, question: str) -> list[int]:
    reply = httpx.post(f"{demo.url}/tokenize", json={"messages": says(question)})
    tokens: list[int] = reply.json()["tokens"]
    return tokens
