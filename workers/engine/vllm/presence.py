"""Keeps the presence penalty of a continued generation exact, inside EngineCore."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from vllm.sampling_params import SamplingParams
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

from workers.engine.vllm.sampling import PENALISED

_RowProcessor: TypeAlias = Callable[[list[int], torch.Tensor], torch.Tensor]


class ContinuedPresence(AdapterLogitsProcessor):
    """Gives back what vLLM takes twice.

    A token generated before the cut has its presence penalty in the logit bias. Once it is generated again, vLLM
    takes the penalty too, though it is due once per token, however often the token occurs.
    """

    def is_argmax_invariant(self) -> bool:
        """Penalties change which token is the likeliest."""
        return False

    def new_req_logits_processor(self, params: SamplingParams) -> _RowProcessor | None:
        """None for every request but a continued one with a presence penalty."""
        penalised = frozenset((params.extra_args or {}).get(PENALISED, ()))
        if not penalised:
            return None

        def give_back(generated: list[int], logits: torch.Tensor) -> torch.Tensor:
            if twice := penalised.intersection(generated):
                logits[list(twice)] += params.presence_penalty
            return logits

        return give_back
