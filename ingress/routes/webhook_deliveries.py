"""`/v1/webhooks/deliveries`: what was sent, what came of it, and once more."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.body import read_json
from ingress.http.query import word_of
from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.intake.deliveries import DeliveryFilter, Place, page_of_deliveries
from ingress.intake.job_query import page_limit
from ingress.openapi import examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.known_query import check_query
from ingress.openapi.operation import Body, Example, Media, Operation, Reply, Tag, described
from ingress.openapi.parameters import AFTER_DELIVERY, DELIVERY, DELIVERY_STATE, EVENT_TYPE, LIMIT, OF_JOB, OF_WEBHOOK
from penstock.answers.webhook_object import DeliveryList, DeliveryObject, delivery_object
from penstock.broker import observing, webhooks
from penstock.errors import InvalidRequestError, NotFoundError, UnsupportedCodingError, UnsupportedMediaTypeError
from penstock.webhooks.delivery import Delivery, DeliveryState
from penstock.webhooks.event import EventType
from penstock.webhooks.request import Nothing, parse_empty

_ACCEPTED = 202
_DELIVERY = Media(schema=DeliveryObject, examples={"delivery": Example("A delivery", examples.DELIVERY)})

router = APIRouter(prefix="/v1/webhooks/deliveries")


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="listWebhookDeliveries",
        tag=Tag.WEBHOOKS,
        summary="Read the log of deliveries",
        description="The caller's, newest first. A page may hold fewer than `limit` while there are more.",
        parameters=(LIMIT, AFTER_DELIVERY, DELIVERY_STATE, EVENT_TYPE, OF_WEBHOOK, OF_JOB),
        replies=(
            Reply(
                description="A page.",
                media=(
                    Media(
                        schema=DeliveryList,
                        examples={
                            "list": Example(
                                "One", {"object": "list", "data": [examples.DELIVERY], "has_more": False, "next": None}
                            )
                        },
                    ),
                ),
            ),
        ),
        errors=QUEUE,
    )
)
async def list_deliveries(request: Request) -> Response:
    """The caller's, newest first."""
    context = Context.of(request)
    tenant = context.caller(request).tenant
    check_query(request)
    limit = page_limit(request)
    wanted, after = _filter(request), await _place(request, tenant)
    page = await page_of_deliveries(context.broker, tenant, wanted, limit=limit, after=after)
    data = [delivery_object(one) for one in page.deliveries]
    return json_response(
        request, DeliveryList(object="list", data=data, has_more=page.next is not None, next=page.next)
    )


@router.api_route("/{delivery_id}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="retrieveWebhookDelivery",
        tag=Tag.WEBHOOKS,
        summary="Look a delivery up",
        description="With its attempts and what is sent.",
        parameters=(DELIVERY,),
        replies=(Reply(description="The delivery.", media=(_DELIVERY,)),),
        errors=(NotFoundError, *QUEUE),
    )
)
async def retrieve(request: Request, delivery_id: str) -> Response:
    """One delivery with its attempts and what was sent."""
    tenant = Context.of(request).caller(request).tenant
    return json_response(request, delivery_object(await _delivery(request, tenant, delivery_id), shows_payload=True))


@router.post("/{delivery_id}/redeliver")
@described(
    Operation(
        id="redeliverWebhook",
        tag=Tag.WEBHOOKS,
        summary="Deliver again",
        description="Under the same `webhook-id`, on a schedule that begins anew; whatever came of it before.",
        parameters=(DELIVERY,),
        body=Body(
            description="Nothing: an empty object, or no content at all.",
            schema=Nothing,
            examples={"nothing": Example("Nothing", examples.NOTHING)},
        ),
        replies=(Reply(status=_ACCEPTED, description="The delivery.", media=(_DELIVERY,)),),
        errors=(NotFoundError, UnsupportedMediaTypeError, UnsupportedCodingError, *QUEUE),
    )
)
async def redeliver(request: Request, delivery_id: str) -> Response:
    """Send it again under the same `webhook-id`, on a schedule that begins anew; whatever came of it before."""
    context = Context.of(request)
    tenant = context.caller(request).tenant
    parse_empty(await read_json(request, context.settings.ingress))
    await context.broker.run(webhooks.touch(tenant, await context.broker.ask(observing.clock_ms())))
    if await context.broker.run(webhooks.redeliver(tenant, delivery_id)) == "missing":
        raise _not_found(delivery_id)
    return json_response(request, delivery_object(await _delivery(request, tenant, delivery_id)), _ACCEPTED)


async def _delivery(request: Request, tenant: str, delivery_id: str) -> Delivery:
    """One of the caller's. Raises NotFoundError."""
    found = await Context.of(request).broker.ask(webhooks.delivery(tenant, delivery_id))
    if found is None:
        raise _not_found(delivery_id)
    return found


def _not_found(delivery_id: str) -> NotFoundError:
    return NotFoundError(f"There is no delivery {delivery_id[:100]!r}, or none any more.", param="delivery_id")


def _filter(request: Request) -> DeliveryFilter:
    """What the query asks for. Raises InvalidRequestError."""
    query = request.query_params
    return DeliveryFilter(
        state=word_of(DeliveryState, "state", query["state"]) if "state" in query else None,
        event=word_of(EventType, "type", query["type"]) if "type" in query else None,
        subscription=query.get("webhook_id"),
        job=query.get("job_id"),
    )


async def _place(request: Request, tenant: str) -> Place | None:
    """Where the list goes on. Raises InvalidRequestError."""
    cursor = request.query_params.get("after")
    if cursor is None:
        return None
    at_ms = await Context.of(request).broker.ask(webhooks.place_of(tenant, cursor))
    if at_ms is None:
        raise InvalidRequestError(f"after: {cursor[:100]!r} is no delivery of your list.", param="after")
    return at_ms, cursor
