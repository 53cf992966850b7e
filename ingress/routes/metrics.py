"""`/metrics`, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from penstock.telemetry import exposition

router = APIRouter()


@router.api_route("/metrics", methods=["GET", "HEAD"])
async def metrics(_: Request) -> Response:
    """The figures of all processes that share this port."""
    return Response(exposition.render(), headers={"content-type": exposition.CONTENT_TYPE})
