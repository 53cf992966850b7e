"""What clients may send and get where it is about files."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.openapi.examples import CREATED_S
from ingress.openapi.operation import SERVED
from penstock.files.file import Purpose

_LINE = {
    "custom_id": "request-1",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": SERVED, "messages": [{"role": "user", "content": "What is Penstock?"}]},
}
CONTENT = f"{msgspec.json.encode(_LINE).decode()}\n"
UPLOAD = {"file": CONTENT, "purpose": Purpose.BATCH}
FILE: dict[str, Any] = {
    "id": "file-5f0c1b7a9d3e84265f0c1b7a",
    "object": "file",
    "bytes": len(CONTENT),
    "created_at": CREATED_S,
    "expires_at": CREATED_S + 30 * 86400,
    "filename": "requests.jsonl",
    "purpose": Purpose.BATCH,
    "status": "processed",
}
FILES = {"object": "list", "data": [FILE], "first_id": FILE["id"], "last_id": FILE["id"], "has_more": False}
DELETED = {"id": FILE["id"], "object": "file", "deleted": True}
