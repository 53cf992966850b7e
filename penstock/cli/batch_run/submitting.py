"""An input becomes a batch: once, whatever is cut off on the way."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from penstock.cli.remote import batches
from penstock.cli.remote.failures import ServerError
from penstock.cli.remote.server import file_path

if TYPE_CHECKING:
    from penstock.cli.batch_run.host import Host
    from penstock.cli.batch_run.state import RunState, StateFile

#: A batch has a copy of its own as soon as it is read.
_EXPIRES_S = 24 * 3600


def withdraw(host: Host, file: str) -> None:
    """Delete an upload that nothing comes of; what cannot be deleted expires."""
    with contextlib.suppress(ServerError):
        host.server.ask("DELETE", file_path(file))


def submit(
    host: Host, state_file: StateFile, state: RunState, requests: BinaryIO, *, name: str, endpoint: str, window: str
) -> RunState:
    """Upload the requests and create their batch, or what is left of that; returns the state with the batch in it.

    Each step is written down when it is done. Where that could not be, an upload is done again and the former expires
    unused; the batch is found by its key. Raises SettingsError, ServerError.
    """
    state_file.write(state)
    if not state.file:
        uploaded = batches.upload_open(host.server, requests, name, host.patience, expire_s=_EXPIRES_S)
        state = msgspec.structs.replace(state, file=uploaded["id"])
        state_file.write(state)
    asked = {"input_file_id": state.file, "endpoint": endpoint, "completion_window": window}
    batch = batches.create(
        host.server, asked, host.patience, idempotency_key=state.token, accepts_late=host.accepts_late
    )
    state = msgspec.structs.replace(state, batch=batch["id"])
    state_file.write(state)
    return state
