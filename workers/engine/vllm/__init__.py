"""vLLM as an engine: its EngineCore in a process of its own, driven one step at a time."""

from __future__ import annotations

from workers.engine.vllm.adapter import VllmEngine
from workers.engine.vllm.settings import VllmSettings

__all__ = ["VllmEngine", "VllmSettings"]
