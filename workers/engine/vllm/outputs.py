"""EngineCore's outputs as ours."""

from __future__ import annotations

from vllm.v1.engine import EngineCoreOutput, FinishReason

from workers.engine.base import Finish, Output

_FINISHES = {
    FinishReason.STOP: Finish.STOP,
    FinishReason.LENGTH: Finish.LENGTH,
    FinishReason.ABORT: Finish.ABORT,
    FinishReason.ERROR: Finish.ERROR,
    FinishReason.REPETITION: Finish.STOP,
}


def engine_output(raw: EngineCoreOutput, id_: str, index: int) -> Output:
    """One generation's share of a step; `raw` stays reachable for the writer of rich answers."""
    output = Output(id=id_, tokens=raw.new_token_ids, index=index, extra=raw)
    if raw.prefill_stats is not None:
        output.cached_tokens = raw.prefill_stats.num_cached_tokens
    if raw.finish_reason is not None:
        _finish(output, raw)
    return output


def _finish(output: Output, raw: EngineCoreOutput) -> None:
    output.finish = _FINISHES[raw.finish_reason]
    if raw.finish_reason == FinishReason.STOP and raw.new_token_ids:
        output.stop_token = raw.new_token_ids[-1]
    elif output.finish is Finish.ERROR:
        output.error = "The engine failed on this request."
