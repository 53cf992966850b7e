"""`/v1/webhooks`: a tenant's standing subscriptions to the ends of its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.body import read_json
from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.intake.webhooks import Subscriptions
from ingress.openapi import examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.operation import Body, Example, Media, Operation, Reply, Tag, described
from ingress.openapi.parameters import WEBHOOK
from penstock.answers.webhook_object import (
    DeletedWebhook,
    DeliveryObject,
    WebhookList,
    WebhookObject,
    delivery_object,
    webhook_object,
)
from penstock.errors import ApiError, NotFoundError, UnsupportedCodingError, UnsupportedMediaTypeError
from penstock.webhooks.request import Nothing, SubscriptionRequest, parse_empty, parse_subscription

if TYPE_CHECKING:
    from penstock.webhooks.subscription import Subscription

_CREATED = 201
_ACCEPTED = 202

_READING: tuple[type[ApiError], ...] = (UnsupportedMediaTypeError, UnsupportedCodingError, *QUEUE)
_NOTHING = Body(
    description="Nothing: an empty object, or no content at all.",
    schema=Nothing,
    examples={"nothing": Example("Nothing", examples.NOTHING)},
)
_WEBHOOK = Media(schema=WebhookObject, examples={"webhook": Example("A subscription", examples.WEBHOOK)})
_NEW_SECRET = Media(
    schema=WebhookObject, examples={"secret": Example("With its new secret", examples.WEBHOOK_WITH_SECRET)}
)


class _WebhookId(Convertor[str]):
    """Any name but that of the log of deliveries, which has routes of its own."""

    regex = "(?!deliveries(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


register_url_convertor("webhook", _WebhookId())

router = APIRouter(prefix="/v1/webhooks")


@router.post("")
@described(
    Operation(
        id="createWebhook",
        tag=Tag.WEBHOOKS,
        summary="Subscribe to the ends of jobs",
        description=(
            "Events are sent in the form of Standard Webhooks. The answer has the secret that they are signed "
            "with: keep it, for it is shown only once."
        ),
        body=Body(
            description="Where events are sent, and which.",
            schema=SubscriptionRequest,
            examples={"webhook": Example("Two kinds of events", examples.WEBHOOK_REQUEST)},
        ),
        replies=(Reply(status=_CREATED, description="The subscription with its secret.", media=(_NEW_SECRET,)),),
        errors=_READING,
    )
)
async def create(request: Request) -> Response:
    """Subscribe; the answer has the secret by which events are signed, which is shown only once."""
    subscriptions = _of(request)
    asked = parse_subscription(await read_json(request, Context.of(request).settings.ingress))
    return _shown(request, await subscriptions.make(asked), _CREATED)


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="listWebhooks",
        tag=Tag.WEBHOOKS,
        summary="List subscriptions",
        description="All of the caller's, oldest first.",
        replies=(
            Reply(
                description="The subscriptions.",
                media=(
                    Media(
                        schema=WebhookList,
                        examples={
                            "list": Example("One", {"object": "list", "data": [examples.WEBHOOK], "has_more": False})
                        },
                    ),
                ),
            ),
        ),
        errors=QUEUE,
    )
)
async def list_webhooks(request: Request) -> Response:
    """All of the caller's, oldest first."""
    data = [webhook_object(one) for one in await _of(request).all()]
    return json_response(request, WebhookList(object="list", data=data, has_more=False))


@router.api_route("/{webhook_id:webhook}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="retrieveWebhook",
        tag=Tag.WEBHOOKS,
        summary="Look a subscription up",
        parameters=(WEBHOOK,),
        replies=(Reply(description="The subscription.", media=(_WEBHOOK,)),),
        errors=(NotFoundError, *QUEUE),
    )
)
async def retrieve(request: Request, webhook_id: str) -> Response:
    """One of them."""
    return json_response(request, webhook_object(await _of(request).get(webhook_id)))


@router.delete("/{webhook_id:webhook}")
@described(
    Operation(
        id="deleteWebhook",
        tag=Tag.WEBHOOKS,
        summary="Unsubscribe",
        description="What is pending for it is not sent.",
        parameters=(WEBHOOK,),
        replies=(
            Reply(
                description="It is no more.",
                media=(
                    Media(schema=DeletedWebhook, examples={"deleted": Example("Deleted", examples.DELETED_WEBHOOK)}),
                ),
            ),
        ),
        errors=(NotFoundError, *QUEUE),
    )
)
async def delete(request: Request, webhook_id: str) -> Response:
    """Unsubscribe; what is pending for it is not sent."""
    deleted = await _of(request).delete(webhook_id)
    return json_response(request, DeletedWebhook(id=deleted.id, object="webhook", deleted=True))


@router.post("/{webhook_id:webhook}/rotate")
@described(
    Operation(
        id="rotateWebhookSecret",
        tag=Tag.WEBHOOKS,
        summary="Rotate a secret",
        description="The new secret is shown this once; the old one signs beside it for a while.",
        parameters=(WEBHOOK,),
        body=_NOTHING,
        replies=(Reply(description="The subscription with its new secret.", media=(_NEW_SECRET,)),),
        errors=(NotFoundError, *_READING),
    )
)
async def rotate(request: Request, webhook_id: str) -> Response:
    """Give it a new secret, which is shown this once; the old one signs beside it for a while."""
    subscriptions = _of(request)
    await _read_nothing(request)
    return _shown(request, await subscriptions.rotate(webhook_id))


@router.post("/{webhook_id:webhook}/enable")
@described(
    Operation(
        id="enableWebhook",
        tag=Tag.WEBHOOKS,
        summary="Enable a subscription again",
        description=(
            "One that was disabled because its receiver answered 410. What ended meanwhile is not sent; of one that is "
            "enabled, nothing changes."
        ),
        parameters=(WEBHOOK,),
        body=_NOTHING,
        replies=(Reply(description="The subscription.", media=(_WEBHOOK,)),),
        errors=(NotFoundError, *_READING),
    )
)
async def enable(request: Request, webhook_id: str) -> Response:
    """Have events sent there again, after a 410 had disabled it."""
    subscriptions = _of(request)
    await _read_nothing(request)
    return json_response(request, webhook_object(await subscriptions.enable(webhook_id)))


@router.post("/{webhook_id:webhook}/test")
@described(
    Operation(
        id="testWebhook",
        tag=Tag.WEBHOOKS,
        summary="Send a test event",
        description="The answer is the delivery, whose log says what came of it.",
        parameters=(WEBHOOK,),
        body=_NOTHING,
        replies=(
            Reply(
                status=_ACCEPTED,
                description="The delivery.",
                media=(Media(schema=DeliveryObject, examples={"delivery": Example("A delivery", examples.DELIVERY)}),),
            ),
        ),
        errors=(NotFoundError, *_READING),
    )
)
async def test(request: Request, webhook_id: str) -> Response:
    """Have a test event delivered; the answer is the delivery, whose log says what came of it."""
    subscriptions = _of(request)
    await _read_nothing(request)
    return json_response(request, delivery_object(await subscriptions.test(webhook_id)), _ACCEPTED)


def _of(request: Request) -> Subscriptions:
    """The caller's subscriptions. Raises UnauthorizedError."""
    context = Context.of(request)
    return Subscriptions(context.broker, context.caller(request).tenant, context.settings)


async def _read_nothing(request: Request) -> None:
    """Require a body that is empty and of type JSON: a web page of another origin may not send that unasked."""
    parse_empty(await read_json(request, Context.of(request).settings.ingress))


def _shown(request: Request, subscription: Subscription, status: int = 200) -> Response:
    response = json_response(request, webhook_object(subscription, shows_secret=True), status)
    response.headers["cache-control"] = "no-store"
    return response
