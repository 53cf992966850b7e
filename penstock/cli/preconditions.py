"""What must hold before anything is started; each thing that does not is one sentence that says how to mend it."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from penstock.broker.connections import Endpoint
from penstock.cli.printable import printable_lines
from penstock.errors import SettingsError
from penstock.settings import load, require_models
from penstock.settings.kinds import RedisForm
from penstock.settings.overlooked import overlooked

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.settings import Settings
    from workers.engine.registry import Recipe

#: For commands that ask a server: penstock/cli/remote.
_OTHER_VARIABLES = frozenset({"PENSTOCK_URL", "PENSTOCK_API_KEY"})


def loaded(config: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """The configuration of a process that is about to start; tells of variables that were meant for it and do nothing.

    Raises SettingsError.
    """
    settings = load(config, environ)
    for name, sentence in overlooked(environ.items(), settings, _OTHER_VARIABLES):
        print(f"penstock: {printable_lines(sentence)}", file=sys.stderr)
        # What this process starts need not say it again.
        os.environ.pop(name, None)
    return settings


def require_startable(settings: Settings) -> None:
    """Raise SettingsError where one of the roles could not run with this configuration here."""
    require_redis(settings)
    require_queue(settings)
    require_storage(settings)
    for recipe in require_engines(settings, settings.pools):
        recipe.require_installed()


def require_redis(settings: Settings) -> None:
    """Raise SettingsError where nobody could read the URL of Redis."""
    Endpoint.parse(settings.redis.address)


def require_storage(settings: Settings) -> None:
    """Raise SettingsError where what the store of files needs is not installed."""
    # Only those who keep files have a use for it.
    from penstock.storage import require_library

    require_library(settings.storage)


def require_queue(settings: Settings) -> None:
    """Raise SettingsError where arq could not keep its tasks."""
    named = "background.redis_url" if settings.background.redis_url else "redis.url"
    if Endpoint.parse(settings.queue_address).form is RedisForm.CLUSTER:
        raise SettingsError(
            f"{named} is a Redis Cluster, on which arq, which delivers webhooks, cannot run: name a single server or a "
            "Sentinel in background.redis_url (redis://HOST:PORT/0)."
        )


def require_pool(settings: Settings, name: str) -> str:
    """The pool that `--pool` names. Raises SettingsError where there is none."""
    if name not in settings.pools:
        raise SettingsError(f"--pool: no pool {name!r}; there are {', '.join(settings.pools)}.")
    return name


def require_engines(settings: Settings, pools: Collection[str]) -> list[Recipe]:
    """How to make the engines of these pools. Raises SettingsError where a model or an option is not right."""
    # Only those who run engines, or look after those who do, need to know what these are.
    from workers.engine.registry import recipe

    require_models(settings, pools)
    return [recipe(pool, settings.pools[pool]) for pool in pools]
