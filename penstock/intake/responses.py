"""Responses as records: the one that a client names, and what a new one goes on from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.answers.responses.history import history_of
from penstock.answers.responses.response import PREFIX
from penstock.broker.records import record
from penstock.errors import BodyTooLargeError, InvalidRequestError, NotFoundError, PreviousResponseNotFoundError
from penstock.job import State, pool_of
from penstock.long_bodies import making, reading
from penstock.request.responses import as_chat, parse_responses

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.job import Job
    from penstock.request.responses import ChatRequest, ResponsesRequest
    from penstock.settings import Settings

_PREVIOUS = "previous_response_id"


class Translated(Struct, frozen=True):
    """A request, and what its worker is asked for."""

    asked: ResponsesRequest
    chat: ChatRequest


async def translated(broker: Broker, settings: Settings, tenant: str, raw: bytes) -> Translated:
    """A request to `/v1/responses` as a chat request. Raises ApiError, BrokerUnavailableError, BrokerDataError."""
    asked = await reading(parse_responses, raw)
    previous_id = asked.body.previous_response_id
    if previous_id is None:
        return Translated(asked, await making(partial(as_chat, asked), len(raw)))
    previous = await _previous(broker, settings, tenant, previous_id)
    chat = await making(lambda: as_chat(asked, history_of(previous)), len(raw) + previous.size_bytes)
    if len(chat.raw) > settings.ingress.max_body_bytes:
        message = (
            f"{_PREVIOUS} stands for a conversation that has grown larger than "
            f"{settings.ingress.max_body_bytes} bytes: begin a new one."
        )
        raise BodyTooLargeError(message, param=_PREVIOUS)
    return Translated(asked, chat)


async def stored_response(broker: Broker, settings: Settings, tenant: str, response_id: str) -> Job:
    """The job of a response that its client may ask for. Raises NotFoundError, BrokerUnavailableError."""
    job = await _found(broker, settings, tenant, response_id)
    if job is None:
        raise NotFoundError(f"There is no response {response_id[:100]!r}.", param="response_id")
    return job


async def _previous(broker: Broker, settings: Settings, tenant: str, response_id: str) -> Job:
    job = await _found(broker, settings, tenant, response_id)
    if job is None:
        raise PreviousResponseNotFoundError(
            f"There is no response {response_id[:100]!r} to go on from (any more).", param=_PREVIOUS
        )
    if not job.state.terminal:
        raise InvalidRequestError(
            f"The response {response_id[:100]!r} is not finished: go on from it when it is.", param=_PREVIOUS
        )
    if job.state is not State.COMPLETED:
        raise InvalidRequestError(
            f"The response {response_id[:100]!r} has ended as {job.state} and has no answer to go on from.",
            param=_PREVIOUS,
        )
    return job


async def _found(broker: Broker, settings: Settings, tenant: str, response_id: str) -> Job | None:
    """The job of that id, where it is the caller's, came by this API, and was to be stored."""
    job_id = response_id.removeprefix(PREFIX)
    pool = pool_of(job_id)
    if job_id == response_id or pool not in settings.pools:
        return None
    job = await broker.ask(record(pool, job_id))
    is_theirs = job is not None and job.tenant == tenant and job.is_stored and bool(job.request)
    return job if is_theirs else None
