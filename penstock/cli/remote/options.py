"""What commands that ask a server have in common."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from penstock.errors import SettingsError

DEFAULT_URL = "http://127.0.0.1:8000"
URL_VARIABLE = "PENSTOCK_URL"

UrlOption = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="URL",
        help="The server's address; PENSTOCK_API_KEY is the key.",
        envvar=URL_VARIABLE,
        show_envvar=False,
        show_default="PENSTOCK_URL, or http://127.0.0.1:8000",
    ),
]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option("--metadata", metavar="KEY=VALUE", help="Its metadata; may be repeated.", show_default="none"),
]


def url_words(url: str) -> list[str]:
    """What a command line needs to name the same server."""
    return [] if url == os.environ.get(URL_VARIABLE, DEFAULT_URL) else ["--url", url]


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Values of an option that is given as KEY=VALUE. Raises SettingsError."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise SettingsError(f"{option}: {text!r} is no KEY=VALUE.")
        found[name] = value
    return found
