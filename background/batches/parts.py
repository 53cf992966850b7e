"""Writes lines of output into storage: first a part, then its entry in the manifest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from background.batches.work import DisownedError, Work, check_owned
from penstock.batches.batch import encode_cursor
from penstock.batches.part import BatchPart, Kind, part_name
from penstock.broker import batches
from penstock.broker.batches import Progress
from penstock.telemetry import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.answers.batch_line import OutputLine
    from penstock.batches.batch import Batch, Cursor


class PartWriter:
    """Writes parts of a batch as its record stands."""

    def __init__(self, work: Work, batch: Batch) -> None:
        self._work = work
        self._batch = batch

    async def write(
        self,
        lines: Sequence[OutputLine],
        *,
        jobs: Sequence[str] = (),
        forgotten: Sequence[str] = (),
        ends: Sequence[str] = (),
        cursor: Cursor | None = None,
        expanded: int | None = None,
    ) -> None:
        """Store lines, then write down that they are stored, what they come from and how far the batch is.

        A process that dies in between leaves objects that nobody names.
        Raises DisownedError, BrokerError, StorageError.
        """
        parts = [part for kind in Kind if (part := await self._store(kind, lines)) is not None]
        fields = dict[str, str | int]()
        if cursor is not None and expanded is not None:
            fields = {"cursor": encode_cursor(cursor).decode(), "expanded": expanded}
        before = self._batch.recorded
        progress = Progress(
            before=before,
            after=before + len(lines),
            ends=ends,
            parts=parts,
            jobs=jobs,
            forgotten=forgotten,
            fields=fields,
            counts=_counts(lines),
        )
        reply = await self._work.broker.run(batches.record(self._work.pool, self._work.id, self._work.token, progress))
        check_owned(reply)
        if reply == "moved":
            # Only an owner changes the record: our copy of it is out of date.
            raise DisownedError(reply)
        for part in parts:
            metrics.BATCH_LINES.labels(self._work.pool, part.kind).inc(part.lines)

    async def _store(self, kind: Kind, lines: Sequence[OutputLine]) -> BatchPart | None:
        texts = [line.text for line in lines if line.kind is kind]
        if not texts:
            return None
        content = b"".join(texts)
        digest = hashlib.sha256(content).hexdigest()[:16]
        name = part_name(self._work.id, kind, self._batch.recorded, digest)
        async with self._work.storage.write(name) as writer:
            await writer.write(content)
        return BatchPart(kind, name, len(content), len(texts))


def _counts(lines: Sequence[OutputLine]) -> Mapping[str, int]:
    completed = sum(line.kind is Kind.OUTPUT for line in lines)
    counts = {
        "completed": completed,
        "failed": len(lines) - completed,
        "late": sum(line.is_late for line in lines),
        "prompt_tokens": sum(line.prompt_tokens for line in lines),
        "cached_tokens": sum(line.cached_tokens for line in lines),
        "completion_tokens": sum(line.completion_tokens for line in lines),
    }
    return {name: count for name, count in counts.items() if count}
