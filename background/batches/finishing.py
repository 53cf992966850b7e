"""A batch ends: its parts become files, its tenant is told, and what it worked with goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from background.batches.work import Work, change, check_owned
from penstock.batches.batch import BatchFault, BatchStatus, encode_faults
from penstock.batches.part import Kind, file_id, folder_of
from penstock.broker import batches, files, observing
from penstock.files.file import File, Part, Purpose
from penstock.telemetry import events, logs, metrics
from penstock.webhooks.batch_event import batch_ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from background.hand_over import HandOver
    from penstock.batches.batch import Batch
    from penstock.batches.part import BatchPart

_log = logs.get()


async def leave_rest(work: Work, batch: Batch) -> None:
    """Go on to the end without the lines that never became jobs: nobody can say any more which they were.

    Raises DisownedError, BrokerError.
    """
    rest = batch.total - batch.expanded
    fault = BatchFault(
        code="input_lost",
        message=f"{rest} requests were not run and are in neither file: the input was deleted while the batch ran.",
        param="input_file_id",
    )
    after = replace(batch, expanded=batch.total, failed=batch.failed + rest, errors=[*batch.errors, fault])
    left: dict[str, str | int] = {
        "expanded": after.expanded,
        "failed": after.failed,
        "errors": encode_faults(after.errors).decode(),
    }
    if batch.status is BatchStatus.CANCELLING:
        await make_files(work, after, left)
    else:
        await change(work, BatchStatus.FINALIZING, left | {"late": batch.late + rest})


async def make_files(work: Work, batch: Batch, fields: Mapping[str, str | int] = {}) -> None:
    """Record the files that the parts are, then the end, with `fields` that the batch has already.

    Raises DisownedError, BrokerError.
    """
    parts, now_ms = await work.broker.ask_many([batches.parts(work.pool, work.id), observing.clock_ms()])
    await work.broker.run(files.touch(batch.tenant, now_ms))
    named = {f"{name}_file": await _make_file(work, batch, kind, parts, now_ms) for kind, name in _NAMES.items()}
    lost = _lost(work, batch, sum(part.lines for part in parts))
    await change(work, _end_of(batch), {**fields, **lost, **{name: made for name, made in named.items() if made}})


async def settle(work: Work, batch: Batch, hand_over: HandOver) -> None:
    """Do what follows from the end. Raises DisownedError, BrokerError, StorageError."""
    await hand_over.tell(batch.tenant, batch_ended(batch))
    await _clear(work, batch)
    keep_ms = round(work.settings.batches.keep_s * 1000)
    check_owned(await work.broker.run(batches.settle(work.pool, work.id, work.token, keep_ms)))
    metrics.BATCHES_ENDED.labels(work.pool, batch.status).inc()
    _log.info(
        events.BATCH_ENDED,
        batch=work.id,
        tenant=batch.tenant,
        status=batch.status,
        completed=batch.completed,
        failed=batch.failed,
    )


def _lost(work: Work, batch: Batch, lines: int) -> Mapping[str, str | int]:
    """What the record says of lines that are in none of the parts, which have so many: one of their keys was lost."""
    left_out = batch.completed + batch.failed - batch.recorded
    missing = batch.total - left_out - lines
    if missing <= 0:
        return {}
    _log.error(events.BATCH_INCOMPLETE, batch=work.id, tenant=batch.tenant, missing=missing)
    fault = BatchFault(
        code="results_lost",
        message=f"{missing} requests are in neither file: what was known of them was lost in Redis.",
    )
    unknown = batch.total - left_out - batch.recorded
    return {"failed": batch.failed + unknown, "errors": encode_faults([*batch.errors, fault]).decode()}


async def _make_file(work: Work, batch: Batch, kind: Kind, parts: Sequence[BatchPart], now_ms: int) -> str:
    """Record one of the two files; returns its id, "" where it would be empty. A repeat makes none."""
    own = [part for part in parts if part.kind is kind]
    if not own:
        return ""
    file = File(
        id=file_id(work.id, kind),
        tenant=batch.tenant,
        filename=f"{work.id}_{kind}.jsonl",
        bytes=sum(part.bytes for part in own),
        lines=sum(part.lines for part in own),
        purpose=Purpose.BATCH_OUTPUT,
        created_ms=now_ms,
        expires_ms=now_ms + batch.output_ttl_s * 1000,
        parts=[Part(part.name, part.bytes) for part in own],
    )
    await work.broker.run(files.put(batch.tenant, file))
    return file.id


async def _clear(work: Work, batch: Batch) -> None:
    """Delete the input, and what a process that died wrote in vain: all but the parts that are in the manifest.

    It changes no more once a batch has ended, so that one who wakes up late deletes nothing else.
    """
    parts = await work.broker.ask(batches.parts(work.pool, work.id))
    if sum(part.lines for part in parts) != batch.recorded:
        # Somebody has deleted it: what the files consist of is known by their records, and the sweep looks there.
        return
    wanted = {part.name for part in parts}
    found = [one.name async for one in work.storage.names(folder_of(work.id))]
    for name in found:
        if name not in wanted:
            await work.storage.delete(name)


#: The record's name of each file.
_NAMES = {Kind.OUTPUT: "output", Kind.ERRORS: "error"}


def _end_of(batch: Batch) -> BatchStatus:
    if batch.status is BatchStatus.CANCELLING:
        return BatchStatus.CANCELLED
    return BatchStatus.EXPIRED if batch.late else BatchStatus.COMPLETED
