"""Figures of the engine, gathered from what EngineCore reports with each step."""

from __future__ import annotations

from vllm.v1.engine import EngineCoreEventType, EngineCoreOutput, EngineCoreOutputs
from vllm.v1.metrics.stats import SchedulerStats

from penstock.engine_stats import EngineStats


class EngineGauges:
    """Counts over the engine's life, and its last reported state."""

    def __init__(self) -> None:
        self._scheduler = SchedulerStats()
        self._prefix_queries = 0
        self._prefix_hits = 0
        self._prompt_tokens = 0
        self._generated_tokens = 0
        self._preemptions = 0

    def record(self, step: EngineCoreOutputs) -> None:
        """Take in one step."""
        if step.scheduler_stats is not None:
            self._scheduler = step.scheduler_stats
            self._prefix_queries += step.scheduler_stats.prefix_cache_stats.queries
            self._prefix_hits += step.scheduler_stats.prefix_cache_stats.hits
        for output in step.outputs:
            self._generated_tokens += len(output.new_token_ids)
            if output.prefill_stats is not None or output.events:
                self._record_rare(output)

    def _record_rare(self, output: EngineCoreOutput) -> None:
        if output.prefill_stats is not None:
            self._prompt_tokens += output.prefill_stats.num_prompt_tokens
        self._preemptions += sum(event.type == EngineCoreEventType.PREEMPTED for event in output.events or ())

    @property
    def now(self) -> EngineStats:
        """The figures as of the last step."""
        return EngineStats(
            running=self._scheduler.num_running_reqs,
            waiting=self._scheduler.num_waiting_reqs + self._scheduler.num_skipped_waiting_reqs,
            kv_cache_usage=self._scheduler.kv_cache_usage,
            prefix_queries=self._prefix_queries,
            prefix_hits=self._prefix_hits,
            prompt_tokens=self._prompt_tokens,
            generated_tokens=self._generated_tokens,
            preemptions=self._preemptions,
        )
