"""What clients may send and get where it is about batches."""

from __future__ import annotations

from typing import Any

from ingress.openapi.examples import CREATED_S, JOB_ID
from ingress.openapi.file_examples import FILE
from ingress.openapi.operation import SERVED
from penstock.batches.batch import BatchStatus, batch_id

_DAY_S = 86400
REQUEST: dict[str, Any] = {
    "input_file_id": FILE["id"],
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
    "metadata": {"ticket": "4711"},
}
BATCH: dict[str, Any] = {
    "id": batch_id(JOB_ID),
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "model": None,
    "errors": None,
    "ignored": [],
    "input_file_id": FILE["id"],
    "completion_window": "24h",
    "status": BatchStatus.VALIDATING,
    "output_file_id": None,
    "error_file_id": None,
    "created_at": CREATED_S,
    "in_progress_at": None,
    "expires_at": CREATED_S + _DAY_S,
    "finalizing_at": None,
    "completed_at": None,
    "failed_at": None,
    "expired_at": None,
    "cancelling_at": None,
    "cancelled_at": None,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "usage": {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    },
    "metadata": {"ticket": "4711"},
}
COMPLETED: dict[str, Any] = {
    **BATCH,
    "status": BatchStatus.COMPLETED,
    "model": SERVED,
    "in_progress_at": CREATED_S + 1,
    "finalizing_at": CREATED_S + 600,
    "completed_at": CREATED_S + 601,
    "output_file_id": "file-8c0a2f71d94be3566c1f0a27",
    "request_counts": {"total": 2000, "completed": 2000, "failed": 0},
    "usage": {
        "input_tokens": 160_000,
        "input_tokens_details": {"cached_tokens": 96_000},
        "output_tokens": 128_000,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 288_000,
    },
}
_FAULT = {"code": "duplicate_custom_id", "message": "custom_id 'a' was used before.", "param": "custom_id", "line": 2}
FAILED: dict[str, Any] = {
    **BATCH,
    "status": BatchStatus.FAILED,
    "failed_at": CREATED_S + 1,
    "errors": {"object": "list", "data": [_FAULT]},
}
CANCELLING: dict[str, Any] = {**BATCH, "status": BatchStatus.CANCELLING, "cancelling_at": CREATED_S + 1}
BATCHES = {"object": "list", "data": [BATCH], "first_id": BATCH["id"], "last_id": BATCH["id"], "has_more": False}
