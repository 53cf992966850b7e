"""What is asked of a server about batches and their files; each call goes on where the server is away for a while."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import quote

from penstock.batches.batch import BatchStatus
from penstock.cli.remote.failures import ServerError
from penstock.cli.remote.multipart import Watch, form
from penstock.cli.remote.server import file_path, parts_of
from penstock.errors import PenstockError, SettingsError

if TYPE_CHECKING:
    from penstock.cli.remote.patience import Patience
    from penstock.cli.remote.server import Server

T = TypeVar("T")

PATH = "/v1/batches"
ACCEPT_LATE_HEADER = "x-penstock-accept-late"
_FILES = "/v1/files"
_PARTIAL = 206
#: How often a batch is looked at: soon in the beginning, for short ones.
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.2, 5.0


class BatchNotCompletedError(PenstockError):
    """The batch ended before all of its lines were done; the message says how and why."""


def upload(
    server: Server, path: Path, patience: Patience, *, expire_s: int | None = None, watch: Watch | None = None
) -> dict[str, Any]:
    """Upload a file for a batch; returns the `file` object. Raises SettingsError for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            return upload_open(server, file, path.name, patience, expire_s=expire_s, watch=watch)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}.") from None


def upload_open(
    server: Server,
    file: BinaryIO,
    filename: str,
    patience: Patience,
    *,
    expire_s: int | None = None,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Upload all of an open file under a name. Raises SettingsError for one that cannot be read twice, OSError.

    `watch` is told how far it is. Where the answer was lost it is uploaded again, and the one before is left to its
    expiry.
    """
    expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(expire_s)} if expire_s else {}
    size = _size(file)

    def attempt() -> dict[str, Any]:
        file.seek(0)
        content = form({"purpose": "batch", **expiry}, filename, file, size, watch)
        made: dict[str, Any] = server.ask("POST", _FILES, content=content)
        return made

    return patiently(attempt, patience)


def create(
    server: Server,
    asked: Mapping[str, Any],
    patience: Patience,
    *,
    idempotency_key: str | None = None,
    accepts_late: bool = False,
) -> dict[str, Any]:
    """Create a batch: `asked` is the body. The same key stands for the same batch; there is always one."""
    headers = {"idempotency-key": idempotency_key or secrets.token_urlsafe(16)}
    if accepts_late:
        headers[ACCEPT_LATE_HEADER] = "true"
    return patiently(lambda: server.ask("POST", PATH, body=asked, headers=headers), patience)


def retrieve(server: Server, batch_id: str, patience: Patience) -> dict[str, Any]:
    """A batch as it stands."""
    return patiently(lambda: server.get(batch_path(batch_id)), patience)


def cancel(server: Server, batch_id: str, patience: Patience) -> dict[str, Any]:
    """Have a batch ended; returns it as it stands then."""
    return patiently(lambda: server.ask("POST", f"{batch_path(batch_id)}/cancel", body={}), patience)


def progress(
    server: Server, batch_id: str, patience: Patience, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[dict[str, Any]]:
    """A batch as it stands, again and again; the last one has ended."""
    pause_s = _FIRST_LOOK_S
    while True:
        batch = retrieve(server, batch_id, patience)
        yield batch
        if BatchStatus(batch["status"]).terminal:
            return
        sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_LOOK_S)


def ended(server: Server, batch_id: str, patience: Patience) -> dict[str, Any]:
    """A batch after its end, for which it waits."""
    return deque(progress(server, batch_id, patience), maxlen=1)[0]


def download(server: Server, file_id: str, patience: Patience, start: int = 0) -> Iterator[bytes]:
    """A file's content from a byte on, as it comes; what a lost connection cut off is asked for again."""
    at = start
    while True:
        try:
            headers = {"range": f"bytes={at}-"} if at else {}
            with server.opened("GET", f"{file_path(file_id)}/content", headers=headers) as response:
                # Who answers a part's request with the whole is somewhere between.
                unwanted = 0 if response.status == _PARTIAL else at
                for part in parts_of(response):
                    kept = part[unwanted:]
                    unwanted -= len(part) - len(kept)
                    at += len(kept)
                    patience.heard()
                    yield kept
                return
        except ServerError as error:
            patience.wait(error)


def require_completed(batch: Mapping[str, Any]) -> None:
    """Raise BatchNotCompletedError where a batch ended otherwise."""
    if batch["status"] != BatchStatus.COMPLETED:
        faults = (batch["errors"] or {"data": []})["data"]
        raise BatchNotCompletedError(f"Batch {batch['id']} is {batch['status']}{_told(faults)}.")


def _told(faults: Sequence[Mapping[str, Any]]) -> str:
    """The first mistake in a batch's input, and how many there are besides."""
    if not faults:
        return ""
    first, others = faults[0], len(faults) - 1
    where = "" if first["line"] is None else f"line {first['line']}: "
    more = f" ({others} more: penstock batch status)" if others else ""
    return f": {where}{first['message'].removesuffix('.')}{more}"


def batch_path(batch_id: str) -> str:
    """Where a batch is."""
    return f"{PATH}/{quote(batch_id, safe='')}"


def patiently(attempt: Callable[[], T], patience: Patience) -> T:
    """Try until it succeeds, or nothing can help. Raises ServerError."""
    while True:
        try:
            found = attempt()
        except ServerError as error:
            patience.wait(error)
        else:
            patience.heard()
            return found


def _size(file: BinaryIO) -> int:
    """Raises SettingsError for what cannot be read twice."""
    known = os.fstat(file.fileno())
    if not stat.S_ISREG(known.st_mode):
        raise SettingsError(
            f"{file.name} is no file that can be read again, should its upload be cut off: give a file."
        )
    return known.st_size
