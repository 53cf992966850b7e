from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from penstock.errors import ContextLengthError, InvalidRequestError
from penstock.request import Api, parse
from tests.integration.workers.engine.vllm_bench import COMPACT, Bench, served
from workers.engine.base import Finish, Output
from workers.engine.serving import ServingRequest, ServingTranscript
from workers.job.plan import prompts

if importlib.util.find_spec("vllm") is None:
    pytest.skip("the light installation has no vLLM", allow_module_level=True)
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:max_tokens is deprecated"),  # by vLLM, of itself
]

MAX_LEN = 512
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"warm": {"type": "boolean"}},
            "required": ["warm"],
            "additionalProperties": False,
        },
    },
}
STRICT_WEATHER = {"type": "function", "function": WEATHER["function"] | {"strict": True}}
QUESTION: dict[str, Any] = {
    "model": "demo",
    "messages": [{"role": "user", "content": "What is Penstock?"}],
    "temperature": 0,
    "max_tokens": 20,
    "stream": True,
}
TEXT: dict[str, Any] = {"model": "demo", "prompt": "Penstock is", "temperature": 0, "max_tokens": 12, "stream": True}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    async with served(max_model_len=MAX_LEN, engine_args=COMPACT, tool_parser="hermes") as bench:
        yield bench


class Answer:
    """An engine-written answer and what came of it."""

    def __init__(self, transcript: ServingTranscript) -> None:
        self.transcript = transcript
        self.tokens: list[int] = []
        self.pieces: list[str] = []

    def take(self, output: Output) -> None:
        pieces = self.transcript.feed(output)
        self.tokens += output.tokens[: len(pieces)]
        self.pieces += pieces

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(line) for piece in self.pieces for line in piece.split("\n") if line]

    @property
    def text(self) -> str:
        return "".join(
            choice.get("text") or choice.get("delta", {}).get("content") or ""
            for chunk in self.chunks
            for choice in chunk["choices"]
        )


async def opened(bench: Bench, api: Api, body: dict[str, Any], done: Sequence[int] = ()) -> Answer:
    checked = parse(api, json.dumps(body).encode())
    request = ServingRequest(
        id=bench.fresh_id(),
        body=checked,
        prompts=prompts(checked, bench.engine),
        response_id="answer-1",
        created=1_700_000_000,
        service_tier="flex" if "service_tier" in body else None,
        done=done,
    )
    return Answer(await bench.engine.open_serving(request))


async def answered(bench: Bench, api: Api, body: dict[str, Any], done: Sequence[int] = ()) -> Answer:
    answer = await opened(bench, api, body, done)
    generation = answer.transcript.generation
    await bench.engine.submit(generation)
    outputs = bench.recorder.outputs[generation.id]
    while answer.transcript.finish is None:
        await bench.recorder.until(lambda: bool(outputs))
        answer.take(outputs.pop(0))
    await bench.engine.cancel([generation.id])
    return answer


async def test_every_chunk_has_the_jobs_identity(bench: Bench) -> None:
    answer = await answered(bench, Api.CHAT, QUESTION | {"logprobs": True, "top_logprobs": 2})
    identities = {(chunk["id"], chunk["created"], chunk["model"]) for chunk in answer.chunks}
    assert identities == {("answer-1", 1_700_000_000, "demo")}


async def test_a_chat_with_log_probabilities_has_one_per_token(bench: Bench) -> None:
    answer = await answered(bench, Api.CHAT, QUESTION | {"logprobs": True, "top_logprobs": 2})
    scored = [
        entry
        for chunk in answer.chunks
        for choice in chunk["choices"]
        for entry in (choice["logprobs"] or {"content": []})["content"]
    ]
    assert len(scored) == len(answer.tokens) == len(answer.pieces)
    assert all(len(entry["top_logprobs"]) == 2 and entry["logprob"] <= 0 for entry in scored)
    assert answer.transcript.finish_reason in {"stop", "length"}


async def test_the_last_piece_carries_the_usage(bench: Bench) -> None:
    body = QUESTION | {"logprobs": True, "stream_options": {"include_usage": True}}
    answer = await answered(bench, Api.CHAT, body)
    usage = json.loads(answer.pieces[-1].split("\n")[-1])["usage"]
    assert usage["completion_tokens"] == len(answer.tokens)
    assert usage["prompt_tokens"] == answer.transcript.prompt_tokens


@pytest.mark.parametrize(
    ("api", "body"),
    [
        (Api.CHAT, QUESTION | {"logprobs": True, "top_logprobs": 3, "stream_options": {"include_usage": True}}),
        (Api.CHAT, QUESTION | {"tools": [WEATHER]}),
        (Api.COMPLETION, TEXT | {"logprobs": 2}),
        (Api.COMPLETION, TEXT | {"logprobs": 1, "echo": True}),
        (Api.COMPLETION, TEXT | {"logprobs": 1, "frequency_penalty": 0.7, "presence_penalty": 0.4}),
    ],
    ids=["chat logprobs", "chat tools", "logprobs", "echo", "penalties"],
)
async def test_a_continued_answer_equals_the_uncut_one(bench: Bench, api: Api, body: dict[str, Any]) -> None:
    whole = await answered(bench, api, body)
    cut = len(whole.tokens) // 2
    rest = await answered(bench, api, body, whole.tokens[:cut])
    assert rest.transcript.is_continued
    assert rest.tokens == whole.tokens[cut:]
    assert without_scores(rest.chunks) == without_scores(json_lines(whole.pieces[cut:]))
    assert scores(rest.chunks) == pytest.approx(scores(json_lines(whole.pieces[cut:])), abs=1e-4)
    assert response_scores(await rest.transcript.response()) == pytest.approx(
        response_scores(await whole.transcript.response()), abs=1e-4
    )


async def test_a_response_that_is_not_streamed_is_one_body(bench: Bench) -> None:
    answer = await answered(bench, Api.CHAT, QUESTION | {"logprobs": True, "stream": False})
    response = json.loads(await answer.transcript.response())
    assert (response["id"], response["created"], response["model"]) == ("answer-1", 1_700_000_000, "demo")
    assert response["object"] == "chat.completion"
    assert response["choices"][0]["message"]["content"] == answer.text
    assert response["choices"][0]["finish_reason"] == answer.transcript.finish_reason
    assert response["usage"]["completion_tokens"] == len(answer.tokens)


@pytest.mark.parametrize(
    ("api", "body"), [(Api.CHAT, QUESTION | {"logprobs": True}), (Api.COMPLETION, TEXT | {"n": 2})]
)
async def test_the_tier_is_told_where_one_was_asked_for(bench: Bench, api: Api, body: dict[str, Any]) -> None:
    answer = await answered(bench, api, body | {"service_tier": "auto"})
    without = await answered(bench, api, body)
    assert {chunk["service_tier"] for chunk in answer.chunks} == {"flex"}
    assert not any("service_tier" in chunk for chunk in without.chunks)
    written = await answer.transcript.response()
    assert (written.count(b"service_tier"), json.loads(written)["service_tier"]) == (1, "flex")


async def test_a_named_tool_is_called_by_its_grammar(bench: Bench) -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    body = QUESTION | {"tools": [STRICT_WEATHER], "tool_choice": choice, "max_tokens": 100, "frequency_penalty": 2.0}
    answer = await answered(bench, Api.CHAT, body)
    assert not answer.transcript.is_continued
    response = json.loads(await answer.transcript.response())
    call = response["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["name"] == "weather"
    assert isinstance(json.loads(call["function"]["arguments"])["warm"], bool)


async def test_a_pool_without_a_tool_parser_calls_what_is_demanded() -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    body = QUESTION | {"tools": [STRICT_WEATHER], "max_tokens": 100, "frequency_penalty": 2.0}
    async with served(max_model_len=MAX_LEN, engine_args=COMPACT) as bench:
        for choice in ("required", named):
            wanted = body | {"tool_choice": choice, "parallel_tool_calls": False}
            answer = await answered(bench, Api.CHAT, wanted)
            (call,) = json.loads(await answer.transcript.response())["choices"][0]["message"]["tool_calls"]
            assert call["function"]["name"] == "weather"
            assert isinstance(json.loads(call["function"]["arguments"])["warm"], bool)
            assert json.loads(arguments_of(answer.chunks)) == json.loads(call["function"]["arguments"])
        free = await answered(bench, Api.CHAT, body | {"tool_choice": "auto", "logprobs": True, "max_tokens": 20})
        plain = await answered(bench, Api.CHAT, QUESTION | {"frequency_penalty": 2.0, "logprobs": True})
        assert free.tokens == plain.tokens
        assert free.text == plain.text


async def test_one_call_at_a_time_is_the_grammars_matter() -> None:
    other = {"type": "function", "function": {"name": "clock"}}
    body = QUESTION | {"tools": [WEATHER, other], "tool_choice": "required"}
    async with served(max_model_len=MAX_LEN, engine_args=COMPACT) as bench:
        for parallel, most in ((True, None), (None, None), (False, 1)):
            answer = await opened(bench, Api.CHAT, body | {"parallel_tool_calls": parallel})
            (request,) = answer.transcript.generation.requests  # type: ignore[attr-defined]
            schema = request.sampling_params.structured_outputs.json
            assert (schema["type"], schema.get("maxItems")) == ("array", most)


async def test_a_tool_call_cut_in_the_middle_goes_on_with_the_same_chunks(bench: Bench) -> None:
    body = QUESTION | {"tools": [WEATHER], "max_tokens": 200}
    text = 'Let me see.<tool_call>\n{"name": "weather", "arguments": {"warm": true}}\n</tool_call>'
    tokens = bench.engine.tokenizer.encode(text, special=False)
    whole = await opened(bench, Api.CHAT, body)
    feed(whole, tokens)
    assert whole.transcript.finish_reason == "tool_calls"
    assert arguments_of(whole.chunks) == '{"warm": true}'
    for cut in range(1, len(tokens), 3):
        rest = await opened(bench, Api.CHAT, body, tokens[:cut])
        feed(rest, tokens[cut:])
        assert rest.pieces == whole.pieces[cut:]
        assert await rest.transcript.response() == await whole.transcript.response()


async def test_reasoning_is_told_from_the_answer_across_a_cut() -> None:
    text = "Here is my thought process: A queue keeps order. Here is my response: First in, first out."
    async with served(reasoning_parser="granite") as bench:
        tokens = bench.engine.tokenizer.encode(text, special=False)
        whole = await opened(bench, Api.CHAT, QUESTION | {"max_tokens": 200})
        feed(whole, tokens)
        rest = await opened(bench, Api.CHAT, QUESTION | {"max_tokens": 200}, tokens[:8])
        feed(rest, tokens[8:])
        message = json.loads(await whole.transcript.response())["choices"][0]["message"]
    assert rest.pieces == whole.pieces[8:]
    assert message["reasoning"].strip() == "A queue keeps order."
    assert message["content"].strip() == "First in, first out."


async def test_a_stop_string_ends_the_answer_before_the_engine_does(bench: Bench) -> None:
    whole = await answered(bench, Api.COMPLETION, TEXT | {"logprobs": 1})
    stop = whole.text.split()[2]
    answer = await answered(bench, Api.COMPLETION, TEXT | {"logprobs": 1, "stop": [stop], "max_tokens": 100})
    assert answer.transcript.finish is Finish.STOP
    assert answer.transcript.stop_reason == stop
    assert answer.text == whole.text[: whole.text.index(stop)]


async def test_several_choices_are_told_apart(bench: Bench) -> None:
    answer = await answered(bench, Api.CHAT, QUESTION | {"n": 3, "temperature": 2.0, "seed": 1})
    assert not answer.transcript.is_continued
    response = json.loads(await answer.transcript.response())
    assert [choice["index"] for choice in response["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in response["choices"]}) > 1
    assert response["usage"]["completion_tokens"] == len(answer.tokens)


async def test_several_prompts_are_answered_in_order(bench: Bench) -> None:
    prompts = ["Penstock is", "A queue is", "A token is"]
    answer = await answered(bench, Api.COMPLETION, TEXT | {"prompt": prompts, "echo": True})
    response = json.loads(await answer.transcript.response())
    assert [choice["index"] for choice in response["choices"]] == [0, 1, 2]
    assert all(choice["text"].startswith(prompt) for choice, prompt in zip(response["choices"], prompts, strict=True))
    assert {choice["index"] for chunk in answer.chunks for choice in chunk["choices"]} == {0, 1, 2}


async def test_a_prompt_that_does_not_fit_is_the_clients_fault(bench: Bench) -> None:
    with pytest.raises(ContextLengthError):
        await opened(bench, Api.COMPLETION, TEXT | {"prompt": "word " * 2 * MAX_LEN, "logprobs": 1})


async def test_a_wrong_tool_is_the_clients_fault(bench: Bench) -> None:
    with pytest.raises(InvalidRequestError):
        await opened(bench, Api.CHAT, QUESTION | {"tools": [{"type": "function"}]})


async def test_an_abandoned_answer_leaves_nothing_behind(bench: Bench) -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    answer = await opened(bench, Api.CHAT, QUESTION | {"tools": [WEATHER]})
    feed(answer, [5, 6], is_end=False)
    del answer
    gc.collect()
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert complaints == []


def feed(answer: Answer, tokens: Sequence[int], *, is_end: bool = True) -> None:
    """As the engine would, one token a step, and then the end."""
    from vllm.v1.engine import EngineCoreOutput

    for token in tokens:
        raw = EngineCoreOutput(request_id=answer.transcript.generation.id, new_token_ids=[token])
        answer.take(Output(id=raw.request_id, tokens=[token], extra=raw))
    if is_end:
        answer.take(Output(id=answer.transcript.generation.id, tokens=[], finish=Finish.STOP))


def arguments_of(chunks: Sequence[dict[str, Any]]) -> str:
    """The arguments of a streamed tool call."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    return "".join(call["function"].get("arguments") or "" for call in calls)


def json_lines(pieces: Sequence[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for piece in pieces for line in piece.split("\n") if line]


def scores(chunks: Sequence[dict[str, Any]]) -> list[float]:
    return [value for chunk in chunks for choice in chunk["choices"] for value in numbers(choice.get("logprobs"))]


def response_scores(response: bytes) -> list[float]:
    return [value for choice in json.loads(response)["choices"] for value in numbers(choice["logprobs"])]


def numbers(value: Any) -> list[float]:
    """Every float inside a JSON value."""
    if isinstance(value, float):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [number for item in inner for number in numbers(item)]


def without_scores(value: Any) -> Any:
    """The same JSON with each float replaced."""
    if isinstance(value, dict):
        return {key: without_scores(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_scores(item) for item in value]
    return "score" if isinstance(value, float) else value
