"""A vLLM worker dies by SIGKILL in the middle of an answer, and its client never knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from openai import AsyncStream, OpenAI, Stream
from openai.types.chat import ChatCompletionChunk

from penstock.settings.builtin import FOLDER as BUILTIN
from penstock.text.hf_tokenizer import HfTokenizer
from tests.acceptance.asking import ANSWERS, CJK, EMOJI, JOB_ID, LONG, connected_async, job, job_id_of, says, text_of
from tests.acceptance.insight import Insight, insight
from tests.harness.up import Up
from tests.waiting import eventually

TOKENIZER = HfTokenizer(BUILTIN / "demo")
ATTEMPTS = 6

Chunks = list[ChatCompletionChunk]


@pytest.fixture(scope="module", autouse=True)
def unhurried(demo: Up) -> None:
    """On a busy machine the engines wait for us, so that kills come in time."""
    (host,) = demo.by_role()["host"]
    for process in (host, *host.children(recursive=True)):
        process.nice(10)


@pytest.fixture
def redis(demo: Up) -> Iterator[Insight]:
    with insight(demo.redis_url) as it:
        yield it


def attempts() -> Iterator[int]:
    """Until the caller is content: a kill may come when the answer is already there."""
    yield from range(ATTEMPTS)
    pytest.fail("no kill came in time")


@dataclass(frozen=True)
class Killing:
    """Streams whose worker is killed at a chosen token."""

    demo: Up
    client: OpenAI
    redis: Insight

    def begin(self, question: str, **options: Any) -> Stream[ChatCompletionChunk]:
        """A stream that there are workers for, one to kill and one to take over."""
        self.await_workers()
        stream: Stream[ChatCompletionChunk] = self.client.chat.completions.create(
            model="demo", messages=says(question), temperature=0, stream=True, **options
        )
        return stream

    def each(
        self, question: str, tokens: int, hits: Callable[[str, int], bool] = lambda *_: True, **options: Any
    ) -> Iterator[Chunks]:
        """What clients get while a kill is tried until it comes at a token count that `hits`."""
        for _ in attempts():
            with self.begin(question, **options) as stream:
                job_id = job_id_of(stream)
                self.redis.await_tokens(job_id, tokens)
                self.redis.worker_of(job_id).kill()
                yield list(stream)
            if any(hits(job_id, cut) for cut in self.redis.cuts(job_id)):
                return

    def await_workers(self) -> None:
        """Who was killed often stays away for a while."""
        with httpx.Client() as client:

            def ready() -> int:
                return int(client.get(f"{self.demo.url}/ready").json()["pools"]["demo"]["ready"])

            assert eventually(lambda: ready() >= 2, within_s=60)


@pytest.fixture
def killing(demo: Up, demo_client: OpenAI, redis: Insight) -> Killing:
    it = Killing(demo, demo_client, redis)
    it.await_workers()
    return it


def test_a_killed_worker_changes_nothing_in_a_stream(killing: Killing, demo_client: OpenAI, redis: Insight) -> None:
    for _ in attempts():
        with killing.begin(LONG) as stream:
            begun = [next(stream) for _ in range(10)]
            redis.worker_of(job_id_of(stream)).kill()
            rest = list(stream)

        assert text_of(begun + rest) == ANSWERS[LONG]
        told = job(demo_client, job_id_of(stream))
        assert (told["state"], told["attempts"]) == ("completed", told["losses"] + 1)
        assert told["usage"]["completion_tokens"] == len(redis.tokens(job_id_of(stream)))
        if told["losses"]:
            return


def test_a_killed_worker_changes_nothing_in_a_whole_answer(
    killing: Killing, demo_client: OpenAI, redis: Insight
) -> None:
    for _ in attempts():
        killing.await_workers()
        with ThreadPoolExecutor() as pool:
            asking = pool.submit(
                demo_client.chat.completions.with_raw_response.create, model="demo", messages=says(LONG), temperature=0
            )
            assert eventually(lambda: len(redis.live()) == 1)
            (job_id,) = redis.live()
            redis.await_tokens(job_id, 10)
            redis.worker_of(job_id).kill()
            answer = asking.result()

        assert answer.headers[JOB_ID] == job_id
        assert answer.parse().choices[0].message.content == ANSWERS[LONG]
        if job(demo_client, job_id)["losses"]:
            return


async def test_many_streams_outlive_their_worker_at_once(
    killing: Killing, demo: Up, demo_client: OpenAI, redis: Insight
) -> None:
    questions = [LONG, "Write a poem about Penstock", "Tell me a story", "Explain in detail how LLM serving works"] * 4
    async with connected_async(demo.url) as client:

        async def begun(question: str) -> AsyncStream[ChatCompletionChunk]:
            return await client.chat.completions.create(
                model="demo", messages=says(question), temperature=0, stream=True
            )

        streams = await asyncio.gather(*map(begun, questions))
        redis.worker_of(job_id_of(streams[0])).kill()
        answers = [text_of([chunk async for chunk in stream]) for stream in streams]

    assert answers == [ANSWERS[question] for question in questions]
    assert sum(job(demo_client, job_id_of(stream))["losses"] for stream in streams) > 1


@pytest.mark.parametrize("question", [EMOJI, CJK])
def test_a_character_cut_in_the_middle_comes_out_whole(killing: Killing, redis: Insight, question: str) -> None:
    def is_inside(job_id: str, cut: int) -> bool:
        return ends_inside_a_character(redis.tokens(job_id)[:cut])

    tokens = TOKENIZER.encode(ANSWERS[question], special=False)
    first = next(count for count in range(2, len(tokens)) if ends_inside_a_character(tokens[:count]))
    for chunks in killing.each(question, first, is_inside):
        assert text_of(chunks) == ANSWERS[question]


def test_a_stop_string_across_a_cut_is_found(killing: Killing) -> None:
    answer = ANSWERS[LONG]
    before, stop = answer[:100], answer[100:400]
    start, length = (len(TOKENIZER.encode(text, special=False)) for text in (before, stop))
    for chunks in killing.each(LONG, start + 2, lambda _, cut: start < cut < start + length, stop=stop):
        assert text_of(chunks) == before
        assert chunks[-1].choices[0].finish_reason == "stop"


def test_log_probabilities_go_on_after_a_cut(killing: Killing) -> None:
    def scored(chunks: Chunks) -> list[tuple[str, float]]:
        found = [choice.logprobs for chunk in chunks for choice in chunk.choices if choice.logprobs]
        return [(score.token, score.logprob) for logprobs in found for score in logprobs.content or ()]

    with killing.begin(LONG, logprobs=True, top_logprobs=2) as stream:
        uncut = list(stream)
    # Beyond the first block of the prefix cache, whose log probabilities nobody would compute again.
    for cut in killing.each(LONG, 40, logprobs=True, top_logprobs=2):
        assert text_of(cut) == ANSWERS[LONG]
        assert [token for token, _ in scored(cut)] == [token for token, _ in scored(uncut)]
        assert [score for _, score in scored(cut)] == pytest.approx([score for _, score in scored(uncut)], abs=1e-3)


def test_an_answer_that_may_call_tools_goes_on_after_a_cut(killing: Killing) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    for chunks in killing.each(LONG, 40, tools=tools, tool_choice="auto"):
        assert text_of(chunks) == ANSWERS[LONG]
        assert chunks[-1].choices[0].finish_reason == "stop"


def test_what_cannot_go_on_starts_again_and_says_nothing_twice(killing: Killing) -> None:
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": 60, "maxItems": 60}
    wanted = {"type": "json_schema", "json_schema": {"name": "numbers", "schema": schema}}
    with killing.begin(LONG, response_format=wanted, max_tokens=300) as stream:
        uncut = text_of(stream)
    for chunks in killing.each(LONG, 30, response_format=wanted, max_tokens=300):
        assert text_of(chunks) == uncut


def ends_inside_a_character(tokens: list[int]) -> bool:
    return TOKENIZER.decode(tokens).endswith("\ufffd")
