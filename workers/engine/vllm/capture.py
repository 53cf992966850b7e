"""Stands in for vLLM's engine client in one call of its serving code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from vllm.inputs import EngineInput
from vllm.outputs import RequestOutput
from vllm.sampling_params import SamplingParams


@dataclass(frozen=True, slots=True)
class Asked:
    """One generation that serving wants: a rendered prompt and how to continue it."""

    prompt: EngineInput
    params: SamplingParams
    #: Whether, and with which arguments, a reasoning parser delays a grammar.
    reasoning_ended: bool | None
    reasoning_parser_kwargs: dict[str, Any] | None


class Capture:
    """Remembers what serving asks for and answers with `streams`, one per prompt."""

    errored = False

    def __init__(self, streams: Sequence[AsyncIterator[RequestOutput]]) -> None:
        self.asked: list[Asked] = []
        self._streams = streams

    def check_admission(self, _choices: int = 1) -> None:
        """Admission was decided before the job came here."""

    def generate(
        self,
        prompt: EngineInput,
        params: SamplingParams,
        _request_id: str,
        *,
        reasoning_ended: bool | None = None,
        reasoning_parser_kwargs: dict[str, Any] | None = None,
        **_transport: Any,
    ) -> AsyncIterator[RequestOutput]:
        """Called once per prompt, in order."""
        self.asked.append(Asked(prompt, params, reasoning_ended, reasoning_parser_kwargs))
        return self._streams[min(len(self.asked), len(self._streams)) - 1]
