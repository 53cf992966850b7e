"""`penstock submit | usage | top`: what a running server is asked."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from penstock.cli.commands import Command
from penstock.cli.options import JsonOption, Work
from penstock.cli.remote.options import DEFAULT_URL, MetadataOption, UrlOption, pairs

ASK = "Ask a running server"

commands = typer.Typer()


@commands.command(
    cls=Command,
    rich_help_panel=ASK,
    epilog="""Examples:

  penstock submit --wait "What is Penstock?"
  penstock submit --class batch --metadata ticket=4711 --file question.txt
  git diff | penstock submit --wait --system "Review this change."
""",
)
def submit(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to ask.", show_default="standard input"),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Ask what is in this file; - is standard input.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="The model.", show_default="the only one served"),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", metavar="TEXT", help="What to tell the model before.")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", metavar="COUNT", help="End the answer after so many tokens."),
    ] = None,
    job_class: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            help="Its order of service: interactive, standard or batch.",
            show_default="standard",
        ),
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(
            "--deadline",
            metavar="SECONDS",
            help="The longest it may wait for a worker.",
            show_default="jobs.deadline_s",
        ),
    ] = None,
    metadata: MetadataOption = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="KEY", help="The same key and request are the same job."),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    *,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Print the answer as it comes, not the job's id.", show_default="off"),
    ] = False,
    json: JsonOption = False,
) -> Work:
    """Submit a prompt as a job; print its id, or the answer.

    With `--wait` it goes on where it was when the connection or the ingress is lost. Ctrl-C leaves the job running.
    """
    from penstock.cli.remote.submission import Asked
    from penstock.cli.remote.submission import submit as run

    asked = Asked(
        prompt=prompt,
        file=file,
        model=model,
        system=system,
        max_tokens=max_tokens,
        job_class=job_class,
        deadline_s=deadline,
        metadata=pairs("--metadata", metadata or ()),
        idempotency_key=idempotency_key,
    )
    return partial(run, url, asked, waits=wait, as_json=json)


@commands.command(
    cls=Command,
    rich_help_panel=ASK,
    epilog="""Examples:

  penstock usage --group-by day,model
  penstock usage --from 2026-11-01 --to 2026-11-30 --json | jq .completion_tokens
""",
)
def usage(
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", help="The first day, UTC.", show_default="29 days before the last"),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="The last day, UTC.", show_default="today")
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option("--group-by", metavar="NAMES", help="Any of day, model, key and class, with commas."),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    *,
    json: JsonOption = False,
) -> Work:
    """Add up the jobs and tokens that were used."""
    from penstock.cli.remote.usage import show

    return partial(show, url, first, last, group_by, as_json=json)


@commands.command(
    cls=Command,
    rich_help_panel=ASK,
    epilog="""Examples:

  penstock top
  penstock top --once
  penstock top --json | jq '.queue.batch.jobs'
""",
)
def top(
    url: UrlOption = DEFAULT_URL,
    *,
    once: Annotated[
        bool,
        typer.Option("--once", help="Print it once; so it does where no terminal is.", show_default="off"),
    ] = False,
    json: JsonOption = False,
) -> Work:
    """Watch pools, what waits there, workers, and batches.

    Ctrl-C ends it.
    """
    from penstock.cli.remote.top import show

    return partial(show, url, once=once, as_json=json)
