"""An engine without a model: real timing, batching, prefix cache and failures, and text that anyone can predict."""

from __future__ import annotations

from workers.engine.simulated.engine import SimulatedEngine
from workers.engine.simulated.script import Script, expected_text, expected_tokens
from workers.engine.simulated.settings import Failure, FailureKind, SimulatedSettings

__all__ = [
    "Failure",
    "FailureKind",
    "Script",
    "SimulatedEngine",
    "SimulatedSettings",
    "expected_text",
    "expected_tokens",
]
