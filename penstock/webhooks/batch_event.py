"""The event of a batch's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from penstock.batches.batch import BatchStatus
from penstock.webhooks.event import Event, EventType, event_body

if TYPE_CHECKING:
    from penstock.batches.batch import Batch

_TYPES = {
    BatchStatus.COMPLETED: EventType.BATCH_COMPLETED,
    BatchStatus.FAILED: EventType.BATCH_FAILED,
    BatchStatus.EXPIRED: EventType.BATCH_EXPIRED,
    BatchStatus.CANCELLED: EventType.BATCH_CANCELLED,
}


def batch_ended(batch: Batch) -> Event:
    """What receivers are told of a batch that has ended; its files are read by GET."""
    ended_ms = batch.completed_ms or batch.failed_ms or batch.expired_ms or batch.cancelled_ms
    data = {
        "id": batch.id,
        "object": "batch",
        "status": batch.status,
        "model": batch.model,
        "endpoint": batch.endpoint,
        "created_at": batch.created_ms // 1000,
        "finished_at": ended_ms // 1000,
        "metadata": msgspec.json.decode(batch.metadata or "{}"),
        "request_counts": {"total": batch.total, "completed": batch.completed, "failed": batch.failed},
        "input_file_id": batch.input_file,
        "output_file_id": batch.output_file or None,
        "error_file_id": batch.error_file or None,
        "url": f"/v1/batches/{batch.id}",
    }
    kind = _TYPES[batch.status]
    # It has no dot, as no event's id has one.
    return Event(f"evt-{batch.id.replace('.', '-')}", kind, event_body(kind, ended_ms, data))
