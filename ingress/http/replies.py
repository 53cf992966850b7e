"""JSON responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from ingress.http.exchange import Exchange

if TYPE_CHECKING:
    from starlette.requests import Request


def json_response(request: Request, value: object, status: int = 200) -> Response:
    """A value as JSON, with the headers every response has."""
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        headers=Exchange.of(request).headers,
        media_type="application/json",
    )
