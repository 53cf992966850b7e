"""`penstock config check | engines | schema`."""

from __future__ import annotations

from functools import partial

import typer

from penstock.cli.commands import Command, Group
from penstock.cli.options import ConfigOption, JsonOption, Work, chosen

commands = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Look at a configuration.",
    epilog="""Examples:

  penstock config check --config FILE
  penstock config engines --config FILE
  penstock config schema > penstock.schema.json
""",
)


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock config check --config FILE && penstock up --config FILE
  penstock config check --config FILE --json | jq -r '.models | keys[]'
""",
)
def check(config: ConfigOption = None, *, json: JsonOption = False) -> Work:
    """Say whether a configuration is right, and how to mend it if not."""
    from penstock.cli import configuration

    return partial(configuration.check, chosen(config), as_json=json)


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock config engines --config FILE | grep --line-regexp vllm
""",
)
def engines(config: ConfigOption = None, *, json: JsonOption = False) -> Work:
    """List the engines that a configuration uses."""
    from penstock.cli import configuration

    return partial(configuration.engines, chosen(config), as_json=json)


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock config schema > penstock.schema.json
""",
)
def schema() -> Work:
    """Print the JSON Schema of the configuration file, for editors."""
    from penstock.cli import configuration

    return configuration.schema
