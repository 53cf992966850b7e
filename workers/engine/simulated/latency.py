"""How long a simulated engine takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.engine.simulated.settings import SimulatedSettings


def prefill_s(settings: SimulatedSettings, uncached_tokens: int) -> float:
    """Seconds to process a prompt of which the prefix cache lacks `uncached_tokens`."""
    return (
        settings.prefill_ms_base / 1e3 + settings.prefill_us_per_token * uncached_tokens / 1e6
    ) * settings.slow_factor


def step_s(settings: SimulatedSettings, running: int) -> float:
    """Seconds between two steps of `running` generations."""
    load = (running - 1) / (settings.slots - 1) if settings.slots > 1 else 0.0
    return settings.itl_ms / 1e3 * (1.0 + (settings.full_batch_slowdown - 1.0) * load) * settings.slow_factor
