"""`penstock jobs`: what `/v1/jobs` shows and does."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from penstock.cli import table
from penstock.cli.columns import Column, Kind
from penstock.cli.job_ids import job_id
from penstock.cli.options import EXIT_FAILED, EXIT_OK
from penstock.cli.printable import printable, printable_json
from penstock.cli.remote import answer
from penstock.cli.remote.failures import RefusedError
from penstock.cli.remote.following import Following
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.server import Server, job_path
from penstock.errors import SettingsError
from penstock.job_class import JobClass

#: As many as the server gives at once.
_PAGE = 100
COLUMNS = (
    Column("Job"),
    Column("State"),
    Column("Class", rank=3),
    Column("Model", Kind.TEXT, rank=2),
    Column("Submitted", rank=1),
    Column("Took", Kind.NUMBER, rank=4),
    Column("Metadata", Kind.TEXT),
)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which jobs to list; None and {} say nothing."""

    state: str | None
    model: str | None
    job_class: str | None
    created_after: str | None
    created_before: str | None
    metadata: Mapping[str, str]
    #: None for all of them.
    limit: int | None

    def query(self, after: str | None) -> list[tuple[str, str]]:
        """For the page behind a job."""
        given = {
            "state": self.state,
            "model": self.model,
            "class": self.job_class,
            "created_after": self.created_after,
            "created_before": self.created_before,
            **{f"metadata[{name}]": value for name, value in self.metadata.items()},
            "limit": str(min(self.limit or _PAGE, _PAGE)),
            "after": after,
        }
        return [(name, value) for name, value in given.items() if value is not None]


def show_list(url: str, wanted: Wanted, *, as_json: bool) -> int:
    """A row per job, newest first."""
    jobs = itertools.islice(Server.named(url).pages("/v1/jobs", wanted.query), wanted.limit)
    if as_json:
        for job in jobs:
            print(printable_json(job))
    else:
        rows = [row(job) for job in jobs]
        table.show(COLUMNS, rows)
        if not rows and wanted.job_class == JobClass.BATCH and sys.stdout.isatty():
            print("Lines of a batch are not in this list: penstock batch list.")
    return EXIT_OK


def show_one(url: str, given: str) -> int:
    """Everything that the server tells of a job, its answer included, as JSON. Raises SettingsError."""
    print(printable_json(Server.named(url).get(job_path(job_id(given))), indent=2))
    return EXIT_OK


def follow(url: str, given: str, after: str, *, as_json: bool) -> int:
    """A job's answer, or its events, from a place on and to its end. Raises SettingsError."""
    following = Following(Server.named(url), job_id(given), Patience(), after)
    if as_json:
        answer.show_events(following, url)
    else:
        answer.show(following, url)
    return EXIT_OK


def cancel(url: str, given: Sequence[str], *, as_json: bool) -> int:
    """End each job, and print its state."""
    server = Server.named(url)

    def end(path: str) -> tuple[Any, str]:
        job = server.ask("DELETE", path)
        return job, state_of(job)

    return _each(given, end, as_json=as_json)


def purge(url: str, given: Sequence[str], *, as_json: bool) -> int:
    """Erase each job, and print whether that is done."""
    server = Server.named(url)

    def erase(path: str) -> tuple[Any, str]:
        told = server.ask("DELETE", path, query=[("purge", "true")])
        return told, "erased" if told["deleted"] else "erased at its end"

    return _each(given, erase, as_json=as_json)


def row(job: Mapping[str, Any]) -> tuple[table.Value, ...]:
    """What a list shows of a job."""
    took_ms = job["timings"]["total_ms"]
    return (
        job["id"],
        job["state"],
        job["class"],
        job["model"],
        table.moment(job["created_at"]),
        "" if took_ms is None else f"{took_ms / 1000:.1f} s",
        ", ".join(f"{name}={value}" for name, value in job["metadata"].items()),
    )


def state_of(job: Mapping[str, Any]) -> str:
    """A job's state; one that its worker has yet to end is being cancelled."""
    is_ending = job["cancel_requested"] and job["state"] in ("assigned", "running")
    return "being cancelled" if is_ending else job["state"]


def _each(given: Sequence[str], do: Callable[[str], tuple[Any, str]], *, as_json: bool) -> int:
    """Do it to each job, at its path, and print what came of it; returns whether all of it was done.

    What the server refuses of one is no reason to leave out the others. Raises ServerError for what concerns all.
    """
    status = EXIT_OK
    for one in given:
        try:
            found = job_id(one)
            told, shown = do(job_path(found))
        except (SettingsError, RefusedError) as error:
            status = EXIT_FAILED
            found, told, shown = one, {"id": one, "error": {"message": str(error)}}, str(error)
        if as_json:
            print(printable_json(told))
        else:
            print(*table.lines([(printable(found), printable(shown))]))
    return status
