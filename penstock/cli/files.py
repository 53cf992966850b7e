"""`penstock files …`: what batches read and make."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.commands import Command, Group
from penstock.cli.options import JsonOption, Work
from penstock.cli.remote.options import DEFAULT_URL, UrlOption

commands = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Keep files on a server: what batches read and make.",
    epilog="""Examples:

  penstock files upload prompts.jsonl
  penstock files list
  penstock files download FILE -o results.jsonl
""",
)

_FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="Its id, as `list` shows it.")]


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock files upload prompts.jsonl
  penstock files upload prompts.jsonl --expires-after 86400 --json | jq -r .expires_at
""",
)
def upload(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The file.")],
    url: UrlOption = DEFAULT_URL,
    expires_after: Annotated[
        int | None,
        typer.Option(
            "--expires-after", metavar="SECONDS", help="Have it deleted after so long.", show_default="files.expire_s"
        ),
    ] = None,
    *,
    json: JsonOption = False,
) -> Work:
    """Upload a file, and print its id."""
    from penstock.cli.remote import files

    return partial(files.upload, url, Path(path), expires_after, as_json=json)


@commands.command("list", cls=Command, epilog="Examples:\n\n  penstock files list --json | jq -r .filename")
def show_list(
    url: UrlOption = DEFAULT_URL,
    purpose: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only files for this: batch or batch_output.", show_default="all"),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="COUNT", min=1, help="List so many at most.", show_default="20")
    ] = 20,
    *,
    all_of_them: Annotated[bool, typer.Option("--all", help="List all of them.", show_default="off")] = False,
    json: JsonOption = False,
) -> Work:
    """List files, newest first."""
    from penstock.cli.remote import files

    return partial(files.show_list, url, purpose, None if all_of_them else limit, as_json=json)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock files show FILE | jq -r .bytes")
def show(file: _FileArgument, url: UrlOption = DEFAULT_URL) -> Work:
    """Show what is known of a file, as JSON."""
    from penstock.cli.remote import files

    return partial(files.show_one, url, file)


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock files download FILE -o results.jsonl
  penstock files download FILE | head
""",
)
def download(
    file: _FileArgument,
    url: UrlOption = DEFAULT_URL,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="Where to put it; it is there once it is whole.",
            show_default="standard output",
        ),
    ] = None,
) -> Work:
    """Download a file."""
    from penstock.cli.remote import files

    return partial(files.download, url, file, None if output is None else Path(output))


@commands.command(cls=Command, epilog="Examples:\n\n  penstock files delete FILE")
def delete(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Their ids, as `list` shows them.")],
    url: UrlOption = DEFAULT_URL,
    *,
    json: JsonOption = False,
) -> Work:
    """Delete files."""
    from penstock.cli.remote import files as remote

    return partial(remote.delete, url, files, as_json=json)
