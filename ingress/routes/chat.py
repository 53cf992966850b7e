"""`/v1/chat/completions`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.generation import generate
from penstock.request import Api

router = APIRouter()


async def chat_completions(request: Request) -> Response:
    """Answer a conversation, streamed or whole."""
    return await generate(request, Api.CHAT)


# For all but POST, which takes the shortcut.
router.add_route("/v1/chat/completions", chat_completions, methods=["POST"])
