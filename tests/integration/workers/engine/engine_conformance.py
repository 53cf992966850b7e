"""What every engine promises to its worker. An engine passes by subclassing EngineConformance with `create_engine`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import pytest_asyncio

from penstock.errors import ContextLengthError, EngineDeadError, InvalidRequestError
from penstock.request import Sampling
from penstock.text.chat.conversation import Conversation
from workers.engine.base import Engine, EngineInfo, Finish, Generation, Output

DEADLINE_S = 60


class Recorder:
    """A sink that keeps every step and lets a test wait for one."""

    def __init__(self) -> None:
        self.steps: list[list[Output]] = []
        self.outputs: dict[str, list[Output]] = defaultdict(list)
        self._step = asyncio.Event()

    def __call__(self, outputs: list[Output]) -> None:
        self.steps.append(outputs)
        for output in outputs:
            self.outputs[output.id].append(output)
        self._step.set()

    def tokens(self, id_: str) -> list[int]:
        return [token for output in self.outputs[id_] for token in output.tokens]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._step.clear()
                await self._step.wait()

    async def end(self, id_: str) -> Output:
        outputs = self.outputs[id_]
        await self.until(lambda: bool(outputs) and outputs[-1].finish is not None)
        return outputs[-1]


class Served:
    """A started engine with its recorder."""

    def __init__(self, engine: Engine, info: EngineInfo, recorder: Recorder) -> None:
        self.engine = engine
        self.info = info
        self.recorder = recorder

    def generation(
        self, text: str = "What is Penstock?", *, done: list[int] | None = None, **sampling: Any
    ) -> Generation:
        prompt = self.engine.tokenizer.chat(Conversation(messages=[{"role": "user", "content": text}]))
        wanted = Sampling(**{"temperature": 0.0, "max_tokens": 16, **sampling})
        return Generation(id=uuid4().hex, prompt=prompt, done=done or [], sampling=wanted)

    async def run(self, generation: Generation) -> tuple[list[int], Output]:
        """All tokens of a generation, and its last output."""
        await self.engine.submit(generation)
        last = await self.recorder.end(generation.id)
        return self.recorder.tokens(generation.id), last


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """One engine for all tests of a class: a real one takes seconds to start."""
    async for one in _serve(request.cls):
        yield one


@pytest_asyncio.fixture(loop_scope="class")
async def disposable(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """An engine that a test may break."""
    async for one in _serve(request.cls):
        yield one


async def _serve(suite: type[EngineConformance]) -> AsyncIterator[Served]:
    engine, recorder = suite.create_engine(), Recorder()
    try:
        yield Served(engine, await engine.start(recorder), recorder)
    finally:
        await engine.stop()


@pytest.mark.asyncio(loop_scope="class")
class EngineConformance:
    """The suite; prompts are short, so that a context of 256 tokens is enough."""

    create_engine: ClassVar[Callable[[], Engine]]

    async def test_it_says_what_it_is_once_started(self, served: Served) -> None:
        assert served.info.max_model_len >= 256
        assert served.info.slots >= 1
        assert served.info.version
        await served.engine.health()

    async def test_exactly_max_tokens_are_generated(self, served: Served) -> None:
        for count in (1, 2, 33):
            tokens, last = await served.run(served.generation(max_tokens=count, ignore_eos=True))
            assert len(tokens) == count
            assert (last.finish, last.stop_token) == (Finish.LENGTH, None)

    async def test_without_a_limit_an_end_token_or_the_context_ends_it(self, served: Served) -> None:
        generation = served.generation(max_tokens=None)
        tokens, last = await served.run(generation)
        if last.finish is Finish.LENGTH:
            assert len(generation.prompt) + len(tokens) == served.info.max_model_len
        else:
            assert (last.finish, last.stop_token) == (Finish.STOP, tokens[-1])
            assert last.stop_token in served.engine.tokenizer.eos_ids

    async def test_a_generation_ends_exactly_once(self, served: Served) -> None:
        generation = served.generation()
        await served.run(generation)
        await served.run(served.generation())
        assert sum(output.finish is not None for output in served.recorder.outputs[generation.id]) == 1

    async def test_one_sink_call_carries_several_generations(self, served: Served) -> None:
        together = [served.generation(max_tokens=32, ignore_eos=True) for _ in range(min(4, served.info.slots))]
        await asyncio.gather(*(served.run(generation) for generation in together))
        ids = {generation.id for generation in together}
        shared = max(len(ids & {output.id for output in step}) for step in served.recorder.steps)
        assert shared == len(ids)

    async def test_greedy_generations_do_not_depend_on_their_neighbours(self, served: Served) -> None:
        alone, _ = await served.run(served.generation())
        runs = await asyncio.gather(*(served.run(served.generation()) for _ in range(3)))
        assert [tokens for tokens, _ in runs] == [alone] * 3

    async def test_a_cancelled_generation_is_silent(self, served: Served) -> None:
        generation = served.generation(max_tokens=200, ignore_eos=True)
        await served.engine.submit(generation)
        await served.recorder.until(lambda: len(served.recorder.tokens(generation.id)) >= 3)
        await served.engine.cancel([generation.id])
        heard = len(served.recorder.outputs[generation.id])
        await served.run(served.generation())
        assert len(served.recorder.outputs[generation.id]) == heard
        assert served.engine.stats().running == 0

    async def test_cancelling_what_it_does_not_run_is_harmless(self, served: Served) -> None:
        await served.engine.cancel(["nobody"])
        generation = served.generation()
        await served.run(generation)
        await served.engine.cancel([generation.id])
        await served.engine.cancel([])

    @pytest.mark.parametrize("cut", [1, 7, 15])
    async def test_continuing_gives_the_tokens_of_the_uncut_run(self, served: Served, cut: int) -> None:
        uncut, _ = await served.run(served.generation(max_tokens=16))
        tokens, last = await served.run(served.generation(max_tokens=16, done=uncut[:cut]))
        assert tokens == uncut[cut:]
        assert last.finish is Finish.LENGTH

    async def test_continuing_what_is_complete_ends_at_once(self, served: Served) -> None:
        uncut, _ = await served.run(served.generation(max_tokens=8))
        tokens, last = await served.run(served.generation(max_tokens=8, done=uncut))
        assert tokens == []
        assert last.finish is Finish.LENGTH

    async def test_beyond_its_slots_generations_wait_their_turn(self, served: Served) -> None:
        many = [served.generation(max_tokens=24, ignore_eos=True) for _ in range(served.info.slots + 3)]
        runs = asyncio.gather(*(served.run(generation) for generation in many))
        running: list[int] = []
        ids = {generation.id for generation in many}
        while not runs.done():
            running.append(served.engine.stats().running)
            await asyncio.sleep(0)
        assert max(running) <= served.info.slots
        assert all(len(tokens) == 24 for tokens, _ in await runs)
        assert max(len(ids & {output.id for output in step}) for step in served.recorder.steps) == served.info.slots

    async def test_a_prompt_without_room_to_answer_is_refused_with_the_limit(self, served: Served) -> None:
        limit = served.info.max_model_len
        for length in (limit, limit + 100):
            prompt = [served.generation().prompt[-1]] * length
            with pytest.raises(ContextLengthError, match=str(limit)):
                await served.engine.submit(Generation(id=uuid4().hex, prompt=prompt, sampling=Sampling()))

    async def test_an_empty_prompt_is_refused(self, served: Served) -> None:
        with pytest.raises(InvalidRequestError):
            await served.engine.submit(Generation(id=uuid4().hex, prompt=[], sampling=Sampling()))

    async def test_an_unknown_token_is_refused(self, served: Served) -> None:
        with pytest.raises(InvalidRequestError):
            await served.engine.submit(Generation(id=uuid4().hex, prompt=[10**7], sampling=Sampling()))

    async def test_a_stop_token_ends_it_and_is_named(self, served: Served) -> None:
        uncut, _ = await served.run(served.generation())
        stop = uncut[5]
        tokens, last = await served.run(served.generation(stop_token_ids=(stop,)))
        assert tokens == uncut[: uncut.index(stop) + 1]
        assert (last.finish, last.stop_token) == (Finish.STOP, stop)

    async def test_no_stop_token_ends_it_before_min_tokens(self, served: Served) -> None:
        uncut, _ = await served.run(served.generation())
        tokens, _ = await served.run(served.generation(stop_token_ids=(uncut[2],), min_tokens=10))
        assert len(tokens) >= 10

    async def test_stats_count_what_was_done(self, served: Served) -> None:
        before = served.engine.stats()
        generation = served.generation(max_tokens=20, ignore_eos=True)
        await served.run(generation)
        after = served.engine.stats()
        assert after.generated_tokens - before.generated_tokens == 20
        assert after.prompt_tokens > before.prompt_tokens
        assert (after.running, after.waiting) == (0, 0)
        assert 0.0 <= after.kv_cache_usage <= 1.0

    async def test_a_prompt_seen_before_comes_from_the_prefix_cache(self, served: Served) -> None:
        text = "pipe " * (served.info.max_model_len // 4)
        await served.run(served.generation(text, max_tokens=2))
        hits = served.engine.stats().prefix_hits
        again = served.generation(text, max_tokens=2)
        await served.run(again)
        cached_tokens = served.recorder.outputs[again.id][0].cached_tokens
        assert len(again.prompt) / 2 < cached_tokens < len(again.prompt)
        assert served.engine.stats().prefix_hits - hits == cached_tokens

    async def test_stopping_silences_it_and_can_be_repeated(self, disposable: Served) -> None:
        generation = disposable.generation(max_tokens=200, ignore_eos=True)
        await disposable.engine.submit(generation)
        await disposable.recorder.until(lambda: bool(disposable.recorder.tokens(generation.id)))
        await disposable.engine.stop()
        steps = len(disposable.recorder.steps)
        await disposable.engine.stop()
        with pytest.raises(EngineDeadError):
            await disposable.engine.health()
        with pytest.raises(EngineDeadError):
            await disposable.engine.submit(disposable.generation())
        assert len(disposable.recorder.steps) == steps
