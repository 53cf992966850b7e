"""Moves results of a batch from Redis to storage: some hundred at a time, or those that have waited long enough."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import MsgspecError

from background.batches.parts import PartWriter
from penstock.answers.batch_line import job_line
from penstock.broker import batches
from penstock.broker.records import record
from penstock.errors import ApiError
from penstock.job import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from background.batches.work import Work
    from penstock.answers.batch_line import OutputLine
    from penstock.batches.batch import Batch
    from penstock.batches.line import Place
    from penstock.job import Job

#: Records that are read in one round trip, and bytes of their requests.
_PAGE, _PAGE_BYTES = 50, 4 << 20
#: Bytes of output after which a part is full.
_FULL_BYTES = 4 << 20
#: A result waits for others for this share of the time that its batch has run: a slow batch has no part per answer.
_WAIT_SHARE = 1 / 200


class Results:
    """Writes the results of one batch."""

    def __init__(self, work: Work) -> None:
        self._work = work
        #: Since when results wait that are too few for a part; None where none do.
        self._waiting_s: float | None = None

    def are_due(self, *, waiting: int, open_jobs: int, window: int, ran_s: float) -> bool:
        """Whether what waits is worth a part: it is much, or old, or all that there will be for now.

        `ran_s` is how long the batch has been in progress.
        """
        if not waiting:
            self._waiting_s = None
            return False
        now_s = time.monotonic()
        self._waiting_s = now_s if self._waiting_s is None else self._waiting_s
        limits = self._work.settings.batches
        is_much = waiting >= min(limits.part_lines, max(window // 2, 1))
        return is_much or waiting >= open_jobs or now_s - self._waiting_s >= max(limits.part_s, ran_s * _WAIT_SHARE)

    async def write(self, batch: Batch, cut_short: str) -> int:
        """Write a part of what waits; returns how many ends are done with.

        Raises DisownedError, BrokerError, StorageError.
        """
        work = self._work
        ended = await work.broker.ask(batches.ends(work.pool, work.id, work.settings.batches.part_lines))
        return await self._write(batch, ended, cut_short, from_list=True) if ended else 0

    async def write_those(self, batch: Batch, jobs: Sequence[str], cut_short: str) -> None:
        """The same of jobs that the ledger has not told of. Raises as `write` does."""
        await self._write(batch, jobs, cut_short, from_list=False)

    async def _write(self, batch: Batch, ended: Sequence[str], cut_short: str, *, from_list: bool) -> int:
        work = self._work
        places = await work.broker.ask(batches.lines_of(work.pool, work.id, ended))
        # One that is in a part already was told twice.
        fresh = {job: place for job, place in zip(ended, places, strict=True) if place is not None}
        lines, forgotten = list["OutputLine"](), list[str]()
        done = await self._read(fresh, cut_short, lines, forgotten)
        taken = len(ended) if len(done) == len(fresh) else ended.index(done[-1]) + 1
        ends = ended[:taken] if from_list else ()
        await PartWriter(work, batch).write(lines, jobs=done, forgotten=forgotten, ends=ends)
        self._waiting_s = None
        return taken

    async def _read(
        self, places: dict[str, Place], cut_short: str, lines: list[OutputLine], forgotten: list[str]
    ) -> list[str]:
        """Lines of the first jobs, until a part is full; returns which these are."""
        done, size = list[str](), 0
        for page in pages(places):
            records = await self._work.broker.ask_each([record(self._work.pool, job) for job in page])
            for job_id, found in zip(page, records, strict=True):
                # What cannot be read is as good as gone.
                job = None if isinstance(found, Exception) else found
                line = _line(places[job_id], job, job_id, cut_short)
                lines.append(line)
                size += len(line.text)
                # A dead letter names its job, for whoever looks at it.
                if job is not None and job.state is not State.DEAD_LETTERED:
                    forgotten.append(job_id)
            done += page
            if size >= _FULL_BYTES:
                break
        return done


def _line(place: Place, job: Job | None, job_id: str, cut_short: str) -> OutputLine:
    try:
        return job_line(place.custom_id, job, job_id, cut_short)
    except (ApiError, MsgspecError):
        # Its record holds something else than what was asked and answered.
        return job_line(place.custom_id, None, job_id, cut_short)


def pages(places: Mapping[str, Place]) -> Iterator[list[str]]:
    """The jobs in pages, each of so many that their records are not large together; at least one."""
    page, size = list[str](), 0
    for job, place in places.items():
        if page and (len(page) == _PAGE or size + place.size > _PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(job)
        size += place.size
    if page:
        yield page
