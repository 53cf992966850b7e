"""Batches as clients ask for them: created, looked up, listed, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ingress.intake.batch_admission import BatchReason, batches_open, check_same, check_window, not_cancellable
from ingress.intake.files import Files
from ingress.intake.newest_first import Index, newest_first
from penstock.batches.batch import Batch, BatchStatus, batch_id, pool_of_batch
from penstock.batches.completion_window import WINDOWS
from penstock.batches.line import parse_line
from penstock.broker import batches
from penstock.errors import (
    CompletionWindowError,
    InvalidRequestError,
    NotFoundError,
    StorageMissingError,
    UnavailableError,
)
from penstock.files.file import Purpose
from penstock.files.reading import read_parts
from penstock.job import idempotent_job_id, new_job_id
from penstock.lines import BYTE_ORDER_MARK
from penstock.long_bodies import reading
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from ingress.intake.auth import Caller
    from ingress.intake.context import Context
    from ingress.intake.newest_first import Place
    from penstock.files.file import File
    from penstock.request.batch_request import BatchRequest

log = logs.get()


class BatchPage(Struct, frozen=True):
    """Part of a list."""

    batches: Sequence[Batch]
    has_more: bool


class Batches:
    """The batches of one tenant. Every method raises BrokerError."""

    def __init__(self, context: Context, caller: Caller) -> None:
        self._context = context
        self._caller = caller
        self._broker = context.broker
        self._settings = context.settings

    async def create(self, asked: BatchRequest, key: str | None, *, accepts_late: bool) -> Batch:
        """A new batch, or the one that its Idempotency-Key stands for.

        Raises InvalidRequestError, IdempotencyConflictError, CompletionWindowError, QueueFullError, StorageError.
        """
        # In whichever pool: the model may have been moved to another since.
        known = await self._known(key)
        if known is None:
            file = await self._input(asked.input_file_id)
            pool = await self._pool_for(file)
            if not accepts_late:
                self._check_window(asked, file, pool)
            known = await self._record(asked, pool, key)
        check_same(known, asked.digest)
        return known

    async def get(self, given: str) -> Batch:
        """One of them. Raises NotFoundError."""
        pool = self._pool_of(given)
        found = await self._broker.ask(batches.batch(pool, given)) if pool else None
        if found is None or found.tenant != self._caller.tenant:
            raise NotFoundError(f"There is no batch {given[:100]!r}, or none any more.", param="batch_id")
        return found

    async def page(self, *, limit: int, after: str | None) -> BatchPage:
        """The next ones, newest first. Raises InvalidRequestError."""
        place = None if after is None else await self._place(after)
        found = list[Batch]()
        newest_ms = None if place is None else place[0]
        pools = list(self._settings.pools)
        async for _, one in newest_first(self._broker, self._index, pools, newest_ms=newest_ms, after=place):
            if len(found) == limit:
                return BatchPage(found, has_more=True)
            found.append(one)
        return BatchPage(found, has_more=False)

    async def cancel(self, given: str) -> Batch:
        """Have one ended; returns it as it stands then. Raises NotFoundError, BatchEndedError."""
        pool = (await self.get(given)).pool
        reply = await self._broker.run(batches.change(pool, given, "", BatchStatus.CANCELLING))
        batch = await self.get(given)
        # Of one that was cancelled by our own request, whose answer was lost, it is said that it is over.
        if reply == "moved" and batch.status is not BatchStatus.CANCELLED:
            raise not_cancellable(batch)
        return batch

    @property
    def _index(self) -> Index[Batch]:
        tenant = self._caller.tenant
        return Index(
            places=lambda pool, newest_ms, skip, count: batches.indexed(
                pool, tenant, newest_ms=newest_ms, skip=skip, count=count
            ),
            record=batches.batch,
            forget=lambda pool, gone: batches.forget(pool, tenant, gone),
        )

    def _pool_of(self, given: str) -> str | None:
        """The pool that an id names; None for what is no batch's id, or of a pool that is not here."""
        pool = pool_of_batch(given)
        return pool if pool in self._settings.pools else None

    async def _place(self, after: str) -> Place:
        pool = self._pool_of(after)
        found = await self._broker.ask(batches.place_of(pool, self._caller.tenant, after)) if pool else None
        if found is None:
            raise InvalidRequestError(f"after: {after[:100]!r} is no batch of your list.", param="after")
        return found

    async def _known(self, key: str | None) -> Batch | None:
        """The batch that a key stands for."""
        if key is None:
            return None
        queries = [batches.batch(pool, self._id(pool, key)) for pool in self._settings.pools]
        found = await self._broker.ask_many(queries)
        return next((one for one in found if one is not None), None)

    async def _input(self, file_id: str) -> File:
        files = Files(self._broker, self._context.storage, self._caller.tenant, self._settings.files)
        try:
            found = await files.get(file_id)
        except NotFoundError as error:
            raise InvalidRequestError(f"input_file_id: {error.message}", param="input_file_id") from None
        if found.purpose is not Purpose.BATCH:
            raise InvalidRequestError(
                f"input_file_id: {file_id!r} has the purpose {found.purpose}; upload the requests with the purpose "
                f"{Purpose.BATCH}.",
                param="input_file_id",
            )
        return found

    async def _pool_for(self, file: File) -> str:
        """The pool of the model that the first line asks for; any, where nobody can tell: validation says why."""
        any_pool = next(iter(self._settings.pools))
        try:
            line = await self._first_line(file)
            model = await reading(_model_of, line)
        except (InvalidRequestError, StorageMissingError, msgspec.DecodeError):
            return any_pool
        return self._settings.pool_of(model) or any_pool

    async def _first_line(self, file: File) -> bytes:
        """b"" where there is none, or it is too long. Raises StorageError."""
        most, size, text = self._settings.ingress.max_body_bytes, 0, b""
        async with aclosing(read_parts(self._context.storage, file.parts)) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                # At once, however many blank lines there are: streams wait meanwhile.
                text = (text + chunk).removeprefix(BYTE_ORDER_MARK).lstrip()
                line, end, _ = text.partition(b"\n")
                if end or size > most:
                    return line if end else b""
        return text

    def _check_window(self, asked: BatchRequest, file: File, pool: str) -> None:
        counts, _ = self._context.pool_watch.waiting(pool)
        rate = self._context.pool_watch.full_jobs_per_s(pool)
        try:
            check_window(asked, lines=file.lines, ahead=sum(counts.values()), jobs_per_s=rate)
        except CompletionWindowError:
            self._tell_refused(pool, BatchReason.WINDOW_TOO_SHORT)
            raise

    async def _record(self, asked: BatchRequest, pool: str, key: str | None) -> Batch:
        """Whoever asks for the same with the same key is told of the same record."""
        limits = self._settings.batches
        given = batch_id(new_job_id(pool)) if key is None else self._id(pool, key)
        call = batches.create(
            pool,
            given,
            self._caller.tenant,
            self._fields(asked),
            window_ms=WINDOWS[asked.completion_window] * 1000,
            keep_ms=round(limits.keep_s * 1000),
            most=limits.max_open,
        )
        reply = await self._broker.run(call)
        if reply == "full":
            self._tell_refused(pool, BatchReason.BATCHES_OPEN)
            raise batches_open(limits.max_open)
        found = await self._broker.ask(batches.batch(pool, given))
        if found is None:
            # Redis lost it since: nothing that was promised.
            raise UnavailableError("The batch was lost before it could be told of.", retry_after_s=1)
        if reply == "created":
            log.info(events.BATCH_CREATED, pool=pool, tenant=self._caller.tenant, batch=given)
        return found

    def _fields(self, asked: BatchRequest) -> dict[str, str | int]:
        expiry = asked.output_expires_after
        return {
            "tenant": self._caller.tenant,
            "key": self._caller.key,
            "input_file": asked.input_file_id,
            "endpoint": asked.endpoint,
            "window": asked.completion_window,
            "metadata": asked.metadata_json,
            "digest": asked.digest,
            "output_ttl_s": expiry.seconds if expiry else round(self._settings.files.expire_s),
        }

    def _id(self, pool: str, key: str) -> str:
        return batch_id(idempotent_job_id(pool, self._caller.tenant, key))

    def _tell_refused(self, pool: str, reason: BatchReason) -> None:
        metrics.REJECTED.labels(pool, reason).inc()
        log.info(events.BATCH_REJECTED, pool=pool, tenant=self._caller.tenant, reason=reason)


class _Asking(Struct):
    """What a request is for."""

    model: str


def _model_of(line: bytes) -> str:
    """Raises InvalidRequestError, msgspec.DecodeError."""
    return msgspec.json.decode(parse_line(line).body, type=_Asking).model
