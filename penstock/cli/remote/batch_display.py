"""What `penstock batch` asks for, and how it is shown."""

from __future__ import annotations

import itertools
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.batches.batch import BatchStatus
from penstock.batches.completion_window import WINDOWS
from penstock.cli import table
from penstock.cli.columns import Column, Kind
from penstock.cli.misuse import require_one_of
from penstock.cli.options import EXIT_FAILED, EXIT_OK
from penstock.cli.printable import printable, printable_json
from penstock.cli.remote import batches
from penstock.cli.remote.failures import RefusedError
from penstock.cli.remote.options import url_words
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.server import Server
from penstock.errors import SettingsError

#: As many as the server gives at once.
_PAGE = 100
COLUMNS = (
    Column("Batch"),
    Column("Status"),
    Column("Model", Kind.TEXT, rank=4),
    Column("Requests", Kind.NUMBER),
    Column("Submitted", rank=1),
    Column("Metadata", Kind.TEXT, rank=3),
)
#: Where the first line of a file is looked for.
_BEGINNING_BYTES = 4 << 20


class Wanted(Struct, frozen=True, kw_only=True):
    """The batch to submit."""

    file: str
    #: None for that of the file's first line.
    endpoint: str | None
    window: str
    metadata: Mapping[str, str]
    accepts_late: bool


def submit(url: str, wanted: Wanted, *, waits: bool) -> int:
    """Submit it and print its id. Raises SettingsError, ServerError, and where it waits BatchNotCompletedError."""
    path = Path(wanted.file)
    endpoint = checked_endpoint(path, wanted)
    server, patience = Server.named(url), Patience()
    uploaded = batches.upload(server, path, patience)
    asked = {"input_file_id": uploaded["id"], "endpoint": endpoint, "completion_window": wanted.window}
    if wanted.metadata:
        asked["metadata"] = dict(wanted.metadata)
    batch = batches.create(server, asked, patience, accepts_late=wanted.accepts_late)
    if not waits:
        print(printable(batch["id"]))
        return EXIT_OK
    with _leaving(batch["id"], url):
        print(printable(batch["id"]), flush=True)
        batch = batches.ended(server, batch["id"], patience)
    batches.require_completed(batch)
    return EXIT_OK


def show_one(url: str, batch_id: str, *, as_json: bool) -> int:
    """A line per fact, and one per mistake in its input."""
    batch = Server.named(url).get(batches.batch_path(batch_id))
    if as_json:
        print(printable_json(batch, indent=2))
    else:
        for line in table.lines([(name, table.told(value)) for name, value in facts(batch) if value]):
            print(line)
    return EXIT_OK


def show_list(url: str, limit: int | None, *, as_json: bool) -> int:
    """A row per batch, newest first; `limit` is None for all of them."""

    def query(after: str | None) -> list[tuple[str, str]]:
        behind = [] if after is None else [("after", after)]
        return [("limit", str(min(limit or _PAGE, _PAGE))), *behind]

    found = itertools.islice(Server.named(url).pages(batches.PATH, query), limit)
    if as_json:
        for batch in found:
            print(printable_json(batch))
    else:
        table.show(COLUMNS, map(row, found))
    return EXIT_OK


def cancel(url: str, given: Sequence[str], *, as_json: bool) -> int:
    """End each, and print its status. What the server refuses of one is no reason to leave out the others."""
    server, status = Server.named(url), EXIT_OK
    for batch_id in given:
        try:
            told = batches.cancel(server, batch_id, Patience())
            shown = told["status"]
        except RefusedError as error:
            status = EXIT_FAILED
            told, shown = {"id": batch_id, "error": {"message": str(error)}}, str(error)
        if as_json:
            print(printable_json(told))
        else:
            print(*table.lines([(printable(batch_id), printable(shown))]))
    return status


def checked_endpoint(path: Path, wanted: Wanted) -> str:
    """The endpoint of a batch. Raises SettingsError for what no server takes, before a file is uploaded for it."""
    # Here, because it takes longer than all that most commands import.
    from penstock.request.job_request import ENDPOINTS

    require_one_of("--completion-window", wanted.window, WINDOWS)
    if wanted.endpoint is not None:
        require_one_of("--endpoint", wanted.endpoint, ENDPOINTS)
        _first_line(path)
        return wanted.endpoint
    endpoint = first_endpoint(path)
    require_one_of(f"{path}: the url of the first line", endpoint, ENDPOINTS)
    return endpoint


def first_endpoint(path: Path) -> str:
    """The `url` of a file's first line. Raises SettingsError where none can be found."""
    try:
        found = json.loads(_first_line(path))
    except ValueError:
        found = None
    endpoint = found.get("url") if isinstance(found, dict) else None
    if not isinstance(endpoint, str):
        raise SettingsError(f'{path}: the first line is no request with a "url", as a batch\'s are: {_FORM} {_OTHERS}')
    return endpoint


def _first_line(path: Path) -> bytes:
    """The first line that is not blank, or as much of it as is looked at. Raises SettingsError where there is none."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING_BYTES)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}.") from None
    lines = beginning.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    first = next((line for line in lines if line.strip()), b"")
    if not first and len(beginning) < _BEGINNING_BYTES:
        raise SettingsError(f"{path} is empty: a batch needs a request at least.")
    return first


_FORM = '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.'
_OTHERS = "`penstock batch run` takes prompts as plain text, and tables."


def row(batch: Mapping[str, Any]) -> tuple[table.Value, ...]:
    """What a list shows of a batch."""
    counts = batch["request_counts"]
    return (
        batch["id"],
        batch["status"],
        batch["model"] or "",
        f"{counts['completed']}/{counts['total']}" if counts["total"] else "",
        table.moment(batch["created_at"]),
        ", ".join(f"{name}={value}" for name, value in (batch["metadata"] or {}).items()),
    )


def facts(batch: Mapping[str, Any]) -> Iterator[tuple[str, table.Value]]:
    """What is shown of one batch, by a word for each; "" for what it does not have."""
    yield "Batch", batch["id"]
    yield "Status", batch["status"]
    yield "Requests", requests_of(batch)
    yield "Model", batch["model"] or ""
    yield "Endpoint", batch["endpoint"]
    yield "Submitted", table.moment(batch["created_at"])
    yield "Expires", table.moment(batch["expires_at"])
    usage = batch["usage"]
    yield "Tokens", f"{usage['input_tokens']} in, {usage['output_tokens']} out" if usage["input_tokens"] else ""
    yield "Ignored", ", ".join(batch["ignored"])
    for name, field in (("Input", "input_file_id"), ("Answers", "output_file_id"), ("Errors", "error_file_id")):
        yield name, batch[field] or ""
    for fault in (batch["errors"] or {"data": []})["data"]:
        yield ("File" if fault["line"] is None else f"Line {fault['line']}"), f"{fault['code']}: {fault['message']}"


def requests_of(batch: Mapping[str, Any]) -> str:
    """How many of its requests are answered, and how many are not and will not be."""
    counts = batch["request_counts"]
    if not counts["total"]:
        return ""
    done = f"{counts['completed']} of {counts['total']}"
    # Of one that was cut short, they may never have been tried.
    is_cut_short = batch["status"] in (BatchStatus.CANCELLING, BatchStatus.CANCELLED, BatchStatus.EXPIRED)
    word = "without an answer" if is_cut_short else "failed"
    return f"{done}, {counts['failed']} {word}" if counts["failed"] else done


@contextmanager
def _leaving(batch_id: str, url: str) -> Iterator[None]:
    """Tell somebody who leaves before the batch's end what becomes of it."""
    try:
        yield
    except KeyboardInterrupt:
        look, end = (
            shlex.join(["penstock", "batch", word, printable(batch_id), *url_words(url)])
            for word in ("status", "cancel")
        )
        told = f"Batch {printable(batch_id)} goes on.\nHow it stands: {look}\nTo cancel it: {end}"
        print(f"penstock: {told}", file=sys.stderr)
        raise
