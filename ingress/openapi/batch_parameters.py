"""What is sent with requests about batches, each described once."""

from __future__ import annotations

from msgspec.structs import replace

from ingress.intake.batch_admission import ACCEPT_LATE_HEADER
from ingress.openapi.batch_examples import BATCH as EXAMPLE
from ingress.openapi.operation import Parameter, Where
from ingress.openapi.parameters import IDEMPOTENCY_KEY, LIMIT

BATCH = Parameter(name="batch_id", where=Where.PATH, description="The batch's id.", example=EXAMPLE["id"])
BATCH_KEY = replace(IDEMPOTENCY_KEY, description="The same key and body are the same batch, however it ended.")
ACCEPT_LATE = Parameter(
    name=ACCEPT_LATE_HEADER,
    where=Where.HEADER,
    description="`true` or `1`: it is taken although it will probably not be done in its window.",
    schema={"enum": ["true", "false", "1", "0"]},
)
BATCH_LIMIT = replace(LIMIT, description="Batches of a page at most; 20 without it.")
AFTER_BATCH = Parameter(
    name="after",
    where=Where.QUERY,
    description="The `last_id` of the page before.",
    schema={"type": "string", "minLength": 1},
)
