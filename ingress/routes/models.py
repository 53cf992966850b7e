"""`/v1/models`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.replies import json_response
from ingress.intake.service import Service
from ingress.intake.tokenizers import max_model_len
from ingress.openapi import examples
from ingress.openapi.operation import Example, Media, Operation, Reply, Tag, described
from ingress.openapi.parameters import MODEL
from penstock.errors import ModelNotFoundError
from penstock.intake.new_job import model_not_found

router = APIRouter(prefix="/v1/models")


class Model(Struct, kw_only=True):
    """A name that clients may ask for."""

    id: str
    object: Literal["model"]
    created: Annotated[int, Meta(ge=0, description="Unix seconds of this process' start.")]
    owned_by: Literal["penstock"]
    max_model_len: Annotated[int | None, Meta(description="The context in tokens, where it is known here.")]


class ModelList(Struct, kw_only=True):
    """All of them."""

    object: Literal["list"]
    data: list[Model]


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="listModels",
        tag=Tag.MODELS,
        summary="List the models",
        replies=(
            Reply(
                description="Every model that is served.",
                media=(
                    Media(
                        schema=ModelList,
                        examples={"models": Example("One model", {"object": "list", "data": [examples.MODEL]})},
                    ),
                ),
            ),
        ),
    )
)
async def models(request: Request) -> Response:
    """Every model that is served."""
    service = Service.of(request)
    service.caller(request)
    data = [_model(service, name) for name in service.settings.models]
    return json_response(request, ModelList(object="list", data=data))


@router.api_route("/{name:path}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="retrieveModel",
        tag=Tag.MODELS,
        summary="Look a model up",
        parameters=(MODEL,),
        replies=(
            Reply(
                description="The model.",
                media=(Media(schema=Model, examples={"model": Example("A model", examples.MODEL)}),),
            ),
        ),
        errors=(ModelNotFoundError,),
    )
)
async def model(request: Request, name: str) -> Response:
    """One model."""
    service = Service.of(request)
    service.caller(request)
    if name not in service.settings.models:
        raise model_not_found(name, service.settings)
    return json_response(request, _model(service, name))


def _model(service: Service, name: str) -> Model:
    return Model(
        id=name,
        object="model",
        created=service.started_s,
        owned_by="penstock",
        max_model_len=max_model_len(service.tokenizers.pool(name)),
    )
