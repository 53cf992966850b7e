"""The figures that an engine keeps of itself; a worker's record carries them."""

from __future__ import annotations

from msgspec import Struct


class EngineStats(Struct, frozen=True, kw_only=True):
    """Gauges of one engine at one moment, and counters since its start."""

    running: int = 0
    waiting: int = 0
    #: 0 to 1.
    kv_cache_usage: float = 0.0
    #: Prompt tokens looked up in, and found in, the prefix cache since the start.
    prefix_queries: int = 0
    prefix_hits: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    preemptions: int = 0
