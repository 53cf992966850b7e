"""The shortcut past the framework's routing: the same answers, and the same errors."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from ingress.http.exchange import Exchange
from ingress.http.shortcut import Shortcut

PATH = "/v1/chat/completions"


async def _endpoint(request: Request) -> Response:
    match request.headers.get("raise"):
        case "lookup":
            raise KeyError("inner")
        case "value":
            raise ValueError("unknown")
        case "late":
            return _Broken()
    return PlainTextResponse("endpoint")


class _Broken(Response):
    """Fails once its head is sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("late")


async def _refuse(_request: Request, error: Any) -> Response:
    return PlainTextResponse(f"refused {type(error).__name__}", status_code=400)


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("app")(scope, receive, send)


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _ask(sent: list[Message], method: str = "POST", path: str = PATH, kind: str = "http", **headers: str) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": kind, "method": method, "path": path, "headers": raw}
    exchange = Exchange()
    exchange.enter(scope)

    async def send(message: Message) -> None:
        sent.append(message)
        exchange.status = message.get("status", exchange.status)

    await Shortcut(_app, {PATH: _endpoint}, {LookupError: _refuse, Exception: _refuse})(scope, _receive, send)


async def _asked(method: str = "POST", path: str = PATH, kind: str = "http", **headers: str) -> list[Message]:
    sent: list[Message] = []
    await _ask(sent, method, path, kind, **headers)
    return sent


def _body(sent: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


async def test_a_post_to_its_path_takes_it() -> None:
    assert _body(await _asked()) == b"endpoint"


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", "/v1/models"), ("POST", PATH + "/")])
async def test_all_else_goes_the_long_way(method: str, path: str) -> None:
    assert _body(await _asked(method, path)) == b"app"


async def test_an_error_is_refused_by_the_handler_of_its_nearest_class() -> None:
    head, *rest = await _asked(**{"raise": "lookup"})
    assert (head["status"], _body(rest)) == (400, b"refused KeyError")


async def test_what_nobody_expected_is_answered_and_raised() -> None:
    sent: list[Message] = []
    with pytest.raises(ValueError, match="unknown"):
        await _ask(sent, **{"raise": "value"})
    assert _body(sent) == b"refused ValueError"


async def test_an_error_after_the_beginning_cannot_be_answered() -> None:
    sent: list[Message] = []
    with pytest.raises(KeyError, match="late"):
        await _ask(sent, **{"raise": "late"})
    assert _body(sent) == b""
