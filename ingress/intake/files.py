"""Files as clients ask for them: uploads, the list, and what is deleted."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ingress.intake.upload_form import UploadForm
from penstock.broker import files, observing
from penstock.errors import (
    ApiError,
    BrokerError,
    BrokerFullError,
    InvalidRequestError,
    NotFoundError,
    StorageError,
)
from penstock.files.file import File, Part, Purpose, new_file_id, object_name
from penstock.telemetry import metrics

if TYPE_CHECKING:
    from ingress.http.form import Piece
    from penstock.broker.client import Broker
    from penstock.files.request import UploadRequest
    from penstock.settings import FileSettings
    from penstock.storage import Storage

#: Files that are read in one round trip.
_PAGE = 100


class UploadOutcome(enum.StrEnum):
    """What came of an upload; a metric's label."""

    STORED = "stored"
    #: Something was wrong with it.
    REFUSED = "refused"
    #: Redis or the storage could not take it.
    UNAVAILABLE = "unavailable"
    #: Its client was gone before its end.
    CUT = "cut"


class FilePage(Struct, frozen=True):
    """Part of a list."""

    files: Sequence[File]
    has_more: bool


class Files:
    """The files of one tenant. Every method raises BrokerError."""

    def __init__(self, broker: Broker, storage: Storage, tenant: str, limits: FileSettings) -> None:
        self._broker = broker
        self._storage = storage
        self._tenant = tenant
        self._limits = limits

    async def upload(self, pieces: AsyncIterator[Piece]) -> tuple[File, UploadRequest]:
        """Store a file as it comes. Raises StorageError, and what reading the form raises: then nothing is left."""
        outcome = UploadOutcome.CUT
        try:
            stored = await self._upload(pieces)
        except ApiError:
            outcome = UploadOutcome.REFUSED
            raise
        except (BrokerError, StorageError):
            outcome = UploadOutcome.UNAVAILABLE
            raise
        else:
            outcome = UploadOutcome.STORED
            metrics.FILE_BYTES.labels("received").inc(stored[0].bytes)
            return stored
        finally:
            metrics.FILE_UPLOADS.labels(outcome).inc()

    async def get(self, file_id: str) -> File:
        """One of them. Raises NotFoundError."""
        found, now_ms = await self._broker.ask_many([files.file(self._tenant, file_id), observing.clock_ms()])
        if found is None or found.has_expired(now_ms):
            raise NotFoundError(f"There is no file {file_id[:100]!r}, or none any more.", param="file_id")
        return found  # type: ignore[no-any-return]

    async def delete(self, file_id: str) -> File:
        """Delete one; returns what it was. Raises NotFoundError."""
        found = await self.get(file_id)
        # First the record: from then on nobody sees the file. What storage cannot delete now is swept later.
        parts = await self._broker.run(files.delete(self._tenant, file_id))
        for part in parts or ():
            with suppress(StorageError):
                await self._storage.delete(part.name)
        return found

    async def page(self, purpose: Purpose | None, *, newest_first: bool, after: str | None, limit: int) -> FilePage:
        """The next files that are wanted. Raises InvalidRequestError."""
        place = None if after is None else await self._place(after)
        found = list[File]()
        async for one in self._listed(place, newest_first=newest_first):
            if purpose in (None, one.purpose):
                if len(found) == limit:
                    return FilePage(found, has_more=True)
                # Those of many files would be many, and nobody asks for them here.
                found.append(replace(one, parts=()))
        return FilePage(found, has_more=False)

    async def _upload(self, pieces: AsyncIterator[Piece]) -> tuple[File, UploadRequest]:
        await self._require_room(await self._broker.ask(files.count(self._tenant)))
        file_id = new_file_id()
        name = object_name(self._tenant, file_id)
        form = UploadForm(self._limits.max_bytes)
        async with self._storage.write(name) as writer:
            async for part, data in pieces:
                await writer.write(form.take(part, data))
            asked = form.request()
        now_ms = await self._broker.ask(observing.clock_ms())
        expire_s = self._limits.expire_s if asked.expire_s is None else asked.expire_s
        file = File(
            id=file_id,
            tenant=self._tenant,
            filename=form.filename,
            bytes=form.bytes,
            lines=form.lines,
            purpose=asked.purpose,
            created_ms=now_ms,
            expires_ms=now_ms + round(expire_s * 1000),
            parts=[Part(name, form.bytes)],
        )
        await self._record(file)
        return file, asked

    async def _record(self, file: File) -> None:
        """Make it known. Where the answer is lost it may be known or not: what no record names is swept later."""
        await self._broker.run(files.touch(self._tenant, file.created_ms))
        try:
            outcome = await self._broker.run(files.put(self._tenant, file, self._limits.max_files))
        except BrokerFullError:
            await self._forget(file)
            raise
        if outcome == "full":
            await self._forget(file)
            await self._require_room(self._limits.max_files)

    async def _forget(self, file: File) -> None:
        for part in file.parts:
            with suppress(StorageError):
                await self._storage.delete(part.name)

    async def _require_room(self, count: int) -> None:
        """Raises InvalidRequestError."""
        if count >= self._limits.max_files:
            raise InvalidRequestError(
                f"There are {count} files already, as many as the operator allows (files.max_files): delete some that "
                "are not needed."
            )

    async def _place(self, after: str) -> tuple[int, str]:
        place = await self._broker.ask(files.place_of(self._tenant, after))
        if place is None:
            raise InvalidRequestError(f"after: {after[:100]!r} is no file of your list.", param="after")
        return place

    async def _listed(self, after: tuple[int, str] | None, *, newest_first: bool) -> AsyncIterator[File]:
        """All files behind a place."""
        from_ms, skip = None if after is None else after[0], 0
        while True:
            query = files.listed(self._tenant, from_ms, newest_first=newest_first, skip=skip, most=_PAGE)
            places, now_ms = await self._broker.ask_many([query, observing.clock_ms()])
            behind = [place for place in places if after is None or (place < after if newest_first else place > after)]
            # One that cannot be read is left out: whoever asks for it is told.
            found = await self._broker.ask_each([files.file(self._tenant, one) for _, one in behind]) if behind else []
            for one in found:
                if isinstance(one, File) and not one.has_expired(now_ms):
                    yield one
            if len(places) < _PAGE:
                return
            skip += _PAGE
