"""Answers under httplint, the HTTP working group chair's lint for messages, where it is installed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.http.raw_http import answer
from tests.integration.ingress.serving import CHAT, STREAM, Serving

#: RFC 9110, 15.5.16 has a 415 say in Accept or Accept-Encoding what could be sent instead.
ALLOWED = {"REQUEST_HDR_IN_RESPONSE"}

httplint: Any = pytest.importorskip("httplint")

HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"


RESPONSE = {"model": "sim", "input": "Hello"}


def post(path: bytes, body: object) -> bytes:
    raw = json.dumps(body).encode()
    return b"POST " + path + HOST + JSON + b"Content-Length: %d\r\n\r\n%b" % (len(raw), raw)


REQUESTS = {
    "alive": b"GET /health" + HOST + b"\r\n",
    "head": b"HEAD /health" + HOST + b"\r\n",
    "ready": b"GET /ready" + HOST + b"\r\n",
    "models": b"GET /v1/models" + HOST + b"\r\n",
    "metrics": b"GET /metrics" + HOST + b"\r\n",
    "description": b"GET /openapi.json" + HOST + b"\r\n",
    "page": b"GET /docs" + HOST + b"\r\n",
    "program": b"GET /docs/page.js" + HOST + b"\r\n",
    "packed": b"GET /docs/swagger-ui.css" + HOST + b"Accept-Encoding: gzip\r\n\r\n",
    "unpacked": b"GET /docs/swagger-ui.css" + HOST + b"\r\n",
    "packed head": b"HEAD /docs/swagger-ui.css" + HOST + b"Accept-Encoding: gzip\r\n\r\n",
    "packed known": b"GET /docs/swagger-ui.css" + HOST + b"Accept-Encoding: gzip\r\nIf-None-Match: *\r\n\r\n",
    "page to chat": b"GET /" + HOST + b"\r\n",
    "part": b"GET /page/style.css" + HOST + b"\r\n",
    "library": b"GET /penstock.js" + HOST + b"\r\n",
    "library head": b"HEAD /penstock.js" + HOST + b"\r\n",
    "library known": b"GET /penstock.js" + HOST + b"If-None-Match: *\r\n\r\n",
    "stream token": b"GET /v1/jobs/sim-0/stream?token=x" + HOST + b"\r\n",
    "tokens": post(b"/tokenize", {"prompt": "hi"}),
    "whole": post(b"/v1/chat/completions", CHAT),
    "stream": post(b"/v1/chat/completions", STREAM),
    "response": post(b"/v1/responses", RESPONSE),
    "response stream": post(b"/v1/responses", {**RESPONSE, "stream": True}),
    "options": b"OPTIONS /health" + HOST + b"\r\n",
    "400": post(b"/v1/chat/completions", {}),
    "404": b"GET /nothing" + HOST + b"\r\n",
    "405": b"PUT /health" + HOST + b"\r\n",
    "415": b"POST /tokenize" + HOST + b"Content-Length: 2\r\n\r\n{}",
    "415 coded": b"POST /tokenize" + HOST + JSON + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "421": b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "no HTTP": b"nonsense\r\n\r\n",
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_nothing_is_wrong_with_an_answer(ingress: Serving, worker: FakeWorker, request_: bytes) -> None:
    reader, writer = await ingress.raw()
    writer.write(request_)
    if b'"sim"' in request_:
        hand = await worker.take()
        await worker.say(hand, "Hel")
        await worker.end(hand, "lo")
    got = await answer(reader, is_head=request_.startswith(b"HEAD"))
    writer.close()
    assert got is not None

    linter = httplint.HttpResponseLinter(no_content=request_.startswith(b"HEAD"))
    linter.process_response_topline(b"1.1", str(got.status).encode(), b"")
    linter.process_headers([(name.encode(), value.encode()) for name, value in got.fields.items()])
    linter.feed_content(got.body)
    linter.finish_content(complete=True)
    wrong = {type(note).__name__ for note in linter.notes if note.level is httplint.levels.BAD}
    assert wrong <= (ALLOWED if got.status == 415 else set())
