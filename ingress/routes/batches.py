"""`/v1/batches`: files of requests that are answered when there is room, as OpenAI's Batch API."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.body import read_json
from ingress.http.replies import json_response
from ingress.intake.batch_admission import ACCEPT_LATE_HEADER
from ingress.intake.batches import Batches
from ingress.intake.context import Context
from ingress.intake.job_query import page_limit
from ingress.intake.terms import idempotency_key, truth_of
from ingress.openapi import batch_examples
from ingress.openapi.batch_parameters import ACCEPT_LATE, AFTER_BATCH, BATCH, BATCH_KEY, BATCH_LIMIT
from ingress.openapi.errors import QUEUE
from ingress.openapi.known_query import check_query
from ingress.openapi.operation import Body, Example, Media, Operation, Reply, Tag, described
from penstock.answers.batch_object import BatchList, BatchObject, batch_list, batch_object
from penstock.errors import (
    BatchEndedError,
    CompletionWindowError,
    IdempotencyConflictError,
    NotFoundError,
    QueueFullError,
    UnsupportedCodingError,
    UnsupportedMediaTypeError,
)
from penstock.request.batch_request import BatchRequest, parse_batch_request

router = APIRouter(prefix="/v1/batches")


@router.post("")
@described(
    Operation(
        id="createBatch",
        tag=Tag.BATCHES,
        summary="Have a file of requests answered",
        description=(
            "Every line is read before any is run: a batch with a mistake in it fails and says where. Ask for the "
            "batch until it has ended; its files have the answers and the errors."
        ),
        parameters=(BATCH_KEY, ACCEPT_LATE),
        body=Body(
            description="An uploaded file, and on which terms it is worked off.",
            schema=BatchRequest,
            examples={"batch": Example("Within a day", batch_examples.REQUEST)},
        ),
        replies=(
            Reply(
                description="The batch.",
                media=(Media(schema=BatchObject, examples={"batch": Example("A new one", batch_examples.BATCH)}),),
            ),
        ),
        errors=(
            UnsupportedMediaTypeError,
            UnsupportedCodingError,
            IdempotencyConflictError,
            CompletionWindowError,
            QueueFullError,
            *QUEUE,
        ),
    )
)
async def create(request: Request) -> Response:
    """Have a file of requests answered; returns the batch."""
    batches = _of(request)
    asked = parse_batch_request(await read_json(request, Context.of(request).settings.ingress))
    batch = await batches.create(
        asked, idempotency_key(request.headers), accepts_late=truth_of(request.headers, ACCEPT_LATE_HEADER)
    )
    return json_response(request, batch_object(batch))


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="listBatches",
        tag=Tag.BATCHES,
        summary="List one's own batches, newest first",
        parameters=(BATCH_LIMIT, AFTER_BATCH),
        replies=(
            Reply(
                description="A page.",
                media=(Media(schema=BatchList, examples={"list": Example("One", batch_examples.BATCHES)}),),
            ),
        ),
        errors=QUEUE,
    )
)
async def list_batches(request: Request) -> Response:
    """The caller's, newest first."""
    owned = _of(request)
    check_query(request)
    page = await owned.page(limit=page_limit(request), after=request.query_params.get("after"))
    return json_response(request, batch_list(page.batches, has_more=page.has_more))


@router.api_route("/{batch_id}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="retrieveBatch",
        tag=Tag.BATCHES,
        summary="Look a batch up",
        description="How far it is, what is wrong with its input, and the files it has made.",
        parameters=(BATCH,),
        replies=(
            Reply(
                description="The batch as it stands.",
                media=(
                    Media(
                        schema=BatchObject,
                        examples={
                            "completed": Example("One that is done", batch_examples.COMPLETED),
                            "failed": Example("One with a mistake in it", batch_examples.FAILED),
                        },
                    ),
                ),
            ),
        ),
        errors=(NotFoundError, *QUEUE),
    )
)
async def retrieve(request: Request, batch_id: str) -> Response:
    """One of them."""
    return json_response(request, batch_object(await _of(request).get(batch_id)))


@router.post("/{batch_id}/cancel")
@described(
    Operation(
        id="cancelBatch",
        tag=Tag.BATCHES,
        summary="Cancel a batch",
        description=(
            "Nothing more of it is begun, and what runs is ended; what is done by then is in its files, once it is "
            "`cancelled`. Repeated, it returns the same."
        ),
        parameters=(BATCH,),
        replies=(
            Reply(
                description="The batch as it stands then.",
                media=(
                    Media(
                        schema=BatchObject,
                        examples={"cancelling": Example("One that is ending", batch_examples.CANCELLING)},
                    ),
                ),
            ),
        ),
        errors=(NotFoundError, BatchEndedError, *QUEUE),
    )
)
async def cancel(request: Request, batch_id: str) -> Response:
    """Have one ended."""
    return json_response(request, batch_object(await _of(request).cancel(batch_id)))


def _of(request: Request) -> Batches:
    """The caller's. Raises UnauthorizedError."""
    context = Context.of(request)
    return Batches(context, context.caller(request))
