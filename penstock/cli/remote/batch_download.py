"""`penstock batch download`: a batch's files on standard output, or as files that appear when they are whole."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.batches.batch import BatchStatus
from penstock.cli.options import EXIT_FAILED, EXIT_OK
from penstock.cli.printable import printable
from penstock.cli.remote import batches
from penstock.cli.remote.failures import RefusedError
from penstock.cli.remote.kept_file import written
from penstock.cli.remote.options import url_words
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable


def download(url: str, batch_id: str, output: str | None, errors: str | None) -> int:
    """Write the answers, and the lines without one. Raises SettingsError, ServerError."""
    server, patience = Server.named(url), Patience()
    batch = batches.retrieve(server, batch_id, patience)
    if not BatchStatus(batch["status"]).terminal:
        raise RefusedError(f"Batch {batch_id} is {batch['status']}: it has files when it has ended.")
    if batch["output_file_id"]:
        with written(None if output is None else Path(output)) as write:
            _fetch(server, batch["output_file_id"], patience, write)
    if batch["error_file_id"] and errors:
        with written(Path(errors)) as write:
            _fetch(server, batch["error_file_id"], patience, write)
    for sentence in not_written(batch, errors, url):
        print(f"penstock: {printable(sentence)}", file=sys.stderr)
    return EXIT_OK if batch["output_file_id"] or (errors and batch["error_file_id"]) else EXIT_FAILED


def not_written(batch: Mapping[str, Any], errors: str | None, url: str) -> Iterator[str]:
    """What was not written of a batch that has ended, and why."""
    status = shlex.join(["penstock", "batch", "status", batch["id"], *url_words(url)])
    counts = batch["request_counts"]
    if not batch["output_file_id"]:
        why = f": `{status}` says why" if batch["errors"] else ""
        yield f"Batch {batch['id']} is {batch['status']}, and none of its requests has an answer{why}."
    if batch["error_file_id"] and not errors:
        yield "Some requests have no answer: --errors FILE writes why."
    if errors and not batch["error_file_id"]:
        is_whole = counts["total"] and counts["completed"] == counts["total"]
        yield f"{'Every request has an answer' if is_whole else 'There is no error file'}: {errors} is not written."


def _fetch(server: Server, file_id: str, patience: Patience, write: Callable[[bytes], object]) -> None:
    for part in batches.download(server, file_id, patience):
        write(part)
