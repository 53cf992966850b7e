"""`penstock jobs list | show | events | cancel | purge`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from penstock.cli.commands import Command, Group
from penstock.cli.options import JsonOption, Work
from penstock.cli.remote.options import DEFAULT_URL, MetadataOption, UrlOption, pairs

commands = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Look after one's jobs on a running server.",
    epilog="""Examples:

  penstock jobs list --state queued,running
  penstock jobs events JOB
  penstock jobs cancel JOB
""",
)

_JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
_JobsArgument = Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of jobs.")]


@commands.command(
    "list",
    cls=Command,
    epilog="""Examples:

  penstock jobs list --all --metadata ticket=4711
  penstock jobs list --state queued --class batch --all --json | jq -r .id | xargs penstock jobs cancel
""",
)
def show_list(
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATES", help="List those in these states, with commas.", show_default="any"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="List those of this model.", show_default="any")
    ] = None,
    job_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="List those of this class.", show_default="any")
    ] = None,
    created_after: Annotated[
        str | None,
        typer.Option("--created-after", metavar="TIME", help="List those since: Unix seconds, or ISO 8601."),
    ] = None,
    created_before: Annotated[
        str | None, typer.Option("--created-before", metavar="TIME", help="List those before.")
    ] = None,
    metadata: MetadataOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="COUNT", min=1, help="List so many at most.", show_default="20")
    ] = 20,
    url: UrlOption = DEFAULT_URL,
    *,
    all_of_them: Annotated[bool, typer.Option("--all", help="List all of them.", show_default="off")] = False,
    json: JsonOption = False,
) -> Work:
    """List one's jobs, newest first."""
    from penstock.cli.remote import jobs

    wanted = jobs.Wanted(
        state=state,
        model=model,
        job_class=job_class,
        created_after=created_after,
        created_before=created_before,
        metadata=pairs("--metadata", metadata or ()),
        limit=None if all_of_them else limit,
    )
    return partial(jobs.show_list, url, wanted, as_json=json)


@commands.command("show", cls=Command, epilog="Examples:\n\n  penstock jobs show JOB | jq .usage")
def show_one(job: _JobArgument, url: UrlOption = DEFAULT_URL) -> Work:
    """Show one job with its answer, as JSON."""
    from penstock.cli.remote import jobs

    return partial(jobs.show_one, url, job)


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock jobs events JOB
  penstock jobs events --after 17 JOB
""",
)
def events(
    job: _JobArgument,
    after: Annotated[
        str, typer.Option("--after", metavar="ID", help="Go on after this event.", show_default="from the beginning")
    ] = "",
    url: UrlOption = DEFAULT_URL,
    *,
    json: JsonOption = False,
) -> Work:
    """Print a job's answer as it comes; with `--json`, its events."""
    from penstock.cli.remote import jobs

    return partial(jobs.follow, url, job, after, as_json=json)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock jobs cancel JOB")
def cancel(job: _JobsArgument, url: UrlOption = DEFAULT_URL, *, json: JsonOption = False) -> Work:
    """End jobs, and print the state of each."""
    from penstock.cli.remote import jobs

    return partial(jobs.cancel, url, job, as_json=json)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock jobs purge JOB")
def purge(job: _JobsArgument, url: UrlOption = DEFAULT_URL, *, json: JsonOption = False) -> Work:
    """Erase what jobs were asked and answered."""
    from penstock.cli.remote import jobs

    return partial(jobs.purge, url, job, as_json=json)
