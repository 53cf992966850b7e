"""The first generation of an engine, which no client has to wait for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from penstock.errors import EngineStartError, PenstockError
from penstock.request import Sampling
from workers.engine.base import Generation

if TYPE_CHECKING:
    from workers.engine.base import Engine, Output

_ID = "warm-up"
_TEXT = "Hello"
_TOKENS = 2
_PATIENCE_S = 120.0


class WarmUp:
    """A short generation; `sink` must get the engine's steps meanwhile."""

    def __init__(self) -> None:
        self._done = asyncio.Event()

    def sink(self, outputs: list[Output]) -> None:
        """The engine's sink until the worker is ready."""
        if any(output.id == _ID and output.finish is not None for output in outputs):
            self._done.set()

    async def run(self, engine: Engine) -> None:
        """Raises EngineStartError if the engine does not generate."""
        prompt = engine.tokenizer.encode(_TEXT)
        sampling = Sampling(max_tokens=_TOKENS, temperature=0.0, ignore_eos=True)
        try:
            await engine.submit(Generation(id=_ID, prompt=prompt, sampling=sampling))
            async with asyncio.timeout(_PATIENCE_S):
                await self._done.wait()
        except (PenstockError, TimeoutError) as error:
            reason = str(error) or f"nothing for {_PATIENCE_S:g} s"
            raise EngineStartError(f"The engine started and generated nothing: {reason}") from error
