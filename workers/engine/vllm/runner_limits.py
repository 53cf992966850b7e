"""How much of a request vLLM's runner for GPUs has a place for: beyond, it raises inside EngineCore and ends it."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from penstock.errors import InvalidRequestError

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.sampling_params import SamplingParams


class RunnerLimits(Struct, frozen=True, kw_only=True):
    """The most of each that one request may have."""

    allowed_tokens: int
    #: Counted only where a request has a least number of tokens, which its ends must wait for.
    stop_tokens: int
    biased_tokens: int
    #: Of all bad words together.
    bad_word_tokens: int

    @classmethod
    def of(cls, config: VllmConfig) -> Self | None:
        """The limits of the runner that a configuration chooses; None where it has none."""
        if not config.use_v2_model_runner:
            return None
        from vllm import envs
        from vllm.v1.worker.gpu.sample import logit_bias

        return cls(
            allowed_tokens=logit_bias.MAX_NUM_ALLOWED_TOKEN_IDS,
            stop_tokens=logit_bias.MAX_NUM_STOP_TOKEN_IDS,
            biased_tokens=logit_bias.MAX_NUM_LOGIT_BIAS_TOKENS,
            bad_word_tokens=envs.VLLM_MAX_BAD_WORDS_TOTAL_TOKENS,
        )

    def check(self, params: SamplingParams) -> None:
        """See whether a client's wishes fit. Raises InvalidRequestError."""
        _require("allowed_token_ids", len(params.allowed_token_ids or ()), self.allowed_tokens)
        if params.min_tokens:
            _require("stop_token_ids", len(params.all_stop_token_ids), self.stop_tokens, " together with min_tokens")
        _require("bad_words", sum(map(len, params.bad_words_token_ids or ())), self.bad_word_tokens)

    def trim(self, params: SamplingParams) -> None:
        """Forget the least of the biases that do not fit; only a continued generation's penalties can be so many."""
        bias = params.logit_bias
        if bias and len(bias) > self.biased_tokens:
            params.logit_bias = dict(heapq.nlargest(self.biased_tokens, bias.items(), key=lambda entry: abs(entry[1])))


def _require(field: str, count: int, most: int, when: str = "") -> None:
    if count > most:
        raise InvalidRequestError(f"{field} has at most {most} tokens with this model{when}, got {count}.", param=field)
