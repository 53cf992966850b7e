"""`/metrics`, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.openapi.operation import Example, Media, Operation, Reply, Tag, described
from penstock.telemetry import exposition

router = APIRouter()

_EXAMPLE = '# HELP penstock_requests HTTP requests.\npenstock_requests_total{model="demo",status="200"} 7.0\n'


@router.api_route("/metrics", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readMetrics",
        tag=Tag.SERVICE,
        summary="Figures for Prometheus",
        needs_key=False,
        replies=(
            Reply(
                description="The figures of all processes that share this port.",
                media=(
                    Media(
                        kind="text/plain",
                        schema={"type": "string"},
                        examples={"figures": Example("Some of them", _EXAMPLE)},
                    ),
                ),
            ),
        ),
    )
)
async def metrics(_: Request) -> Response:
    """The figures of all processes that share this port."""
    return Response(exposition.render(), headers={"content-type": exposition.CONTENT_TYPE})
