"""`penstock worker`: the workers of one pool on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.telemetry import events, logs
from workers.host.supervisor import Host

if TYPE_CHECKING:
    from penstock.settings import Settings
    from workers.engine.registry import Recipe

log = logs.get()


def run(settings: Settings, pool: str, recipe: Recipe) -> None:
    """Run a pool's workers until told to stop. Raises SettingsError."""
    logs.configure(settings.telemetry, "worker")
    log.info(events.STARTED, pool=pool)
    Host(settings, pool, recipe).run()
    log.info(events.STOPPED, pool=pool)
