"""The values beside a body, each described once."""

from __future__ import annotations

import enum
from typing import Any

from ingress.http.exchange import REQUEST_ID_HEADER
from ingress.intake.job_query import MAX_LIMIT
from ingress.intake.terms import CLASS_HEADER, DEADLINE_HEADER, KEEP_HEADER
from ingress.openapi.operation import SERVED, Parameter, Where
from penstock.job import State
from penstock.job_class import JobClass
from penstock.request.job_request import MAX_DEADLINE_S
from penstock.usage import Dimension
from penstock.webhooks.delivery import DeliveryState
from penstock.webhooks.event import EventType

#: The id of an event, as `Position` reads it; nothing is the beginning.
_POSITION = {"type": "string", "pattern": r"^((\d{1,9}-)?\d{1,9}(\.\d{1,9})?)?$"}

IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    where=Where.HEADER,
    description="The same key and body are the same job, whose answer comes once it is there. Such a job is kept.",
    schema={"type": "string", "minLength": 1, "maxLength": 255},
)
KEEP = Parameter(
    name=KEEP_HEADER,
    where=Where.HEADER,
    description="`true` or `1`: the job runs to its end, whether anybody waits for it or not.",
    schema={"enum": ["true", "false", "1", "0"]},
)
CLIENT_REQUEST_ID = Parameter(
    name=REQUEST_ID_HEADER,
    where=Where.HEADER,
    description="The client's own name for this request, for the logs.",
)
TRACEPARENT = Parameter(
    name="traceparent",
    where=Where.HEADER,
    description="W3C trace context: the spans of this request become children of that one.",
)
JOB = Parameter(
    name="job_id",
    where=Where.PATH,
    description="The job's id, as `x-penstock-job-id` told it.",
    example="demo-886e8c3e9e728a4be67ffa85",
)
PURGE = Parameter(
    name="purge",
    where=Where.QUERY,
    description="Whether to erase it.",
    schema={"enum": ["true", "false", "1", "0"]},
)
AFTER = Parameter(
    name="after",
    where=Where.QUERY,
    description="The id of the last event that was read; without it the stream is read from its beginning.",
    schema=_POSITION,
)
LAST_EVENT_ID = Parameter(
    name="Last-Event-ID",
    where=Where.HEADER,
    description="The same, as a browser's EventSource sends it by itself; it wins over `after`.",
    schema=_POSITION,
)
MODEL = Parameter(name="name", where=Where.PATH, description="The model's name; it may hold slashes.", example=SERVED)
POOL = Parameter(
    name="pool", where=Where.QUERY, description="Ask for this pool alone; without it, for any that serves."
)
TOKEN = Parameter(
    name="token",
    where=Where.QUERY,
    description="What the stream's address came with: good for this job, and for a while.",
)
CLASS = Parameter(
    name=CLASS_HEADER,
    where=Where.HEADER,
    description="The job's order of service; it goes before the body's tier of service.",
    schema={"enum": list(JobClass)},
)
DEADLINE = Parameter(
    name=DEADLINE_HEADER,
    where=Where.HEADER,
    description="The longest it may wait for a worker, in seconds.",
    schema={"type": "number", "minimum": 1, "maximum": MAX_DEADLINE_S},
)


def _words(kind: type[enum.StrEnum]) -> dict[str, Any]:
    """Any of these, with commas; nothing is no word."""
    word = f"({'|'.join(kind)})?"
    return {"type": "string", "pattern": f"^{word}(,{word})*$"}


STATE = Parameter(
    name="state", where=Where.QUERY, description="Jobs in this state; several with commas.", schema=_words(State)
)
MODEL_ASKED = Parameter(name="model", where=Where.QUERY, description="Jobs of this model.")
CLASS_ASKED = Parameter(
    name="class", where=Where.QUERY, description="Jobs of this class.", schema={"enum": list(JobClass)}
)
_MOMENT = {"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}
CREATED_AFTER = Parameter(
    name="created_after",
    where=Where.QUERY,
    description="Jobs accepted after this moment: Unix seconds, or a time of ISO 8601.",
    schema=_MOMENT,
)
CREATED_BEFORE = Parameter(
    name="created_before",
    where=Where.QUERY,
    description="Jobs accepted before this moment.",
    schema=_MOMENT,
)
METADATA = Parameter(
    name="metadata",
    where=Where.QUERY,
    description="Jobs whose metadata has these values: `metadata[ticket]=4711`, once for each.",
    schema={"type": "object", "additionalProperties": {"type": "string"}},
    style="deepObject",
)
LIMIT = Parameter(
    name="limit",
    where=Where.QUERY,
    description="Jobs of a page at most; 20 without it.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
)
AFTER_JOB = Parameter(
    name="after",
    where=Where.QUERY,
    description="The `next` of the page before: the id of a job of the list.",
    schema={"type": "string", "minLength": 1},
)
_DAY = {"type": "string", "format": "date"}
FROM_DAY = Parameter(
    name="from",
    where=Where.QUERY,
    description="The first day, UTC; without it 30 days end with the last. A year of them at most.",
    schema=_DAY,
)
TO_DAY = Parameter(name="to", where=Where.QUERY, description="The last day, UTC; today without it.", schema=_DAY)
GROUP_BY = Parameter(
    name="group_by",
    where=Where.QUERY,
    description="Any of day, model, key and class, with commas.",
    schema=_words(Dimension),
)
WEBHOOK = Parameter(
    name="webhook_id",
    where=Where.PATH,
    description="The subscription's id; `jobs` for the secret that signs for URLs which jobs bring along.",
    example="wh_5f0c1b7a9d3e8426",
)
DELIVERY = Parameter(
    name="delivery_id",
    where=Where.PATH,
    description="The delivery's id, as the log has it.",
    example="evt-demo-1795679277123-0-wh_5f0c1b7a9d3e8426",
)
AFTER_DELIVERY = Parameter(name="after", where=Where.QUERY, description="The `next` of the page before.")
DELIVERY_STATE = Parameter(
    name="state", where=Where.QUERY, description="Only deliveries in it.", schema={"enum": list(DeliveryState)}
)
EVENT_TYPE = Parameter(
    name="type", where=Where.QUERY, description="Only such events.", schema={"enum": list(EventType)}
)
OF_WEBHOOK = Parameter(name="webhook_id", where=Where.QUERY, description="Only those of this subscription.")
OF_JOB = Parameter(name="job_id", where=Where.QUERY, description="Only those about this job.")
