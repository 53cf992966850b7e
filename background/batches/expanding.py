"""Lines of a batch become jobs, as many as the pool has use for."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Raw

from background.batches.block import Block, Request, read_block, read_request
from background.batches.parts import PartWriter
from background.batches.validating import copy_input
from background.batches.work import Work, check_owned
from penstock.answers.batch_line import refused_line, unrun_line
from penstock.broker import batches
from penstock.errors import ApiError, BodyTooLargeError, StorageMissingError
from penstock.intake.asking import asked_by
from penstock.intake.new_job import new_job, pool_for
from penstock.job_class import JobClass
from penstock.pauses import GrowingPause
from penstock.request.job_request import JobRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.answers.batch_line import OutputLine
    from penstock.batches.batch import Batch
    from penstock.batches.line import Place
    from penstock.job import NewJob

T = TypeVar("T")

#: Jobs that are made in one round trip, and their bytes: what a response goes on from is in none of its block's bytes.
AT_ONCE = 100
_MOST_BYTES = 4 << 20
#: How long a full lane is left alone.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
#: A result waits this much longer than its batch for storage that is away.
_KEPT_S = 7 * 24 * 3600


class Expansion:
    """Makes jobs of one batch's lines, in the order of its blocks."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._block: Block | None = None
        #: Until when the lane is left alone that was full.
        self._full_until_s = 0.0
        self._pause = GrowingPause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)

    async def make(self, batch: Batch, most: int, now_ms: int) -> int:
        """Make at most so many jobs; returns how many, 0 too where the lane is full.

        Raises DisownedError, BrokerError, StorageError.
        """
        if time.monotonic() < self._full_until_s:
            return 0
        block = await self._block_at(batch)
        taken = batch.cursor.taken
        limits = self._work.settings.pools[self._work.pool]
        # They are taken all or none: as many as there is room for as soon as others of the lane have gone.
        at_once = min(most, AT_ONCE, max(limits.lane_max_jobs // 2, 1))
        lines, refused = await self._jobs(batch, block.requests[taken : taken + at_once], now_ms)
        if refused:
            cursor = block.cursor(taken + len(refused))
            await PartWriter(self._work, batch).write(refused, cursor=cursor, expanded=batch.expanded + len(refused))
            return len(refused)
        reply = await self._work.broker.run(
            batches.enqueue_lines(
                self._work.id,
                self._work.token,
                lines,
                cursor=block.cursor(taken + len(lines)),
                expanded=batch.expanded + len(lines),
                max_jobs=limits.lane_max_jobs,
                max_bytes=limits.lane_max_bytes,
            )
        )
        check_owned(reply)
        if reply == "full":
            # Other batches of the tenant fill it: jobs that are made in vain at each look would keep this process busy.
            self._full_until_s = time.monotonic() + self._pause.next_s()
            return 0
        self._pause.reset()
        return len(lines)

    async def make_again(self, batch: Batch, places: Mapping[str, Place], now_ms: int) -> None:
        """Make jobs again whose records are gone. Raises DisownedError, BrokerError, StorageError."""
        refused = dict[str, "OutputLine"]()
        for job_id, place in places.items():
            request = await self._with_input(batch, partial(read_request, self._work, place))
            lines, errors = await self._jobs(batch, [request], now_ms)
            if errors:
                refused[job_id] = errors[0]
                continue
            call = batches.enqueue_lines(
                self._work.id,
                self._work.token,
                lines,
                cursor=batch.cursor,
                expanded=batch.expanded,
                max_jobs=0,
                max_bytes=0,
            )
            check_owned(await self._work.broker.run(call))
        if refused:
            await PartWriter(self._work, batch).write(list(refused.values()), jobs=list(refused))

    async def write_rest(self, batch: Batch, code: str) -> int:
        """Write an error for each line of a block that never became a job. Raises as `make` does."""
        block = await self._block_at(batch)
        rest = block.requests[batch.cursor.taken :]
        lines = [unrun_line(one.place.custom_id, self._job_id(one.place), code) for one in rest]
        await PartWriter(self._work, batch).write(lines, cursor=block.next, expanded=batch.expanded + len(rest))
        return len(rest)

    async def _block_at(self, batch: Batch) -> Block:
        offset = batch.cursor.offset
        if self._block is None or self._block.offset != offset:
            # Not two at a time.
            self._block = None
            self._block = await self._with_input(batch, partial(read_block, self._work, offset))
        return self._block

    async def _with_input(self, batch: Batch, read: Callable[[], Awaitable[T]]) -> T:
        """What is read of the batch's input. Redis may have lost the batch's end, with which its input was deleted."""
        try:
            return await read()
        except StorageMissingError:
            await copy_input(self._work, batch)
            return await read()

    async def _jobs(
        self, batch: Batch, requests: Sequence[Request], now_ms: int
    ) -> tuple[list[tuple[NewJob, Place]], list[OutputLine]]:
        """The first requests as jobs, up to one that is refused; or errors of the first ones, up to one that is not."""
        jobs, refused, size = list[tuple["NewJob", "Place"]](), list["OutputLine"](), 0
        most_bytes = min(_MOST_BYTES, self._work.settings.pools[self._work.pool].lane_max_bytes // 2)
        for request in requests:
            try:
                job = await self._job(batch, request, now_ms)
            except ApiError as error:
                if jobs:
                    break
                # It was valid when it was looked at, and is no more.
                refused.append(refused_line(request.place.custom_id, self._job_id(request.place), error))
                continue
            size += job.size_bytes
            if refused or (jobs and size > most_bytes):
                break
            jobs.append((job, request.place))
        return jobs, refused

    async def _job(self, batch: Batch, request: Request, now_ms: int) -> NewJob:
        work = self._work
        asked = await asked_by(work.broker, work.settings, batch.tenant, _asked(batch.endpoint, request))
        pool_for(work.settings, asked.body)
        left_s = max((batch.expires_ms - now_ms) / 1000, 1.0)
        limits = work.settings.pools[work.pool]
        job = new_job(
            self._job_id(request.place),
            limits,
            asked,
            tenant=batch.tenant,
            key=batch.key,
            job_class=JobClass.BATCH,
            deadline_s=left_s,
            kept_s=left_s + _KEPT_S,
            batch=batch.id,
        )
        if job.size_bytes > limits.lane_max_bytes:
            raise BodyTooLargeError(
                f"The request has {job.size_bytes} bytes as a job, and a lane of this model takes "
                f"{limits.lane_max_bytes} (lane_max_bytes)."
            )
        return job

    def _job_id(self, place: Place) -> str:
        """The same whoever makes it: made twice, it is one job."""
        digest = hashlib.sha256(f"{self._work.id} {place.offset}".encode()).hexdigest()
        return f"{self._work.pool}-{digest[:24]}"


def _asked(endpoint: str, request: Request) -> JobRequest:
    return msgspec.convert({"endpoint": endpoint, "body": Raw(request.body)}, JobRequest)
