"""What must hold before anything is started; each thing that does not is one sentence that says how to mend it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from penstock.broker.connections import Endpoint
from penstock.settings import require_models

if TYPE_CHECKING:
    from penstock.settings import Settings
    from workers.engine.registry import Recipe


def require_redis(settings: Settings) -> None:
    """Raise SettingsError where nobody could read the URL of Redis."""
    Endpoint.parse(settings.redis.address)


def require_engines(settings: Settings, pools: Collection[str]) -> list[Recipe]:
    """How to make the engines of these pools. Raises SettingsError where a model or an option is not right."""
    # Only those who run engines, or look after those who do, need to know what these are.
    from workers.engine.registry import recipe

    require_models(settings, pools)
    return [recipe(pool, settings.pools[pool]) for pool in pools]
