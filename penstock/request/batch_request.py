"""What a client may ask of `/v1/batches`: a file of requests to be answered, and on which terms."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from penstock.batches.completion_window import WINDOWS
from penstock.json_body import decode_body
from penstock.request.job_request import ENDPOINTS, Metadata
from penstock.request.size import check_size
from penstock.request.wrong import wrong

#: As OpenAI bounds it: an hour to 30 days.
MIN_OUTPUT_TTL_S = 3600
MAX_OUTPUT_TTL_S = 30 * 24 * 3600
_MAX_FILE_ID = 200


class OutputExpiry(Struct, kw_only=True, forbid_unknown_fields=True):
    """How long the files are kept that a batch makes."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=MIN_OUTPUT_TTL_S, le=MAX_OUTPUT_TTL_S, description="From their creation.")]


class BatchRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A batch to create."""

    input_file_id: Annotated[
        str, Meta(min_length=1, max_length=_MAX_FILE_ID, description="A file of the purpose `batch`.")
    ]
    endpoint: Annotated[
        str, Meta(description="Whose requests its lines are.", extra_json_schema={"enum": list(ENDPOINTS)})
    ]
    completion_window: Annotated[
        str,
        Meta(description="What is not done by its end expires.", extra_json_schema={"enum": list(WINDOWS)}),
    ]
    metadata: Annotated[Metadata | None, Meta(description="What its owner finds it by.")] = None
    output_expires_after: Annotated[
        OutputExpiry | None, Meta(description="Without it, as long as uploaded files (`files.expire_s`).")
    ] = None

    @property
    def metadata_json(self) -> str:
        """As the record keeps it."""
        return msgspec.json.encode(self.metadata).decode() if self.metadata else ""

    @property
    def digest(self) -> str:
        """A fingerprint, to tell a retry from another request under the same key."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:32]


_decoder = msgspec.json.Decoder(BatchRequest)


def parse_batch_request(raw: bytes) -> BatchRequest:
    """Decode a batch to create. Raises InvalidRequestError naming the field."""
    check_size(raw)
    asked = decode_body(raw, _decoder)
    _require("endpoint", asked.endpoint, ENDPOINTS)
    _require("completion_window", asked.completion_window, WINDOWS)
    return asked


def _require(field: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise wrong(field, f"is {value[:100]!r}; give one of {', '.join(known)}")
