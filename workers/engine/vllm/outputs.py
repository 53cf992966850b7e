"""EngineCore's outputs as ours."""

from __future__ import annotations

from vllm.v1.engine import EngineCoreOutput, FinishReason

from penstock.errors import InvalidRequestError
from workers.engine.base import Finish, Output

_FINISHES = {
    FinishReason.STOP: Finish.STOP,
    FinishReason.LENGTH: Finish.LENGTH,
    FinishReason.ABORT: Finish.ABORT,
    FinishReason.ERROR: Finish.ERROR,
    FinishReason.REPETITION: Finish.STOP,
}


def engine_output(raw: EngineCoreOutput, id_: str, index: int, grammar_field: str | None = None) -> Output:
    """One generation's share of a step; `raw` stays reachable for the writer of engine-written answers.

    `grammar_field` names what the generation's grammar comes from, if it has one.
    """
    output = Output(id=id_, tokens=raw.new_token_ids, index=index, extra=raw)
    if raw.prefill_stats is not None:
        output.cached_tokens = raw.prefill_stats.num_cached_tokens
    if raw.finish_reason is not None:
        _finish(output, raw, grammar_field)
    return output


def _finish(output: Output, raw: EngineCoreOutput, grammar_field: str | None) -> None:
    output.finish = _FINISHES[raw.finish_reason]
    if raw.finish_reason == FinishReason.STOP and raw.new_token_ids:
        output.stop_token = raw.new_token_ids[-1]
    elif output.finish is Finish.ERROR:
        output.error = "The engine failed on this request."
        if grammar_field is not None:
            # What EngineCore cannot go on with is a grammar that proved too slow: its steps wait for it.
            output.refusal = InvalidRequestError(
                f"{grammar_field} has so many ways to be met that each token took too long: fewer nested repetitions "
                "and alternatives that begin alike are quicker.",
                param=grammar_field,
            )
