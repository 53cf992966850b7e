"""`penstock batch …`: files of requests that a running server answers when it has room."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from penstock.cli import batch_run_command
from penstock.cli.commands import Command, Group
from penstock.cli.options import JsonOption, Work
from penstock.cli.remote.options import DEFAULT_URL, MetadataOption, UrlOption, pairs

commands = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Have files of requests answered.",
    epilog="""Examples:

  penstock batch run requests.jsonl -o results.jsonl
  penstock batch submit requests.jsonl
  penstock batch status BATCH
  penstock batch download BATCH -o answers.jsonl --errors errors.jsonl
""",
)

commands.command("run", cls=Command, epilog=batch_run_command.EXAMPLES)(batch_run_command.run)

_BatchArgument = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's id.")]


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock batch submit requests.jsonl
  penstock batch submit requests.jsonl --completion-window 4h --metadata ticket=4711 --wait
""",
)
def submit(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The requests, a line of JSON each.")],
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Whose requests they are.", show_default="the url of the first line"),
    ] = None,
    completion_window: Annotated[
        str, typer.Option(metavar="WINDOW", help="The longest it may take: 7d, 24h, 4h or 1h.", show_default="24h")
    ] = "24h",
    metadata: MetadataOption = None,
    url: UrlOption = DEFAULT_URL,
    *,
    accept_late: Annotated[
        bool,
        typer.Option("--accept-late", help="Submit it even if it is unlikely to be done in time.", show_default="off"),
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end.", show_default="off")] = False,
) -> Work:
    """Upload a file of requests, submit it as a batch, and print the batch's id."""
    from penstock.cli.remote import batch_display

    wanted = batch_display.Wanted(
        file=file,
        endpoint=endpoint,
        window=completion_window,
        metadata=pairs("--metadata", metadata or ()),
        accepts_late=accept_late,
    )
    return partial(batch_display.submit, url, wanted, waits=wait)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock batch status BATCH --json | jq .request_counts")
def status(batch: _BatchArgument, url: UrlOption = DEFAULT_URL, *, json: JsonOption = False) -> Work:
    """Show how a batch stands, or what is wrong with its lines."""
    from penstock.cli.remote import batch_display

    return partial(batch_display.show_one, url, batch, as_json=json)


@commands.command("list", cls=Command, epilog="Examples:\n\n  penstock batch list --json | jq -r .id")
def show_list(
    limit: Annotated[
        int, typer.Option("--limit", metavar="COUNT", min=1, help="List so many at most.", show_default="20")
    ] = 20,
    url: UrlOption = DEFAULT_URL,
    *,
    all_of_them: Annotated[bool, typer.Option("--all", help="List all of them.", show_default="off")] = False,
    json: JsonOption = False,
) -> Work:
    """List one's batches, newest first."""
    from penstock.cli.remote import batch_display

    return partial(batch_display.show_list, url, None if all_of_them else limit, as_json=json)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock batch cancel BATCH")
def cancel(
    batch: Annotated[list[str], typer.Argument(metavar="BATCH...", help="Ids of batches.")],
    url: UrlOption = DEFAULT_URL,
    *,
    json: JsonOption = False,
) -> Work:
    """End batches, and print the status of each."""
    from penstock.cli.remote import batch_display

    return partial(batch_display.cancel, url, batch, as_json=json)


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock batch download BATCH | jq -r .response.body.choices[0].message.content
  penstock batch download BATCH -o answers.jsonl --errors errors.jsonl
""",
)
def download(
    batch: _BatchArgument,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write answers here.", show_default="standard output"),
    ] = None,
    errors: Annotated[
        str | None, typer.Option("--errors", metavar="FILE", help="Write the lines without an answer here.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
) -> Work:
    """Fetch the answers of a batch that has ended."""
    from penstock.cli.remote import batch_download

    return partial(batch_download.download, url, batch, output, errors)
