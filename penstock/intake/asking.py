"""What a job is to be: the request of another endpoint, as its worker gets it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.intake.responses import translated
from penstock.long_bodies import reading
from penstock.request import Api, ChatBody, CompletionBody, parse_noting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.broker.client import Broker
    from penstock.request.job_request import JobRequest
    from penstock.settings import Settings


class Asked(Struct, frozen=True):
    """A checked request."""

    api: Api
    body: ChatBody | CompletionBody
    #: The body's JSON.
    raw: bytes
    #: What the client sent, where that was translated; see NewJob.
    request: bytes = b""
    #: What its owner finds it by.
    metadata: Mapping[str, str] = {}
    #: Names in the body that mean nothing here.
    ignored: Sequence[str] = ()


async def asked_by(broker: Broker, settings: Settings, tenant: str, job: JobRequest) -> Asked:
    """The request in a job to submit. Raises ApiError, BrokerUnavailableError, BrokerDataError."""
    raw, metadata = bytes(job.body), job.metadata or {}
    if not job.is_response:
        body, ignored = await reading(partial(parse_noting, job.api), raw)
        return Asked(job.api, body, raw, metadata=metadata, ignored=ignored)
    found = await translated(broker, settings, tenant, raw)
    own = found.asked.body.metadata or {}
    return Asked(job.api, found.chat.body, found.chat.raw, raw, metadata or own, found.asked.ignored)
