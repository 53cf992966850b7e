"""An engine without a model: real timing, batching, prefix cache and failures, and text that anyone can predict."""

from __future__ import annotations

from workers.engine.simulated.engine import SimulatedEngine
from workers.engine.simulated.script import SimulatedScript
from workers.engine.simulated.settings import InjectedFailure, InjectedFailureKind, SimulatedSettings

__all__ = [
    "InjectedFailure",
    "InjectedFailureKind",
    "SimulatedEngine",
    "SimulatedScript",
    "SimulatedSettings",
]
