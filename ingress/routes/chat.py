"""`/v1/chat/completions`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.openapi import examples
from ingress.openapi.generation import generation
from ingress.openapi.operation import Component, described
from ingress.routes.generation import generate
from penstock.answers.objects import ChatCompletion, ChatCompletionChunk
from penstock.request import Api

router = APIRouter()


@described(
    generation(
        operation="createChatCompletion",
        summary="Answer a conversation",
        body=Component("ChatCompletionRequest"),
        requests=examples.CHAT_REQUESTS,
        whole=(ChatCompletion, examples.CHAT_ANSWER),
        chunk=(ChatCompletionChunk, examples.CHAT_STREAM),
    )
)
async def chat_completions(request: Request) -> Response:
    """Answer a conversation, streamed or whole."""
    return await generate(request, Api.CHAT)


# For all but POST, which takes the shortcut.
router.add_route("/v1/chat/completions", chat_completions, methods=["POST"])
