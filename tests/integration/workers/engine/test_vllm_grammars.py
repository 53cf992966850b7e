"""One request's grammar, whatever it is, holds up nobody else's answer."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
import pytest_asyncio

from penstock.errors import EngineDeadError, InvalidRequestError
from penstock.request import Constraint, Sampling
from tests.integration.workers.engine.vllm_bench import Bench, served
from workers.engine.base import Finish

if importlib.util.find_spec("vllm") is None:
    pytest.skip("the light installation has no vLLM", allow_module_level=True)
pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE_S = 60
#: The worker's loop and its engine's steps; generous, for this machine may be busy with others.
STALL_S = 1.0
TEXT = {"type": "string"}


def forked(depth: int) -> dict[str, Any]:
    """Either of two at each level: twice the size with each."""
    return TEXT if depth == 0 else {"oneOf": [forked(depth - 1), {"properties": {"a": forked(depth - 1)}}]}


#: Nothing of this comes past the ingress, or not by much; the engine is safe without it.
HOSTILE = {
    "forks": ("json", forked(12)),
    "optional properties": ("json", {"type": "object", "properties": {f"property_{n}": TEXT for n in range(2_000)}}),
    "optional parts": ("grammar", "root ::= " + " ".join(f'("key{n}" [a-z]*)?' for n in range(1_000))),
    "memory": ("grammar", "root ::= " + " ".join(f'([a-z{n}]{{1,1000}} "x{n}"){{1,1000}}' for n in range(60))),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    async with served(grammar_timeout_s=1.0) as bench:
        yield bench


def asked(kind: str, value: Any) -> Constraint:
    return Constraint(kind, value, "structured_outputs")


class Stall:
    """The longest that a neighbour's stream stood still."""

    longest_s = 0.0

    async def measure(self, bench: Bench) -> None:
        seen, since_s = len(bench.recorder.steps), time.monotonic()
        while True:
            await asyncio.sleep(0.002)
            if len(bench.recorder.steps) != seen:
                seen, since_s = len(bench.recorder.steps), time.monotonic()
            self.longest_s = max(self.longest_s, time.monotonic() - since_s)


@asynccontextmanager
async def neighbours(bench: Bench) -> AsyncIterator[Stall]:
    """Streams that go on all the time."""
    stall = Stall()

    async def stream() -> None:
        while True:
            await bench.tokens(max_tokens=200)

    streams = [asyncio.create_task(stream()) for _ in range(2)]
    begun = len(bench.recorder.steps)
    await bench.recorder.until(lambda: len(bench.recorder.steps) > begun)
    measure = asyncio.create_task(stall.measure(bench))
    try:
        yield stall
    finally:
        for task in (*streams, measure):
            task.cancel()
        await asyncio.gather(*streams, measure, return_exceptions=True)


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_cannot_be_compiled_in_time_is_refused_beside_other_streams(bench: Bench, name: str) -> None:
    constraint = asked(*HOSTILE[name])
    async with neighbours(bench) as stall:
        with pytest.raises(InvalidRequestError, match="takes more than 1 s, or too much memory") as caught:
            await bench.engine.check(Sampling(constraint=constraint))
        assert caught.value.param == "structured_outputs"
        assert stall.longest_s < STALL_S
    await bench.engine.health()
    begin_s = time.monotonic()
    with pytest.raises(InvalidRequestError, match="takes more than 1 s"):
        await bench.engine.check(Sampling(constraint=constraint))
    assert time.monotonic() - begin_s < STALL_S, "what is known is not tried again"


async def test_a_grammar_that_gets_slow_as_it_goes_ends_its_own_answer_only(bench: Bench) -> None:
    ambiguous = asked("grammar", 'root ::= root root root | root root | "a" | "b"')
    generation = bench.generation(constraint=ambiguous, max_tokens=1_000, min_tokens=1_000, ignore_eos=False)
    async with neighbours(bench) as stall:
        await bench.engine.submit(generation)
        end = await bench.recorder.end(generation.id)
        assert stall.longest_s < STALL_S
    assert end.finish is Finish.ERROR
    assert end.refusal is not None
    assert end.refusal.param == "structured_outputs"


async def test_a_small_grammar_does_not_wait_for_large_ones(bench: Bench) -> None:
    kind, optional = HOSTILE["optional parts"]
    grammars = [asked(kind, f"{optional} {number}") for number in ('"a"', '"b"', '"c"', '"d"', '"e"', '"f"')]
    large = [asyncio.create_task(bench.engine.check(Sampling(constraint=grammar))) for grammar in grammars]
    await asyncio.sleep(0)
    await bench.engine.check(Sampling(constraint=asked("json", {"type": "object", "properties": {"a": TEXT}})))
    assert not all(task.done() for task in large)
    for task in large:
        task.cancel()
    await asyncio.gather(*large, return_exceptions=True)


async def test_the_trial_of_a_cancelled_job_ends_with_it(bench: Bench) -> None:
    (server,) = (child for child in psutil.Process().children() if "VLLM::Grammars" in child.cmdline()[0])
    check = asyncio.create_task(bench.engine.check(Sampling(constraint=asked(*HOSTILE["forks"][:1], forked(13)))))
    async with asyncio.timeout(DEADLINE_S):
        while not (trials := server.children()):
            await asyncio.sleep(0.01)
        check.cancel()
        await asyncio.gather(check, return_exceptions=True)
        while any(trial.is_running() for trial in trials):
            await asyncio.sleep(0.01)
        assert not server.children()


async def test_a_choice_a_regex_and_a_schema_are_obeyed_after_their_trial(bench: Bench) -> None:
    for kind, value in (("choice", ["red", "green"]), ("regex", "(red|green)"), ("json", {"enum": ["red", "green"]})):
        ids = await bench.tokens(constraint=asked(kind, value), ignore_eos=False)
        assert bench.engine.tokenizer.decode(ids, skip_special=True).strip('"') in ("red", "green")


async def test_an_engine_that_can_try_nothing_any_more_is_given_up() -> None:
    async with served() as bench:
        before = psutil.Process().children()
        server = next(child for child in reversed(before) if "VLLM::Grammars" in child.cmdline()[0])
        server.kill()
        with pytest.raises(EngineDeadError):
            await bench.engine.check(Sampling(constraint=asked("regex", "a")))
        with pytest.raises(EngineDeadError):
            await bench.engine.health()
