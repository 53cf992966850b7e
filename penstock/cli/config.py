"""`penstock config check | engines`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from penstock.cli import preconditions
from penstock.cli.options import EXIT_OK, command
from penstock.settings import load

if TYPE_CHECKING:
    from penstock.cli.options import Commands


def add_to(commands: Commands) -> None:
    """Add `config` and its parts."""
    parts = commands.add_parser("config", help="look at a configuration").add_subparsers(metavar="PART", required=True)
    command(parts, "check", "say whether a configuration is right, and how to mend it if not", check)
    command(parts, "engines", "list the engines that a configuration uses", engines)


def check(args: argparse.Namespace) -> int:
    """Look at everything that a start would look at, and have each engine's own library look at its options."""
    settings = load(args.config)
    preconditions.require_redis(settings)
    for recipe in preconditions.require_engines(settings, settings.pools):
        recipe.inspect()
    print(f"{args.config}: serves {', '.join(settings.models)}")
    return EXIT_OK


def engines(args: argparse.Namespace) -> int:
    """One name per line."""
    for name in sorted({pool.engine.value for pool in load(args.config).pools.values()}):
        print(name)
    return EXIT_OK
