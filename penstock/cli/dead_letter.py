"""`penstock dead-letter list | show | retry`: jobs that lost too many workers."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from penstock.cli import completion
from penstock.cli.commands import Command, Group
from penstock.cli.options import ConfigOption, JsonOption, Work, chosen

commands = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Look at jobs that lost too many workers, and try them again.",
    epilog="""Examples:

  penstock dead-letter list --config FILE
  penstock dead-letter show --config FILE JOB
  penstock dead-letter retry --config FILE JOB
""",
)

_JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as `list` shows it.")]


@commands.command(
    "list",
    cls=Command,
    epilog="""Examples:

  penstock dead-letter list --config FILE --pool demo
  penstock dead-letter list --json | jq -r 'select(.losses >= 3).job'
""",
)
def show_list(
    config: ConfigOption = None,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="List those of this pool.",
            show_default="all pools",
            autocompletion=completion.pools,
        ),
    ] = None,
    *,
    json: JsonOption = False,
) -> Work:
    """List the dead letters, oldest first."""
    from penstock.cli import letters

    return partial(letters.show_list, chosen(config), pool, as_json=json)


@commands.command(
    "show", cls=Command, epilog="Examples:\n\n  penstock dead-letter show --config FILE JOB | jq '.request.body'"
)
def show_one(job: _JobArgument, config: ConfigOption = None) -> Work:
    """Show one dead letter with its evidence and its request, as JSON."""
    from penstock.cli import letters

    return partial(letters.show_one, chosen(config), job)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock dead-letter retry --config FILE JOB")
def retry(job: _JobArgument, config: ConfigOption = None) -> Work:
    """Submit a dead letter's request as a new job.

    It prints the new job's id and drops the letter.
    """
    from penstock.cli import letters

    return partial(letters.retry, chosen(config), job)
