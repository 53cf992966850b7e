from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import signal
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from msgspec.structs import replace

from penstock.errors import ContextLengthError, EngineDeadError, EngineStartError, InvalidRequestError
from penstock.request import Api, Constraint, parse
from tests.integration.workers.engine.vllm_bench import COMPACT, DEADLINE_S, MODEL, Bench, Recorder, served
from workers.engine.base import Finish
from workers.engine.serving import ServingRequest
from workers.engine.vllm import VllmEngine, VllmSettings
from workers.engine.vllm.preload import preload
from workers.job.plan import prompts

if importlib.util.find_spec("vllm") is None:
    pytest.skip("the light installation has no vLLM", allow_module_level=True)
pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_LEN = 256


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    async with served(max_model_len=MAX_LEN, block_size=32, engine_args=COMPACT) as bench:
        yield bench


async def test_greedy_generation_is_repeatable(bench: Bench) -> None:
    assert await bench.tokens() == await bench.tokens()


async def test_a_step_of_several_generations_is_one_sink_call(bench: Bench) -> None:
    generations = [bench.generation() for _ in range(4)]
    for generation in generations:
        await bench.engine.submit(generation)
    for generation in generations:
        assert (await bench.recorder.end(generation.id)).finish is Finish.LENGTH
    ids = {generation.id for generation in generations}
    assert any({output.id for output in step} == ids for step in bench.recorder.steps)


@pytest.mark.parametrize(
    "sampling",
    [
        {},
        {"repetition_penalty": 1.3},
        {"frequency_penalty": 0.8},
        {"presence_penalty": 1.5},
        {"frequency_penalty": 0.5, "presence_penalty": -0.5, "logit_bias": {7: 1.5}},
        {"min_tokens": 12, "ignore_eos": False},
    ],
    ids=str,
)
async def test_a_continued_generation_equals_the_uncut_one(bench: Bench, sampling: dict[str, Any]) -> None:
    whole = await bench.tokens(**sampling)
    for cut in range(1, len(whole), 5):
        assert whole[:cut] + await bench.tokens(done=whole[:cut], **sampling) == whole


async def test_a_seeded_generation_is_repeatable_and_goes_on_with_other_luck(bench: Bench) -> None:
    hot = {"temperature": 1.5, "seed": 7}
    whole = await bench.tokens(**hot)
    assert await bench.tokens(**hot) == whole
    rest = await bench.tokens(done=whole[:4], **hot)
    assert len(rest) == len(whole) - 4
    assert rest[:4] != whole[:4]


async def test_a_generation_that_has_all_its_tokens_ends_at_once(bench: Bench) -> None:
    generation = bench.generation(done=[5] * 24)
    await bench.engine.submit(generation)
    end = await bench.recorder.end(generation.id)
    assert (end.tokens, end.finish) == ([], Finish.LENGTH)


async def test_a_generation_whose_last_token_was_its_end_ends_at_once(bench: Bench) -> None:
    end_token = next(iter(bench.engine.tokenizer.eos_ids))
    generation = bench.generation(done=[5, end_token], ignore_eos=False)
    await bench.engine.submit(generation)
    end = await bench.recorder.end(generation.id)
    assert (end.tokens, end.finish, end.stop_token) == ([], Finish.STOP, end_token)


async def test_without_a_limit_the_rest_of_the_context_is_used(bench: Bench) -> None:
    generation = bench.generation(max_tokens=None)
    await bench.engine.submit(generation)
    assert (await bench.recorder.end(generation.id)).finish is Finish.LENGTH
    assert len(generation.prompt) + len(bench.recorder.tokens[generation.id]) == MAX_LEN


async def test_a_stop_token_ends_the_generation_and_is_named(bench: Bench) -> None:
    third = (await bench.tokens())[2]
    generation = bench.generation(stop_token_ids=(third,))
    await bench.engine.submit(generation)
    end = await bench.recorder.end(generation.id)
    assert (end.finish, end.stop_token) == (Finish.STOP, third)
    assert bench.recorder.tokens[generation.id][-1] == third


async def test_a_prompt_longer_than_the_context_is_refused_with_the_limit(bench: Bench) -> None:
    with pytest.raises(ContextLengthError, match=f"{MAX_LEN} tokens"):
        await bench.engine.submit(bench.generation("word " * 2 * MAX_LEN))


async def test_a_completion_ends_where_the_context_does(bench: Bench) -> None:
    prompt = "word " * (MAX_LEN - 20)
    generation = bench.generation(prompt, max_tokens=MAX_LEN)
    await bench.engine.submit(generation)
    assert (await bench.recorder.end(generation.id)).finish is Finish.LENGTH
    assert len(generation.prompt) + len(bench.recorder.tokens[generation.id]) == MAX_LEN


@pytest.mark.parametrize(
    "wrong",
    [
        {"logit_bias": {10**6: 1.0}},
        {"constraint": Constraint("json", {"type": "nonsense"}, "response_format")},
        {"constraint": Constraint("regex", "[", "structured_outputs")},
        {"constraint": Constraint("grammar", "root ::= (", "structured_outputs")},
    ],
    ids=str,
)
async def test_what_the_model_cannot_do_is_the_clients_fault(bench: Bench, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await bench.engine.submit(bench.generation(**wrong))
    assert "xgrammar" not in caught.value.message
    assert caught.value.param == (wrong["constraint"].field if "constraint" in wrong else "logit_bias")
    assert await bench.tokens(max_tokens=2)


async def test_a_schema_shapes_the_answer(bench: Bench) -> None:
    schema = {"type": "object", "properties": {"big": {"type": "boolean"}}, "required": ["big"]}
    tokens = await bench.tokens(
        constraint=Constraint("json", schema, "response_format"), ignore_eos=False, max_tokens=100
    )
    assert isinstance(json.loads(bench.engine.tokenizer.decode(tokens))["big"], bool)


async def test_a_cancelled_generation_is_silent(bench: Bench) -> None:
    cancelled, other = bench.generation(max_tokens=200), bench.generation(max_tokens=100)
    await bench.engine.submit(cancelled)
    await bench.recorder.until(lambda: cancelled.id in bench.recorder.tokens)
    await bench.engine.cancel([cancelled.id, "never seen"])
    heard = len(bench.recorder.tokens[cancelled.id])
    await bench.engine.submit(other)
    await bench.recorder.end(other.id)
    assert len(bench.recorder.tokens[cancelled.id]) == heard
    assert cancelled.id not in bench.recorder.ended


async def test_of_many_prompts_that_are_cancelled_while_they_are_sent_none_runs_on(bench: Bench) -> None:
    raw = {"model": "demo", "prompt": ["Water"] * 40, "max_tokens": 200, "ignore_eos": True}
    body = parse(Api.COMPLETION, json.dumps(raw).encode())
    many = ServingRequest(
        id=bench.fresh_id(), body=body, prompts=prompts(body, bench.engine), response_id="many", created=1_700_000_000
    )
    generation = (await bench.engine.open_serving(many)).generation
    sending = asyncio.create_task(bench.engine.submit(generation))
    await asyncio.sleep(0)
    await bench.engine.cancel([generation.id])
    await sending
    await bench.tokens()
    stats = bench.engine.stats()
    assert stats.running + stats.waiting == 0


async def test_a_known_prefix_is_counted_as_cached(bench: Bench) -> None:
    text = "A queue keeps the order. " * 20
    before = bench.engine.stats()
    for _ in range(2):
        generation = bench.generation(text, max_tokens=1)
        await bench.engine.submit(generation)
        end = await bench.recorder.end(generation.id)
    after = bench.engine.stats()
    assert 0 < end.cached_tokens <= len(generation.prompt)
    assert after.prefix_hits > before.prefix_hits
    assert after.prompt_tokens == before.prompt_tokens + 2 * len(generation.prompt)
    assert after.generated_tokens == before.generated_tokens + 2


async def test_a_tokenizer_that_the_models_library_builds_otherwise_is_refused_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text().replace("PreTrainedTokenizerFast", "Qwen2Tokenizer"))
    preload([MODEL])
    engine = VllmEngine(VllmSettings(model=str(folder)))
    with warnings.catch_warnings(action="ignore"), pytest.raises(EngineStartError, match="save_pretrained"):
        await engine.start(Recorder())
    await engine.stop()


async def test_a_model_that_does_not_load_says_so_at_the_start(bench: Bench) -> None:
    engine = VllmEngine(VllmSettings(model=MODEL, engine_args={"hf_config_path": "/nowhere"}))
    with pytest.raises(EngineStartError, match="demo"):
        await engine.start(Recorder())
    await engine.stop()


async def test_a_short_first_prompt_in_bfloat16_survives_without_a_warm_up() -> None:
    async with served(dtype="bfloat16", warm_up=()) as bench:
        assert len(await bench.tokens(text="a", max_tokens=3)) == 3


async def test_an_urgent_generation_overtakes_those_that_wait() -> None:
    async with served(slots=1) as bench:
        busy, patient = bench.generation(max_tokens=200), bench.generation()
        urgent = replace(bench.generation(), priority=-1)
        await bench.engine.submit(busy)
        # Three that the core finds at once would be in the order of their priorities from the first.
        await bench.recorder.until(lambda: busy.id in bench.recorder.tokens)
        for generation in (patient, urgent):
            await bench.engine.submit(generation)
        await bench.recorder.end(patient.id)
        assert list(bench.recorder.ended) == [busy.id, urgent.id, patient.id]


async def test_a_dead_core_is_noticed_and_fails_no_generation() -> None:
    before = {child.pid for child in psutil.Process().children()}
    async with served() as bench:
        running = bench.generation(max_tokens=200)
        await bench.engine.submit(running)
        await bench.recorder.until(lambda: running.id in bench.recorder.tokens)
        (core,) = (child for child in started(before) if "EngineCore" in child.cmdline()[0])
        core.kill()
        with pytest.raises(EngineDeadError):
            await until_unhealthy(bench.engine)
        assert running.id not in bench.recorder.ended
        with pytest.raises(EngineDeadError):
            await bench.engine.submit(bench.generation())


def started(before: set[int]) -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.pid not in before]


async def until_unhealthy(engine: VllmEngine) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await engine.health()
            await asyncio.sleep(0.01)


async def test_the_cores_sigterm_does_not_reach_the_workers_handler() -> None:
    heard: list[int] = []
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, heard.append, 1)
    try:
        async with served():
            pass
        await asyncio.sleep(0)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    assert heard == []
