"""A job's events, each once, whatever becomes of the connection or the ingress meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penstock.cli.remote.event_stream import DONE, Event, EventReader
from penstock.cli.remote.failures import ConnectionLostError, RefusedError, ServerError
from penstock.cli.remote.server import job_path, parts_of
from penstock.errors import PenstockError
from penstock.job import State

if TYPE_CHECKING:
    from penstock.cli.remote.patience import Patience
    from penstock.cli.remote.server import Server

_NOTHING_LEFT = 204


class JobNotCompletedError(PenstockError):
    """The job ended without an answer; the message says how and why."""


class Following:
    """Reads one job's events; `after` is the id of the last that was read, "" at the beginning."""

    def __init__(self, server: Server, job_id: str, patience: Patience, after: str = "") -> None:
        self.job_id = job_id
        self.after = after
        #: Whether the whole answer was read.
        self.is_done = False
        #: What the last connection ended with, if it was an error.
        self.error = ""
        self._server = server
        self._patience = patience

    def events(self) -> Iterator[Event]:
        """Every event that is left, as it comes, each to be taken; afterwards the job has ended. Raises ServerError."""
        while True:
            try:
                yield from self._connection()
                if self.is_done or State(self.job()["state"]).terminal:
                    return
                # An ingress that has to end says so in an event, and the job goes on without it.
                ended: ServerError = ConnectionLostError(
                    self.error or f"The events of job {self.job_id} ended before the job did."
                )
            except ServerError as error:
                ended = error
            self._patience.wait(ended)

    def take(self, event: Event) -> None:
        """An event was read and dealt with: it does not come again."""
        self.after = event.id or self.after

    def job(self) -> dict[str, Any]:
        """The job as it stands."""
        found: dict[str, Any] = self._server.get(job_path(self.job_id))
        return found

    def ended(self) -> dict[str, Any]:
        """The job after its last event. Raises ServerError."""
        while True:
            try:
                job = self.job()
            except ServerError as error:
                self._patience.wait(error)
            else:
                return job

    def _connection(self) -> Iterator[Event]:
        """The events of one connection."""
        self.error = ""
        headers = {"last-event-id": self.after} if self.after else {}
        with self._server.opened("GET", f"{job_path(self.job_id)}/events", headers=headers) as response:
            if response.status == _NOTHING_LEFT:
                return
            reader = EventReader()
            for part in parts_of(response):
                for event in reader.feed(part):
                    if error := _object(event).get("error"):
                        self.error = error["message"]
                        return
                    self.is_done = event.data == DONE
                    yield event
                    if self.is_done:
                        return
                self._patience.heard()


def require_answer(following: Following) -> None:
    """Raise JobNotCompletedError, or ServerError, where the events that were left were not those of an answer."""
    if not following.is_done:
        require_completed(following.ended())
        if following.error:
            raise RefusedError(following.error)


def require_completed(job: dict[str, Any]) -> None:
    """Raise JobNotCompletedError where a job ended otherwise."""
    if job["state"] != State.COMPLETED:
        why = (job.get("error") or {}).get("message") or "nobody said why."
        raise JobNotCompletedError(f"Job {job['id']} is {job['state'].replace('_', ' ')}: {why}")


def text_of(event: Event) -> str:
    """What an event adds to the answer's first choice."""
    choices = _object(event).get("choices")
    first = choices[0] if choices else {}
    text = first.get("text", (first.get("delta") or {}).get("content"))
    return text or ""


def _object(event: Event) -> dict[str, Any]:
    return event.value if isinstance(event.value, dict) else {}
