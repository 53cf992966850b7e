"""Requests that no client library would send: the answer is as described, and everybody lives on."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping

import httpx
import pytest

from tests.contract.conftest import ENDLESS, KEY
from tests.contract.contract import Contract
from tests.harness.stack import Stack
from tests.integration.ingress.http.raw_http import Answer, answer

CHAT = "/v1/chat/completions"
JSON = {b"content-type": b"application/json"}
HELLO = json.dumps({"model": "sim", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}).encode()
#: All that llhttp knows by now, some that it may know one day, and one that nobody knows.
# fmt: off
METHODS = [
    "ACL", "BIND", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "M-SEARCH", "MERGE", "MKACTIVITY",
    "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POST", "PROPFIND", "PROPPATCH", "PURGE", "PUT",
    "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK", "UNLOCK",
    "UNSUBSCRIBE",
]
# fmt: on
#: NUL, half a surrogate pair, what is no UTF-8, what lies beyond Unicode, a byte order mark, controls, nothing.
ODD = ["%00", "%ed%a0%80", "%ff", "%f4%90%80%80", "%ef%bb%bf", "%0d%0a", "%1b%7f", "%c2%85", "%F0%9F%98%80", "%", "%zz"]
ODD_BYTES = [b"\x80", b"\xff", b"a\x85b", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\tx\t", b"", b" ", b"a" * 5000, b'"']
NUMBERS = [b"1e400", b"-1e400", b"1" * 400, b"-" + b"9" * 30, b"1e-400", b"-0", b"0.1e1", b"5.0", b"2147483648", b"1E5"]
NO_NUMBERS = [b"NaN", b"Infinity", b"01", b"+1", b"0x1", b"1_000", b".5", b"5."]


@pytest.fixture(scope="module")
def contract(served: Stack) -> Contract:
    return Contract(httpx.get(f"{served.urls[0]}/openapi.json").json())


async def asked(
    served: Stack,
    method: str,
    target: bytes,
    fields: Mapping[bytes, bytes] | Iterable[tuple[bytes, bytes]] = (),
    body: bytes | None = None,
) -> Answer:
    """The answer to a request whose bytes are sent as they are."""
    given = list(fields.items() if isinstance(fields, Mapping) else fields)
    given = [(b"host", b"localhost"), (b"authorization", f"Bearer {KEY}".encode()), *given]
    if body is not None:
        given.append((b"content-length", b"%d" % len(body)))
    head = b"".join(b"%b: %b\r\n" % field for field in given)
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.ports[0])
        writer.write(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode(), target, head, body or b""))
        got = await answer(reader, is_head=method == "HEAD")
        writer.close()
    assert got is not None
    return got


def hold(contract: Contract, method: str, target: bytes, got: Answer) -> None:
    """The answer is one that the document allows, and no fault of ours."""
    assert contract.faults(method, target.decode("latin-1"), got.status, got.fields, got.body) == []
    assert got.status < 500


@pytest.fixture
def unharmed(served: Stack) -> Iterable[None]:
    """The processes that were there are there still, and serve."""
    before = served.worker_pids
    yield
    ready = httpx.get(f"{served.urls[0]}/ready").json()
    assert served.worker_pids == before
    assert ready["pools"]["sim"]["serves"]
    assert not ready["pools"]["sim"]["failed"]


@pytest.mark.parametrize("method", METHODS)
async def test_a_method_that_is_not_there_is_a_405_that_names_those_that_are(
    served: Stack, contract: Contract, method: str
) -> None:
    for path, item in contract.document["paths"].items():
        if (method, path) == ("GET", ENDLESS):
            continue
        target = path.replace("{job_id}", "sim-1").replace("{name}", "sim").encode()
        got = await asked(served, method, target, JSON, b"{}")
        hold(contract, method, target, got)
        if method.lower() not in item:
            assert got.status == 405
            served_methods = {name.strip().lower() for name in got.fields["allow"].split(",")}
            assert served_methods == item.keys() - {"options"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("odd", ODD)
async def test_a_target_of_odd_characters(
    served: Stack, contract: Contract, unharmed: None, odd: str, method: str
) -> None:
    for target in (
        f"/v1/jobs/{odd}",
        f"/v1/jobs/sim-{odd}",
        f"/v1/jobs/sim-1{odd}/events",
        f"/v1/jobs/sim-1/events?after={odd}",
        f"/v1/models/{odd}",
        f"/v1/models/sim{odd}",
        f"/ready?pool={odd}",
        f"/ready?{odd}=1",
        f"/docs/{odd}",
        f"/{odd}",
    ):
        hold(contract, method, target.encode(), await asked(served, method, target.encode()))


@pytest.mark.parametrize(
    "target",
    [
        "//v1/models",
        "/v1//models",
        "/v1/models/../../etc/passwd",
        "/docs/..%2f..%2f__init__.py",
        "/docs/%2e%2e%2fdocument.py",
        "/docs/swagger-ui.css.gz",
        "/docs//page.js",
        "/docs/",
        "/openapi.json/",
        "/v1/jobs/",
        "/v1/jobs/sim-1/events/",
        f"/v1/jobs/{'a' * 5000}",
        f"/v1/jobs/sim-1/events?after={'9' * 5000}",
        "/v1/jobs/sim-1/events?after=1&after=x",
        "/v1/jobs/sim-1/events?after",
        "/?",
        "/#x",
        "/;x",
    ],
)
async def test_a_target_of_an_odd_form(served: Stack, contract: Contract, target: str) -> None:
    hold(contract, "GET", target.encode(), await asked(served, "GET", target.encode()))


@pytest.mark.parametrize("odd", ODD_BYTES)
@pytest.mark.parametrize(
    "name",
    [
        "idempotency-key",
        "x-penstock-keep",
        "x-request-id",
        "traceparent",
        "tracestate",
        "accept",
        "accept-encoding",
        "content-language",
        "cookie",
        "origin",
        "user-agent",
        "x-forwarded-for",
    ],
)
async def test_a_header_of_odd_bytes(served: Stack, contract: Contract, unharmed: None, name: str, odd: bytes) -> None:
    got = await asked(served, "POST", CHAT.encode(), {**JSON, name.encode(): odd}, HELLO)

    hold(contract, "POST", CHAT.encode(), got)
    # Nobody's key is longer, and one that is empty is no key.
    others = {"idempotency-key": (200, 400, 409), "x-penstock-keep": (400,)}
    assert got.status in others.get(name, (200,))


@pytest.mark.parametrize("odd", ODD_BYTES)
async def test_a_key_of_odd_bytes(served: Stack, contract: Contract, odd: bytes) -> None:
    for fields in (
        [(b"authorization", b"Bearer " + odd)],
        [(b"authorization", odd)],
        [(b"authorization", b"Basic eA==")],
    ):
        got = await asked(served, "GET", b"/v1/models", fields)
        hold(contract, "GET", b"/v1/models", got)


@pytest.mark.parametrize("odd", [*ODD_BYTES, b"1.1.1", b"-1", b"1-", b"9" * 40, b"1e3", b"\xb2"])
async def test_a_place_of_odd_bytes(served: Stack, contract: Contract, odd: bytes) -> None:
    job = await asked(served, "POST", CHAT.encode(), {**JSON, b"x-penstock-keep": b"true"}, HELLO)
    target = f"/v1/jobs/{job.fields['x-penstock-job-id']}/events".encode()
    got = await asked(served, "GET", target, {b"last-event-id": odd})

    hold(contract, "GET", target, got)
    assert got.status == (200 if not odd.strip(b" \t") else 400)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (b"application/json", 200),
        (b"APPLICATION/JSON ; Charset=UTF-8", 200),
        (b'application/json; charset="utf-8"', 200),
        (b"application/vnd.penstock+json", 200),
        (b"application/json; charset=utf-16", 415),
        (b"application/json; charset=\xff", 415),
        (b"application/json, text/plain", 415),
        (b"application/jsonp", 415),
        (b"text/plain", 415),
        (b"multipart/form-data; boundary=x", 415),
        (b"application/x-www-form-urlencoded", 415),
        (b"*/*", 415),
        (b"\xff", 415),
        (b"/", 415),
        (b"", 415),
        (b"a" * 5000, 415),
    ],
)
async def test_a_content_type(served: Stack, contract: Contract, kind: bytes, status: int) -> None:
    got = await asked(served, "POST", CHAT.encode(), {b"content-type": kind}, HELLO)

    hold(contract, "POST", CHAT.encode(), got)
    assert got.status == status


def _zipped(data: bytes) -> bytes:
    """The same at every moment: tests are called after it."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        (b"gzip", _zipped(HELLO), 200),
        (b"GZIP", _zipped(HELLO), 200),
        (b"deflate", zlib.compress(HELLO), 200),
        (b"identity", HELLO, 200),
        (b"gzip", HELLO, 400),
        (b"gzip", _zipped(HELLO)[:-9], 400),
        (b"deflate", _zipped(HELLO), 200),
        (b"gzip", _zipped(b"\xff"), 400),
        (b"gzip", b"", 400),
        (b"br", HELLO, 415),
        (b"gzip, gzip", _zipped(_zipped(HELLO)), 415),
        (b"\xff", HELLO, 415),
        (b"gzip", _zipped(b" " * (8 << 20)), 413),
    ],
)
async def test_a_content_coding(served: Stack, contract: Contract, coding: bytes, body: bytes, status: int) -> None:
    got = await asked(served, "POST", CHAT.encode(), {**JSON, b"content-encoding": coding}, body)

    hold(contract, "POST", CHAT.encode(), got)
    assert got.status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\x00",
        b"null",
        b"[]",
        b'""',
        b"{}{}",
        b"\xef\xbb\xbf" + HELLO,
        HELLO.decode().encode("utf-16"),
        HELLO.decode().encode("utf-32"),
        HELLO.replace(b"Hello", b"\xff"),
        HELLO.replace(b"Hello", b"\xed\xa0\x80"),
        HELLO.replace(b"Hello", b"\\ud800"),
        HELLO.replace(b"Hello", b"\x00"),
        HELLO.replace(b"Hello", b"\x1f"),
        HELLO.replace(b"user", b"\\ud800"),
        HELLO.replace(b"sim", b"\\udfff"),
        HELLO.replace(b"}]", b"}],"),
        HELLO + b"\x00",
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"model":"sim","messages":' + b"[" * 5000 + b"]" * 5000 + b"}",
        *(HELLO.replace(b'": 2}', b'": ' + number + b"}") for number in NO_NUMBERS),
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/tokenize", "/detokenize"])
async def test_a_body_that_is_none(served: Stack, contract: Contract, path: str, body: bytes) -> None:
    got = await asked(served, "POST", path.encode(), JSON, body)

    hold(contract, "POST", path.encode(), got)
    assert got.status == 400


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "field",
    [
        "max_tokens",
        "temperature",
        "seed",
        "top_k",
        "n",
        "stop_token_ids",
        "logit_bias",
        "repetition_penalty",
        "nobody_knows_it",
        "priority",
        "chat_template_kwargs",
    ],
)
async def test_a_number_of_any_size(
    served: Stack, contract: Contract, unharmed: None, field: str, number: bytes
) -> None:
    shaped = {"stop_token_ids": b"[%b]", "logit_bias": b'{"1": %b}', "chat_template_kwargs": b'{"a": %b}'}
    value = shaped.get(field, b"%b") % number
    body = HELLO.replace(b'"max_tokens": 2', b'"%b": %b' % (field.encode(), value))

    hold(contract, "POST", CHAT.encode(), await asked(served, "POST", CHAT.encode(), JSON, body))


@pytest.mark.parametrize(
    "text",
    [b"\\u0000", b"\\ud83d\\ude00", b"\\u2028", b"\xef\xbf\xbf", b"\\u0085", b"\xf4\x8f\xbf\xbf", b"\\r\\n", b""],
)
async def test_a_text_of_any_character(served: Stack, contract: Contract, unharmed: None, text: bytes) -> None:
    chat = HELLO.replace(b"Hello", b"x" + text)
    for path, body in (
        (CHAT, chat),
        (CHAT, chat.replace(b'"max_tokens"', b'"stream": true, "max_tokens"')),
        ("/v1/completions", b'{"model": "sim", "prompt": "x%b", "max_tokens": 2, "stop": "x%b"}' % (text, text)),
        ("/tokenize", b'{"prompt": "%b", "return_token_strs": true}' % text),
        (CHAT, HELLO.replace(b'"max_tokens"', b'"%b": 1, "max_tokens"' % (b"a" + text))),
    ):
        got = await asked(served, "POST", path.encode(), JSON, body)
        hold(contract, "POST", path.encode(), got)
        assert got.status == 200
