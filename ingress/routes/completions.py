"""`/v1/completions`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.generation import generate
from penstock.request import Api

router = APIRouter()


async def completions(request: Request) -> Response:
    """Continue a prompt, streamed or whole."""
    return await generate(request, Api.COMPLETION)


# For all but POST, which takes the shortcut.
router.add_route("/v1/completions", completions, methods=["POST"])
