"""`penstock batch run`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import Work, chosen
from penstock.cli.remote.options import DEFAULT_URL, URL_VARIABLE
from penstock.errors import SettingsError

if TYPE_CHECKING:
    from penstock.cli.batch_run.host import Host

EXAMPLES = """Examples:

  penstock batch run requests.jsonl -o results.jsonl
  penstock batch run texts.txt -o results.jsonl --prompt "Summarise: {text}" --max-tokens 200
  penstock batch run people.csv -o results.jsonl --prompt "Greet {name} of {city}." --local --ordered
"""


def run(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Requests (.jsonl), a prompt per line (.txt), or rows (.csv, .tsv).")
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Write a line of JSON here for each request.")
    ],
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt",
            metavar="TEXT",
            help="What to ask of each line or row; {text} is the line, {NAME} a column.",
            show_default="{text}",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The model.", show_default="the only one served")
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", metavar="TEXT", help="What to tell the model before.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", metavar="COUNT", min=1, help="End each answer after so many tokens.")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            metavar="NUMBER",
            min=0,
            max=2,
            help="The sampling temperature, 0 to 2; 0 takes the likeliest token.",
        ),
    ] = None,
    schema: Annotated[
        str | None, typer.Option("--schema", metavar="FILE", help="A JSON Schema that each answer follows.")
    ] = None,
    completion_window: Annotated[
        str | None,
        typer.Option(
            "--completion-window",
            metavar="WINDOW",
            help="The longest it may take: 7d, 24h, 4h or 1h.",
            show_default="24h, with --local 7d",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="The server's address; PENSTOCK_API_KEY is the key.",
            show_default="PENSTOCK_URL, or http://127.0.0.1:8000",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The configuration for --local: a file, or demo or simulated.",
            show_default="demo",
        ),
    ] = None,
    *,
    local: Annotated[
        bool,
        typer.Option("--local", help="Start what is needed on this machine, and end it after.", show_default="off"),
    ] = False,
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Write results in the order of the input.", show_default="off")
    ] = False,
    accept_late: Annotated[
        bool,
        typer.Option("--accept-late", help="Run it even if it is unlikely to be done in time.", show_default="off"),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.", show_default="off")] = False,
) -> Work:
    """Have a file answered, and write the results to another.

    Ctrl-C, and run again, goes on where it was.
    """
    from penstock.batches.completion_window import WINDOWS
    from penstock.cli.batch_input import terms
    from penstock.cli.batch_run.run import run as work
    from penstock.cli.batch_run.wanted import Wanted
    from penstock.cli.misuse import require_one_of

    if completion_window is not None:
        require_one_of("--completion-window", completion_window, WINDOWS)
    asked = terms.Terms(
        prompt=terms.require_text("--prompt", prompt),
        model=terms.require_text("--model", model),
        system=terms.require_text("--system", system),
        max_tokens=max_tokens,
        temperature=temperature,
        response_format=None if schema is None else terms.schema_format(schema),
    )
    wanted = Wanted(
        input=file,
        output=Path(output),
        terms=asked,
        window=completion_window,
        is_ordered=ordered,
        is_quiet=quiet,
    )
    if local:
        if url is not None:
            raise SettingsError("--local: it starts a server of its own; --url names another. Give one of them.")
        return lambda: work(wanted, _local(config, wanted.folder))
    if config is not None:
        raise SettingsError("--config: it is for --local; a running server has its own.")
    return lambda: work(wanted, _remote(url, accepts_late=accept_late))


def _remote(url: str | None, *, accepts_late: bool) -> Host:
    from penstock.cli.batch_run.remote_host import RemoteHost

    address = os.environ.get(URL_VARIABLE, DEFAULT_URL) if url is None else url
    return RemoteHost(address, accepts_late=accepts_late)


def _local(config: str | None, folder: Path) -> Host:
    from penstock.cli.batch_run.local_host import LocalHost

    return LocalHost(chosen(config), folder)
