"""EngineCore's part: compiles grammars beside its steps, drops those nobody waits for, and ends those that are slow."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import torch
import vllm.v1.engine.core as engine_core
from vllm.config import VllmConfig
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager
from vllm.v1.structured_output.backend_types import StructuredOutputBackend, StructuredOutputGrammar

from workers.engine.vllm.grammars.allowance import Allowance

#: One slow grammar keeps no other waiting.
_THREADS = 4
#: Of the threads that compile, so that the steps go first where cores are few.
_NICENESS = 10


class Manager(StructuredOutputManager):
    """vLLM's own, with a backend that was opened before the fork."""

    opened: StructuredOutputBackend

    def __init__(self, vllm_config: VllmConfig) -> None:
        super().__init__(vllm_config)
        self.backend = self.opened
        self.executor = ThreadPoolExecutor(_THREADS, "grammar", initializer=_give_way)

    def _create_grammar(self, request: Request) -> StructuredOutputGrammar:
        if request.is_finished():
            raise CancelledError
        return Timed(super()._create_grammar(request))


class Timed(StructuredOutputGrammar):
    """A grammar that accepts no token any more once it has taken too long: its generation then ends with an error."""

    def __init__(self, grammar: StructuredOutputGrammar) -> None:
        self._grammar = grammar
        self._allowance = Allowance()

    def accept_tokens(self, request_id: str, tokens: list[int]) -> bool:
        """Advance; False once it is too slow."""
        begin_s = time.thread_time()
        accepted = self._grammar.accept_tokens(request_id, tokens)
        self._allowance.spend(time.thread_time() - begin_s)
        return accepted and not self._allowance.is_spent

    def fill_bitmask(self, bitmask: torch.Tensor, idx: int) -> None:
        """Say which tokens may come next; called once per step."""
        begin_s = time.thread_time()
        self._grammar.fill_bitmask(bitmask, idx)
        self._allowance.earn()
        self._allowance.spend(time.thread_time() - begin_s)

    def validate_tokens(self, tokens: list[int]) -> list[int]:
        """Which of some guessed tokens would be accepted."""
        return self._grammar.validate_tokens(tokens)

    def rollback(self, num_tokens: int) -> None:
        """Take guessed tokens back."""
        self._grammar.rollback(num_tokens)

    def is_terminated(self) -> bool:
        """Whether the answer is whole."""
        return self._grammar.is_terminated()

    def reset(self) -> None:
        """Begin anew."""
        self._grammar.reset()


def install(backend: StructuredOutputBackend) -> None:
    """Have each EngineCore that is forked from now on use `backend`."""
    Manager.opened = backend
    engine_core.StructuredOutputManager = Manager


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
