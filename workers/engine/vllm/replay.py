"""EngineCore's outputs, one token each: those of a step, and those that another worker had before us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vllm.v1.engine import EngineCoreOutput, FinishReason
from vllm.v1.outputs import LogprobsLists, LogprobsTensors

from workers.engine.base import Finish

_FINISH_REASONS = {Finish.STOP: FinishReason.STOP, Finish.LENGTH: FinishReason.LENGTH}


def singles(raw: EngineCoreOutput) -> Iterator[EngineCoreOutput]:
    """A step's output, token by token."""
    count = len(raw.new_token_ids)
    if count <= 1:
        yield raw
        return
    for index, token in enumerate(raw.new_token_ids):
        is_last = index == count - 1
        yield EngineCoreOutput(
            request_id=raw.request_id,
            new_token_ids=[token],
            new_logprobs=None if raw.new_logprobs is None else raw.new_logprobs.slice_request(index, 1),
            new_prompt_logprobs_tensors=raw.new_prompt_logprobs_tensors if index == 0 else None,
            prefill_stats=raw.prefill_stats if index == 0 else None,
            finish_reason=raw.finish_reason if is_last else None,
            stop_reason=raw.stop_reason if is_last else None,
        )


def ending(request_id: str, finish: Finish) -> EngineCoreOutput:
    """The end of a generation that had all its tokens before it came to us."""
    return EngineCoreOutput(request_id=request_id, new_token_ids=[], finish_reason=_FINISH_REASONS[finish])


def replayed(request_id: str, done: Sequence[int], scores: LogprobsTensors | None) -> Iterator[EngineCoreOutput]:
    """What EngineCore said of `done`; `scores` are the prompt's log probabilities where `done` ended that prompt."""
    rows = None if scores is None else scores.tolists()
    first = 0 if rows is None else len(rows.logprobs) - len(done)
    for index, token in enumerate(done):
        yield EngineCoreOutput(
            request_id=request_id,
            new_token_ids=[token],
            new_logprobs=None if rows is None else _row(rows, first + index),
        )


def _row(rows: LogprobsLists, index: int) -> LogprobsLists:
    span = slice(index, index + 1)
    return LogprobsLists(rows.logprob_token_ids[span], rows.logprobs[span], rows.sampled_token_ranks[span])


def without_last(scores: LogprobsTensors, count: int) -> LogprobsTensors:
    """The rows of the original prompt, where `count` generated tokens followed it."""
    end = len(scores.logprobs) - count
    return LogprobsTensors(*(column[:end] for column in scores[:3]))
