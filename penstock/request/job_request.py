"""What a client may ask of `/v1/jobs`: a request of another endpoint, to be answered later, and on which terms."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from penstock.errors import InvalidRequestError
from penstock.job_class import JobClass
from penstock.json_body import decode_body
from penstock.request.body import Api
from penstock.request.size import check_size

#: As OpenAI bounds metadata.
MAX_METADATA = 16
MAX_METADATA_KEY = 64
MAX_METADATA_VALUE = 512
#: A week: what waits longer is forgotten rather than late.
MAX_DEADLINE_S = 7 * 24 * 3600

Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=MAX_METADATA_KEY)], Annotated[str, Meta(max_length=MAX_METADATA_VALUE)]],
    Meta(max_length=MAX_METADATA),
]
Deadline = Annotated[float, Meta(ge=1, le=MAX_DEADLINE_S)]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=255)]

RESPONSES = "/v1/responses"
#: What each is to a worker.
ENDPOINTS: dict[str, Api] = {
    "/v1/chat/completions": Api.CHAT,
    "/v1/completions": Api.COMPLETION,
    RESPONSES: Api.CHAT,
}


class JobRequest(Struct, kw_only=True, forbid_unknown_fields=True, rename={"job_class": "class"}):
    """One job to submit."""

    endpoint: Literal["/v1/chat/completions", "/v1/completions", "/v1/responses"]
    #: As that endpoint takes it.
    body: Raw
    job_class: JobClass | None = None
    #: The longest it may wait for a worker, in seconds.
    deadline_s: Deadline | None = None
    #: For its owner to find it by.
    metadata: Metadata | None = None
    #: The same key of the same tenant stands for the same job.
    idempotency_key: IdempotencyKey | None = None
    #: Where its end is told: see penstock/webhooks/request.py.
    webhook: str | dict[str, Any] | None = None

    @property
    def api(self) -> Api:
        """The endpoint's."""
        return ENDPOINTS[self.endpoint]

    @property
    def is_response(self) -> bool:
        """Whether its body is to be translated first."""
        return self.endpoint == RESPONSES


_decoder = msgspec.json.Decoder(JobRequest)


def parse_job_request(raw: bytes) -> JobRequest:
    """Decode a job to submit; its body is yet to be checked. Raises InvalidRequestError naming the field."""
    check_size(raw)
    found = decode_body(raw, _decoder)
    if not bytes(found.body).lstrip().startswith(b"{"):
        raise InvalidRequestError("body must be an object: the request as its endpoint takes it.", param="body")
    return found
