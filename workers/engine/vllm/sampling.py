"""Our sampling parameters as vLLM's, including what a continued generation needs."""

from __future__ import annotations

from collections.abc import Sequence

from vllm.sampling_params import RequestOutputKind, SamplingParams, StructuredOutputsParams

from penstock.request import Constraint, Sampling
from workers.engine.vllm.continuation import continued_bias, continued_seed

#: Loaded into EngineCore, where the model runner has a place for it.
PRESENCE_PROCESSOR = "workers.engine.vllm.presence:ContinuedPresence"
#: The key of SamplingParams.extra_args by which it learns of tokens generated before the cut.
PENALISED = "penstock_penalised"


def engine_sampling(sampling: Sampling, done: Sequence[int]) -> SamplingParams:
    """What vLLM is to do after `done`; stop strings and text are not its business."""
    params = SamplingParams(
        max_tokens=sampling.max_tokens,
        min_tokens=sampling.min_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=sampling.min_p,
        seed=sampling.seed,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        repetition_penalty=sampling.repetition_penalty,
        logit_bias=dict(sampling.logit_bias) or None,
        stop_token_ids=list(sampling.stop_token_ids),
        ignore_eos=sampling.ignore_eos,
        allowed_token_ids=list(sampling.allowed_token_ids) or None,
        bad_words=list(sampling.bad_words),
        structured_outputs=sampling.constraint and grammar(sampling.constraint),
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
        skip_clone=True,
    )
    return continued(params, done) if done else params


def continued(params: SamplingParams, done: Sequence[int]) -> SamplingParams:
    """`params` for the rest of a generation, where `done` has become the end of the prompt."""
    rest = params.clone()
    if params.max_tokens is not None:
        rest.max_tokens = params.max_tokens - len(done)
    rest.min_tokens = max(params.min_tokens - len(done), 0)
    rest.seed = continued_seed(params.seed, len(done))
    rest.logit_bias = continued_bias(params.logit_bias or {}, done, params.frequency_penalty, params.presence_penalty)
    if params.presence_penalty:
        rest.extra_args = (params.extra_args or {}) | {PENALISED: sorted(set(done))}
    if params.logprobs is not None:
        # The log probabilities of `done` itself, which are now the prompt's: vLLM has them only of what it computes.
        rest.prompt_logprobs = params.logprobs
        rest.skip_reading_prefix_cache = True
    return rest


def is_stop(params: SamplingParams, token: int) -> bool:
    """Whether a token ends the generation, as far as vLLM has filled in the model's own end tokens."""
    return token == params._eos_token_id or token in params.stop_token_ids  # noqa: SLF001 - it has no public name


def grammar(wanted: Constraint) -> StructuredOutputsParams:
    """What vLLM makes a grammar of, unchecked."""
    return StructuredOutputsParams(**{wanted.kind: wanted.value})
