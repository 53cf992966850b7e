"""`/v1/models`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.replies import json_response
from ingress.service import Service
from ingress.tokenizers import max_model_len, model_not_found

router = APIRouter(prefix="/v1/models")


@router.api_route("", methods=["GET", "HEAD"])
async def models(request: Request) -> Response:
    """Every model that is served."""
    service = Service.of(request)
    service.tenant(request)
    data = [_model(service, name) for name in service.settings.models]
    return json_response(request, {"object": "list", "data": data})


@router.api_route("/{name:path}", methods=["GET", "HEAD"])
async def model(request: Request, name: str) -> Response:
    """One model."""
    service = Service.of(request)
    service.tenant(request)
    if name not in service.settings.models:
        raise model_not_found(name)
    return json_response(request, _model(service, name))


def _model(service: Service, name: str) -> dict[str, Any]:
    pool = service.tokenizers.pool(name)
    return {
        "id": name,
        "object": "model",
        "created": service.started_s,
        "owned_by": "penstock",
        "max_model_len": max_model_len(pool),
    }
