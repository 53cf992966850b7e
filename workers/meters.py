"""A worker's metrics of its engine, from the figures the engine keeps."""

from __future__ import annotations

from penstock.engine_stats import EngineStats
from penstock.telemetry import metrics


class Meters:
    """Moves the counters by what the engine's figures grew since the last time."""

    def __init__(self, pool: str) -> None:
        self._slots = metrics.SLOTS.labels(pool)
        self._running = metrics.RUNNING.labels(pool)
        self._waiting = metrics.ENGINE_WAITING.labels(pool)
        self._kv_cache_usage = metrics.KV_CACHE_USAGE.labels(pool)
        self._prefix_queries = metrics.PREFIX_CACHE_QUERIES.labels(pool)
        self._prefix_hits = metrics.PREFIX_CACHE_HITS.labels(pool)
        self._generated = metrics.GENERATED_TOKENS.labels(pool)
        self._preemptions = metrics.PREEMPTIONS.labels(pool)
        self._before = EngineStats()

    def slots(self, slots: int) -> None:
        """The engine is up."""
        self._slots.set(slots)

    def record(self, stats: EngineStats) -> None:
        """Take over an engine's figures."""
        before, self._before = self._before, stats
        self._running.set(stats.running)
        self._waiting.set(stats.waiting)
        self._kv_cache_usage.set(stats.kv_cache_usage)
        self._prefix_queries.inc(stats.prefix_queries - before.prefix_queries)
        self._prefix_hits.inc(stats.prefix_hits - before.prefix_hits)
        self._generated.inc(stats.generated_tokens - before.generated_tokens)
        self._preemptions.inc(stats.preemptions - before.preemptions)
