"""What a shell offers in place of a value that is yet to be typed."""

from __future__ import annotations

import contextlib

import typer

from penstock.cli.options import chosen


def pools(context: typer.Context) -> list[tuple[str, str]]:
    """The pools of the configuration that the line names so far, each with its engine; none if it cannot be read."""
    from penstock.errors import SettingsError
    from penstock.settings import load

    file = chosen(context.params.get("config"))
    with contextlib.suppress(SettingsError):
        return [(name, pool.engine.value) for name, pool in load(file).pools.items()]
    return []
