"""A batch's input is read and checked before anything of it runs."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING

from background.batches.work import Work, change
from penstock.batches.batch import BatchFault, BatchStatus, encode_faults, encode_names
from penstock.batches.part import input_name
from penstock.broker import files, observing
from penstock.errors import StorageMissingError, StorageUnavailableError
from penstock.intake.batch_input import InputCheck
from penstock.lines import LineSplitter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock.batches.batch import Batch
    from penstock.files.file import File
    from penstock.lines import Line

_GONE = BatchFault(
    code="input_file_missing", message="The input file was deleted before it was read.", param="input_file_id"
)
#: A thread of its own: whoever reads one long body does not wait for files of them.
_checker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batch-inputs")


async def validate(work: Work, batch: Batch) -> None:
    """Have the batch begin, or fail with what is wrong with its input.

    Raises DisownedError, BrokerError, StorageError.
    """
    check = InputCheck(work.settings, work.pool, batch.endpoint)
    try:
        await copy_input(work, batch)
    except StorageMissingError:
        await _fail(work, [_GONE])
        return
    await _read(work, check)
    if check.faults:
        await _fail(work, list(check.faults))
    else:
        ignored = encode_names(check.ignored).decode()
        found: dict[str, str | int] = {"total": check.total, "model": check.model or "", "ignored": ignored}
        await change(work, BatchStatus.IN_PROGRESS, found)


async def copy_input(work: Work, batch: Batch) -> None:
    """Give the batch an input of its own, which nobody deletes; where it has one already, it is the same.

    Raises StorageMissingError where its file was deleted, BrokerError, StorageError.
    """
    file = await _input_file(work, batch)
    if file is None:
        # Where its own input was there before, it is complete: objects appear all at once.
        await work.storage.size(input_name(work.id))
        return
    (part,) = file.parts
    try:
        await work.storage.copy(part.name, input_name(work.id))
    except StorageMissingError as error:
        if await _input_file(work, batch) is None:
            raise
        # Who deletes a file begins with its record: it is the storage that is not what it was.
        raise StorageUnavailableError(f"{error} It is in a file that is not deleted ({part.name}).") from error


async def _input_file(work: Work, batch: Batch) -> File | None:
    file, now_ms = await work.broker.ask_many([files.file(batch.tenant, batch.input_file), observing.clock_ms()])
    return None if file is None or file.has_expired(now_ms) else file


async def _read(work: Work, check: InputCheck) -> None:
    """Check all lines, beside the event loop: a chunk of them takes a while, and many batches may begin at once."""
    loop, splitter = asyncio.get_running_loop(), LineSplitter(work.settings.ingress.max_body_bytes)
    async with aclosing(work.storage.read(input_name(work.id))) as chunks:
        async for chunk in chunks:
            await loop.run_in_executor(_checker, _take, check, splitter.feed(chunk))
            if check.is_over:
                return
    await loop.run_in_executor(_checker, _take, check, splitter.end())


def _take(check: InputCheck, lines: Iterable[Line]) -> None:
    for line in lines:
        check.take(line)
        if check.is_over:
            return


async def _fail(work: Work, faults: list[BatchFault]) -> None:
    await change(work, BatchStatus.FAILED, {"errors": encode_faults(faults).decode()})
