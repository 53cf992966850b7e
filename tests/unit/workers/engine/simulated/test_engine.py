from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from penstock.errors import EngineDeadError, EngineStartError, InvalidRequestError
from penstock.request import Constraint, Sampling
from penstock.text.chat.conversation import Conversation
from tests.simulated_answers import expected_tokens
from workers.engine.base import Finish, Generation, Output
from workers.engine.simulated import InjectedFailure, InjectedFailureKind, SimulatedEngine, SimulatedSettings

INSTANT = {"prefill_ms_base": 0.0, "prefill_us_per_token": 0.0, "itl_ms": 0.0}
DEADLINE_S = 20


class Bench:
    """Starts engines and records, per step, when it came and what it brought."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, list[Output]]] = []
        self.outputs: dict[str, list[Output]] = defaultdict(list)
        self._engines: list[SimulatedEngine] = []
        self._step = asyncio.Event()

    async def start(self, **settings: Any) -> SimulatedEngine:
        engine = SimulatedEngine(SimulatedSettings(**{**INSTANT, **settings}))
        self._engines.append(engine)
        await engine.start(self._take)
        return engine

    async def stop(self) -> None:
        for engine in self._engines:
            await engine.stop()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._step.clear()
                await self._step.wait()

    async def end(self, id_: str) -> Output:
        await self.until(lambda: bool(self.outputs[id_]) and self.outputs[id_][-1].finish is not None)
        return self.outputs[id_][-1]

    def tokens(self, id_: str) -> list[int]:
        return [token for output in self.outputs[id_] for token in output.tokens]

    def first_at(self, id_: str) -> float:
        return next(at for at, outputs in self.steps if id_ in {output.id for output in outputs})

    def _take(self, outputs: list[Output]) -> None:
        self.steps.append((time.monotonic(), outputs))
        for output in outputs:
            self.outputs[output.id].append(output)
        self._step.set()


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    one = Bench()
    yield one
    await one.stop()


def generation(engine: SimulatedEngine, id_: str, text: str = "hello", **fields: Any) -> Generation:
    generation_fields = {name: fields.pop(name) for name in ("done", "priority") if name in fields}
    prompt = engine.tokenizer.chat(Conversation(messages=[{"role": "user", "content": text}]))
    return Generation(id=id_, prompt=prompt, sampling=Sampling(**{"max_tokens": 20, **fields}), **generation_fields)


async def test_it_generates_what_was_foretold(bench: Bench) -> None:
    engine = await bench.start()
    one = generation(engine, "one", max_tokens=None)
    await engine.submit(one)
    await bench.end("one")
    assert bench.tokens("one") == expected_tokens(one.prompt, one.sampling)


async def test_steps_keep_a_fixed_pace(bench: Bench) -> None:
    engine = await bench.start(itl_ms=10.0)
    await engine.submit(generation(engine, "one", max_tokens=101))
    begun = time.monotonic()
    await bench.until(lambda: len(bench.steps) >= 3)
    time.sleep(0.6)  # noqa: ASYNC251  (an event loop that is busy elsewhere)
    await bench.end("one")
    assert 0.99 < time.monotonic() - begun < 1.45


async def test_after_a_long_standstill_it_does_not_make_up_for_missed_steps(bench: Bench) -> None:
    engine = await bench.start(itl_ms=50.0)
    await engine.submit(generation(engine, "one", max_tokens=100))
    await bench.until(lambda: len(bench.steps) >= 2)
    time.sleep(1.5)  # noqa: ASYNC251  (the process was stopped)
    begun, seen = time.monotonic(), len(bench.steps)
    await bench.until(lambda: len(bench.steps) >= seen + 26)
    assert time.monotonic() - begun > 0.2


async def test_a_prompt_that_was_cancelled_gives_its_time_back(bench: Bench) -> None:
    engine = await bench.start(prefill_ms_base=100.0)
    begun = time.monotonic()
    for number in range(300):
        await engine.submit(generation(engine, f"left-{number}", f"question {number}"))
    await engine.cancel([f"left-{number}" for number in range(300)])
    await engine.submit(generation(engine, "one"))
    await bench.end("one")
    assert bench.first_at("one") - begun < 10.0


async def test_idle_it_has_no_timer(bench: Bench) -> None:
    engine = await bench.start(itl_ms=1.0)
    await engine.submit(generation(engine, "one"))
    await bench.end("one")
    assert engine._step_timer is None
    assert engine._prefill_timer is None


async def test_without_latency_the_event_loop_still_turns(bench: Bench) -> None:
    engine = await bench.start()
    await engine.submit(generation(engine, "one", max_tokens=1000))
    for _ in range(100):
        await asyncio.sleep(0)
    assert 50 < len(bench.tokens("one")) < 200


async def test_prompts_are_processed_one_after_the_other(bench: Bench) -> None:
    engine = await bench.start(prefill_ms_base=50.0)
    begun = time.monotonic()
    for id_ in ("one", "two"):
        await engine.submit(generation(engine, id_, id_))
    await bench.end("two")
    # However late a busy machine may be: side by side, the second would have needed no longer than the first.
    assert bench.first_at("one") - begun > 0.045
    assert bench.first_at("two") - begun > 0.095


async def test_a_cached_prompt_is_processed_sooner(bench: Bench) -> None:
    engine = await bench.start(prefill_us_per_token=2000.0)
    text = " bado" * 500
    begun = time.monotonic()
    await engine.submit(generation(engine, "cold", text))
    await bench.end("cold")
    assert bench.first_at("cold") - begun > 0.99
    begun = time.monotonic()
    await engine.submit(generation(engine, "warm", text))
    await bench.end("warm")
    assert bench.outputs["warm"][0].cached_tokens > 480
    assert bench.outputs["warm"][1].cached_tokens == 0
    assert bench.first_at("warm") - begun < 0.8


async def test_lower_priority_numbers_go_first(bench: Bench) -> None:
    engine = await bench.start(slots=1)
    for id_, priority in (("running", 0), ("late", 2), ("soon", 1)):
        await engine.submit(generation(engine, id_, priority=priority))
    await bench.end("late")
    assert [outputs[0].id for _, outputs in bench.steps if outputs[0].finish] == ["running", "soon", "late"]


async def test_without_blocks_generations_wait(bench: Bench) -> None:
    engine = await bench.start(max_model_len=64, kv_blocks=4, block_size=16)
    for number in range(3):
        await engine.submit(generation(engine, str(number), str(number) * 20, max_tokens=30))
    assert (engine.stats().running, engine.stats().waiting) == (1, 2)
    assert engine.stats().kv_cache_usage == 1.0
    for number in range(3):
        await bench.end(str(number))
    assert (engine.stats().running, engine.stats().waiting, engine.stats().kv_cache_usage) == (0, 0, 0.0)


async def test_a_cancelled_waiter_never_starts(bench: Bench) -> None:
    engine = await bench.start(slots=1)
    for id_ in ("one", "two", "three"):
        await engine.submit(generation(engine, id_))
    await engine.cancel(["two"])
    assert engine.stats().waiting == 1
    await bench.end("three")
    assert "two" not in bench.outputs


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"constraint": Constraint("json_object", True, "response_format")},  # noqa: FBT003
        {"allowed_token_ids": (5,)},
        {"bad_words": ("no",)},
    ],
)
async def test_what_it_cannot_do_is_refused(bench: Bench, fields: dict[str, Any]) -> None:
    engine = await bench.start()
    with pytest.raises(InvalidRequestError, match="does not support"):
        await engine.submit(generation(engine, "one", **fields))


async def test_a_dead_engine_says_so_and_stalls(bench: Bench) -> None:
    engine = await bench.start(failure=InjectedFailure(kind=InjectedFailureKind.DIE, at_token=5))
    await engine.submit(generation(engine, "spared", done=[97]))
    await engine.submit(generation(engine, "one"))
    await bench.until(lambda: len(bench.tokens("one")) == 4)
    await asyncio.sleep(0)
    with pytest.raises(EngineDeadError):
        await engine.health()
    with pytest.raises(EngineDeadError):
        await engine.submit(generation(engine, "two"))
    assert len(bench.tokens("one")) == 4
    assert bench.outputs["spared"][-1].finish is None


async def test_a_hung_engine_calls_itself_healthy(bench: Bench) -> None:
    engine = await bench.start(failure=InjectedFailure(kind=InjectedFailureKind.HANG, at_token=5))
    await engine.submit(generation(engine, "one"))
    await bench.until(lambda: len(bench.tokens("one")) == 4)
    for _ in range(10):
        await asyncio.sleep(0)
    await engine.submit(generation(engine, "two"))
    await engine.health()
    assert len(bench.steps) == 4
    assert engine.stats().waiting == 1


async def test_an_error_ends_one_generation_only(bench: Bench) -> None:
    engine = await bench.start(allow_injection=True)
    await engine.submit(generation(engine, "bad", "#sim:error_at=5"))
    await engine.submit(generation(engine, "good"))
    bad = await bench.end("bad")
    assert (bad.finish, len(bench.tokens("bad"))) == (Finish.ERROR, 4)
    assert bad.error
    assert (await bench.end("good")).finish is Finish.LENGTH


async def test_a_continued_generation_is_spared(bench: Bench) -> None:
    engine = await bench.start(allow_injection=True)
    first = generation(engine, "first", "#sim:error_at=5")
    await engine.submit(first)
    await bench.end("first")
    done = bench.tokens("first")
    await engine.submit(generation(engine, "second", "#sim:error_at=5", done=done))
    assert (await bench.end("second")).finish is Finish.LENGTH
    assert [*done, *bench.tokens("second")] == expected_tokens(first.prompt, first.sampling)


async def test_prompts_ask_for_failures_in_vain_unless_allowed(bench: Bench) -> None:
    engine = await bench.start()
    await engine.submit(generation(engine, "one", "#sim:error_at=5"))
    assert (await bench.end("one")).finish is Finish.LENGTH


async def test_a_crash_is_a_sigkill_before_the_token(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, signum: killed.append((pid, signum)))
    engine = await bench.start(failure=InjectedFailure(kind=InjectedFailureKind.CRASH, at_token=5))
    await engine.submit(generation(engine, "one"))
    await bench.until(lambda: bool(killed))
    assert killed[0] == (os.getpid(), signal.SIGKILL)
    assert len(bench.tokens("one")) == 4


async def test_it_fails_to_start_if_told_to() -> None:
    engine = SimulatedEngine(SimulatedSettings(fail_start=True))
    with pytest.raises(EngineStartError):
        await engine.start(lambda _outputs: None)
    with pytest.raises(EngineDeadError):
        await engine.health()
