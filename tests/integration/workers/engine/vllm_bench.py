"""A started vLLM engine with what tests need around it."""

from __future__ import annotations

import asyncio
import warnings
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from penstock.request import Sampling
from penstock.settings.builtin import FOLDER as BUILTIN
from workers.engine.base import Generation, Output
from workers.engine.vllm import VllmEngine, VllmSettings
from workers.engine.vllm.preload import preload

MODEL = str(BUILTIN / "demo")
DEADLINE_S = 60
#: Small models would otherwise fill a grammar's optional white space for ever.
COMPACT = {"structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True}}


class Recorder:
    """A sink that keeps every step and lets a test wait for a generation's end."""

    def __init__(self) -> None:
        self.steps: list[list[Output]] = []
        self.outputs: dict[str, list[Output]] = defaultdict(list)
        self.tokens: dict[str, list[int]] = defaultdict(list)
        self.ended: dict[str, Output] = {}
        self._changed = asyncio.Event()

    def __call__(self, outputs: list[Output]) -> None:
        self.steps.append(outputs)
        for output in outputs:
            self.outputs[output.id].append(output)
            self.tokens[output.id] += output.tokens
            if output.finish is not None:
                self.ended[output.id] = output
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def end(self, id_: str) -> Output:
        await self.until(lambda: id_ in self.ended)
        return self.ended[id_]


class Bench:
    """A started engine, its recorder, and fresh ids."""

    def __init__(self, engine: VllmEngine, recorder: Recorder) -> None:
        self.engine = engine
        self.recorder = recorder
        self._count = 0

    def fresh_id(self) -> str:
        self._count += 1
        return f"generation-{self._count}"

    def generation(self, text: str = "What is Penstock?", **fields: Any) -> Generation:
        done = fields.pop("done", ())
        sampling = Sampling(**{"temperature": 0.0, "max_tokens": 24, "ignore_eos": True} | fields)
        prompt = self.engine.tokenizer.encode(text)
        return Generation(id=self.fresh_id(), prompt=prompt, done=done, sampling=sampling)

    async def tokens(self, **fields: Any) -> list[int]:
        generation = self.generation(**fields)
        await self.engine.submit(generation)
        await self.recorder.end(generation.id)
        return self.recorder.tokens[generation.id]


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[Bench]:
    """A bench on the demo model."""
    preload([MODEL])
    engine, recorder = VllmEngine(VllmSettings(model=MODEL, **{"slots": 8} | settings)), Recorder()
    with warnings.catch_warnings(action="ignore"):  # EngineCore inherits the filters, and its warnings are not ours
        await engine.start(recorder)
    try:
        yield Bench(engine, recorder)
    finally:
        await engine.stop()
