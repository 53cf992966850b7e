"""The vLLM engine behind the worker's protocol."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.engine_stats import EngineStats
from penstock.errors import EngineDeadError, EngineStartError
from penstock.request import Sampling
from penstock.text.hf_tokenizer import HfTokenizer
from penstock.text.tokenizer import Tokenizer
from penstock.text.tokenizer_check import difference
from workers.engine.base import EngineInfo, Generation, Output, StepSink
from workers.engine.serving import ServingRequest, ServingTranscript
from workers.engine.vllm import environment
from workers.engine.vllm.settings import VllmSettings

if TYPE_CHECKING:
    from workers.engine.vllm.session import Session

_WARM_UP = Sampling(max_tokens=4, temperature=0.0, ignore_eos=True)


class VllmEngine:
    """vLLM's EngineCore in a child process; this process only passes tokens.

    When EngineCore dies, `health` raises and nothing more arrives; running generations are not failed, so that the
    worker can hand them back.
    """

    def __init__(self, settings: VllmSettings) -> None:
        self._settings = settings
        # EngineCore dies with the thread that forked it, so that thread is kept for the engine's whole life.
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vllm-loader")
        #: None until the start, which fails where it cannot be read.
        self._tokenizer: HfTokenizer | None = None
        self._session: Session | None = None
        self._steps: asyncio.Task[None] | None = None
        self._sink: StepSink = _nowhere

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids and back, for the loaded model."""
        if self._tokenizer is None:
            raise EngineDeadError("The engine is not started.")
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """What vLLM settled on; the context may be shorter than asked for, to fit the memory."""
        return self._alive().core.info.max_model_len

    @property
    def vocabulary_tokens(self) -> int:
        """As wide as the model's last layer."""
        return self._alive().core.vocabulary_tokens

    async def start(self, sink: StepSink) -> EngineInfo:
        """Load the model and warm it up; afterwards `sink` receives every step. Raises EngineStartError."""
        environment.prepare(is_compiled=self._settings.is_compiled)
        try:
            self._tokenizer = HfTokenizer(Path(self._settings.model), self._settings.chat_template)
            session = await asyncio.get_running_loop().run_in_executor(self._loader, _open, self._settings)
            self._session = session
            _check_tokenizer(self._tokenizer, session)
            await self._warm_up(session)
        except Exception as error:
            await self.stop()
            why = f"{type(error).__name__}: {error}"
            raise EngineStartError(f"vLLM cannot serve {self._settings.model}: {why}") from error
        self._sink = sink
        self._steps = asyncio.create_task(session.run(sink), name="vllm-steps")
        return session.core.info

    async def check(self, sampling: Sampling) -> None:
        """Compile an answer's grammar on trial. Raises InvalidRequestError or EngineDeadError."""
        await self._alive().core.check(sampling)

    async def submit(self, generation: Generation) -> None:
        """Begin a generation. Raises InvalidRequestError (the client's fault) or EngineDeadError."""
        await self._alive().submit(generation, self._sink)

    async def open_serving(self, request: ServingRequest) -> ServingTranscript:
        """Check a request and prepare its answer, written by vLLM's own serving code. Raises InvalidRequestError."""
        return await self._alive().open_serving(request)

    async def cancel(self, ids: Sequence[str]) -> None:
        """Stop generations at once; no further output of these ids arrives."""
        if self._session is not None:
            await self._session.cancel(ids)

    def stats(self) -> EngineStats:
        """Figures for metrics and scheduling, as of the last step."""
        return EngineStats() if self._session is None else self._session.stats

    async def health(self) -> None:
        """Return if the engine can serve; raises EngineDeadError."""
        self._alive()

    async def stop(self) -> None:
        """End EngineCore and what belongs to it; safe to call twice."""
        if self._steps is not None:
            self._steps.cancel()
            await asyncio.gather(self._steps, return_exceptions=True)
            self._steps = None
        if self._session is not None:
            session, self._session = self._session, None
            # Two steps: in between, the loop closes the sockets.
            for step in (session.core.end, session.core.release):
                await asyncio.get_running_loop().run_in_executor(self._loader, step)
        self._loader.shutdown(wait=False)

    def _alive(self) -> Session:
        if self._session is None or self._steps is None:
            raise EngineDeadError("The engine is not started.")
        if self._steps.done():
            raise EngineDeadError("Nobody reads vLLM's steps any more.") from self._steps.exception()
        if self._session.core.dead:
            raise EngineDeadError("vLLM's EngineCore, or what compiles grammars for it, has ended.")
        return self._session

    async def _warm_up(self, session: Session) -> None:
        for number, text in enumerate(self._settings.warm_up):
            prompt = self.tokenizer.encode(text)
            await session.submit(Generation(id=f"warm-up-{number}", prompt=prompt, sampling=_WARM_UP), _nowhere)
        while session.busy:
            session.take(await session.core.step())


def _check_tokenizer(tokenizer: HfTokenizer, session: Session) -> None:
    """Raise EngineStartError where the model was trained on other tokens than we would send."""
    reason = difference(tokenizer, session.core.encode)
    if reason is not None:
        raise EngineStartError(
            f"{reason} Write the file anew with transformers: "
            "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)."
        )


def _open(settings: VllmSettings) -> Session:
    """Import vLLM, which takes seconds and must come after the environment is set, and start it."""
    module = importlib.import_module("workers.engine.vllm.session")
    session: Session = module.open_session(settings)
    return session


def _nowhere(_outputs: list[Output]) -> None:
    """The sink of an engine that nobody has started."""
