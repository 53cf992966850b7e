"""What `penstock files` asks of a server, and how it is shown."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.cli import table
from penstock.cli.columns import Column, Kind
from penstock.cli.options import EXIT_FAILED, EXIT_OK
from penstock.cli.printable import printable, printable_json
from penstock.cli.remote import batches
from penstock.cli.remote.failures import ConnectionLostError, RefusedError
from penstock.cli.remote.kept_file import written
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.progress import Progress
from penstock.cli.remote.server import Server, file_path

_PATH = "/v1/files"
#: As many as the server gives at once.
_PAGE = 1000
COLUMNS = (
    Column("File"),
    Column("Made"),
    Column("Expires", rank=2),
    Column("Purpose", rank=1),
    Column("Bytes", Kind.NUMBER),
    Column("Name", Kind.TEXT),
)


def upload(url: str, path: Path, expire_s: int | None, *, as_json: bool) -> int:
    """Print the new file's id, or the file as JSON. Raises SettingsError for what cannot be read."""
    with Progress(path.name) as progress:
        made = batches.upload(Server.named(url), path, Patience(), expire_s=expire_s, watch=progress.reached)
    print(printable_json(made) if as_json else printable(made["id"]))
    return EXIT_OK


def show_list(url: str, purpose: str | None, limit: int | None, *, as_json: bool) -> int:
    """A row per file, newest first; `limit` is None for all of them."""

    def query(after: str | None) -> list[tuple[str, str]]:
        given = {"purpose": purpose, "limit": str(min(limit or _PAGE, _PAGE)), "after": after}
        return [(name, value) for name, value in given.items() if value is not None]

    found = itertools.islice(Server.named(url).pages(_PATH, query), limit)
    if as_json:
        for one in found:
            print(printable_json(one))
    else:
        table.show(COLUMNS, map(row, found))
    return EXIT_OK


def row(file: Mapping[str, Any]) -> tuple[table.Value, ...]:
    """What a list shows of a file."""
    return (
        file["id"],
        _when(file["created_at"]),
        _when(file["expires_at"]),
        file["purpose"],
        str(file["bytes"]),
        file["filename"],
    )


def show_one(url: str, file: str) -> int:
    """All that is told of a file."""
    print(printable_json(Server.named(url).get(file_path(file)), indent=2))
    return EXIT_OK


def download(url: str, file: str, to: Path | None) -> int:
    """Put it where it is wanted. Raises SettingsError for a place that takes none."""
    server, reached = Server.named(url), 0
    size: int = server.get(file_path(file))["bytes"]
    with written(to) as write, Progress(file) as progress:
        for part in batches.download(server, file, Patience(is_known=True)):
            write(part)
            reached += len(part)
            progress.reached(reached, size)
    if reached != size:
        raise ConnectionLostError(f"The file broke off after {reached} of {size} bytes.")
    return EXIT_OK


def delete(url: str, files: Sequence[str], *, as_json: bool) -> int:
    """Delete each; what the server refuses of one is no reason to leave out the others."""
    server, status = Server.named(url), EXIT_OK
    for file in files:
        told: Any
        try:
            told, shown = server.ask("DELETE", file_path(file)), "deleted"
        except RefusedError as error:
            status = EXIT_FAILED
            told, shown = {"id": file, "error": {"message": str(error)}}, str(error)
        if as_json:
            print(printable_json(told))
        else:
            print(*table.lines([(printable(file), printable(shown))]))
    return status


def _when(unix_s: int | None) -> table.Value:
    return "never" if unix_s is None else table.moment(unix_s)
