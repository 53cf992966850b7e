"""What `penstock config` says of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.cli import table
from penstock.cli.columns import Column, Kind
from penstock.cli.options import EXIT_OK
from penstock.cli.printable import printable, printable_json
from penstock.settings import load

if TYPE_CHECKING:
    from penstock.settings import Settings


def check(file: Path, *, as_json: bool) -> int:
    """Say that a configuration is right, and who serves each model. Raises SettingsError."""
    from penstock.cli import preconditions

    settings = preconditions.loaded(file)
    _check(settings)
    served = _served(settings)
    if as_json:
        print(printable_json({"config": str(file), "models": served}, indent=2))
    else:
        print(f"{printable(str(file))}: serves {', '.join(map(printable, served))}")
        rows = [(model, *map(str, by.values())) for model, by in served.items()]
        table.show((Column("Model"), Column("Pool"), Column("Engine"), Column("Workers", Kind.NUMBER)), rows)
    return EXIT_OK


def engines(file: Path, *, as_json: bool) -> int:
    """One engine per row. Raises SettingsError."""
    users = _users(load(file))
    if as_json:
        for name, pools in users.items():
            print(printable_json({"engine": name, "pools": pools}))
    else:
        table.show((Column("Engine"),), [(name,) for name in users])
    return EXIT_OK


def _check(settings: Settings) -> None:
    """Look at everything that a start would look at, and have each engine's own library look at its options."""
    # It reads addresses of Redis: half of what a program imports, which a list of engines does without.
    from penstock.cli import preconditions

    preconditions.require_redis(settings)
    preconditions.require_storage(settings)
    for recipe in preconditions.require_engines(settings, settings.pools):
        recipe.inspect()


def _served(settings: Settings) -> dict[str, dict[str, Any]]:
    """Each model with its pool and that pool's engine and number of workers."""
    return {
        name: {
            "pool": model.pool,
            "engine": settings.pools[model.pool].engine.value,
            "workers": settings.pools[model.pool].workers,
        }
        for name, model in settings.models.items()
    }


def _users(settings: Settings) -> dict[str, list[str]]:
    """Each engine with the pools that use it."""
    users: dict[str, list[str]] = {}
    for name, pool in settings.pools.items():
        users.setdefault(pool.engine.value, []).append(name)
    return dict(sorted(users.items()))


def schema() -> int:
    """The JSON Schema of the configuration file, each engine's options in it."""
    from penstock.settings.schema import json_schema
    from workers.engine.registry import option_types

    print(printable_json(json_schema(option_types()), indent=2))
    return EXIT_OK
