"""`/v1/completions`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.openapi import examples
from ingress.openapi.generation import generation
from ingress.openapi.operation import Component, described
from ingress.routes.generation import generate
from penstock.answers.objects import Completion, CompletionChunk
from penstock.request import Api

router = APIRouter()


@described(
    generation(
        operation="createCompletion",
        summary="Continue a prompt",
        body=Component("CompletionRequest"),
        requests=examples.COMPLETION_REQUESTS,
        whole=(Completion, examples.COMPLETION_ANSWER),
        chunk=(CompletionChunk, examples.COMPLETION_STREAM),
    )
)
async def completions(request: Request) -> Response:
    """Continue a prompt, streamed or whole."""
    return await generate(request, Api.COMPLETION)


# For all but POST, which takes the shortcut.
router.add_route("/v1/completions", completions, methods=["POST"])
