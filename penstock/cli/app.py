"""The commands with their options and help, as people meet them; what a command does is imported when it runs.

So `penstock --help`, a completion and each role load no more of Penstock than they need.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from penstock.cli import asking, batch, completion, config, dead_letter, files, jobs, webhooks
from penstock.cli.commands import Command, Group
from penstock.cli.options import ConfigOption, Work, chosen

_EVERYTHING = "Run everything"
_ONE_ROLE = "Run one role"
_LOOK_AFTER = "Look after it"

app = typer.Typer(
    name="penstock",
    cls=Group,
    no_args_is_help=True,
    # Its tracebacks show the values of variables, secrets among them.
    pretty_exceptions_enable=False,
    epilog="""Examples:

  penstock up                                    the demo model on this machine
  penstock up --config simulated                 without a real model
  penstock submit --wait "What is Penstock?"     ask a running server
  penstock config check --config FILE            is this configuration right?
  penstock worker --config FILE --pool demo      more workers for a pool
""",
)
app.add_typer(asking.commands)
app.add_typer(jobs.commands, name="jobs", rich_help_panel=asking.ASK)
app.add_typer(batch.commands, name="batch", rich_help_panel=asking.ASK)
app.add_typer(files.commands, name="files", rich_help_panel=asking.ASK)
app.add_typer(webhooks.commands, name="webhooks", rich_help_panel=asking.ASK)
app.add_typer(config.commands, name="config", rich_help_panel=_LOOK_AFTER)
app.add_typer(dead_letter.commands, name="dead-letter", rich_help_panel=_LOOK_AFTER)


def _print_version(*, is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        print(f"penstock {version('penstock')}")
        raise typer.Exit


@app.callback()
def penstock(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            callback=_print_version,
            is_eager=True,
            show_default=False,
        ),
    ] = False,
) -> None:
    """Durable, resumable LLM serving: an OpenAI-compatible API in front of a queue of jobs and your own workers."""


@app.command(
    cls=Command,
    rich_help_panel=_EVERYTHING,
    epilog="""Examples:

  penstock up
  penstock up --config simulated
  PENSTOCK__INGRESS__PORT=8001 penstock up       any setting, from the environment
""",
)
def up(config: ConfigOption = None) -> Work:
    """Start everything on this machine; Ctrl-C ends it.

    A second Ctrl-C ends it at once.
    """
    from penstock.cli.up import run

    return partial(run, chosen(config))


@app.command(
    cls=Command,
    rich_help_panel=_ONE_ROLE,
    epilog="""Examples:

  penstock ingress --config FILE
  penstock ingress --config FILE --processes 4
""",
)
def ingress(
    config: ConfigOption = None,
    processes: Annotated[
        int | None,
        typer.Option(metavar="COUNT", help="Processes that share the port.", show_default="ingress.processes"),
    ] = None,
) -> Work:
    """Take HTTP requests and stream the answers."""
    from penstock.cli.roles import run_ingress

    return partial(run_ingress, chosen(config), processes)


@app.command(
    cls=Command,
    rich_help_panel=_ONE_ROLE,
    epilog="""Examples:

  penstock scheduler --config FILE
""",
)
def scheduler(config: ConfigOption = None) -> Work:
    """Assign waiting jobs to workers.

    Of several, one leads each pool and the others stand by.
    """
    from penstock.cli.roles import run_scheduler

    return partial(run_scheduler, chosen(config))


@app.command(
    cls=Command,
    rich_help_panel=_ONE_ROLE,
    epilog="""Examples:

  penstock background --config FILE              of two, one reads a pool's ledger and one stands by
""",
)
def background(config: ConfigOption = None) -> Work:
    """Account for jobs that ended, and do what follows from them."""
    from penstock.cli.roles import run_background

    return partial(run_background, chosen(config))


@app.command(
    cls=Command,
    rich_help_panel=_ONE_ROLE,
    epilog="""Examples:

  penstock worker --config FILE --pool demo
""",
)
def worker(
    config: ConfigOption = None,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The pool to work for; needed where there are several.",
            show_default="the only one",
            autocompletion=completion.pools,
        ),
    ] = None,
) -> Work:
    """Run a pool's engines."""
    from penstock.cli.roles import run_worker

    return partial(run_worker, chosen(config), pool)


@app.command(
    cls=Command,
    rich_help_panel=_ONE_ROLE,
    epilog="""Examples:

  penstock tokenizer --config FILE
""",
)
def tokenizer(config: ConfigOption = None) -> Work:
    """Serve /tokenize and /detokenize alone."""
    from penstock.cli.roles import run_tokenizer

    return partial(run_tokenizer, chosen(config))
