"""Requests by section of the RFCs, and the statuses that answer them.

A case is one line: section, request, statuses, and END where the server closes.
"""

# ruff: noqa: E501 - a case is one line
from __future__ import annotations

from typing import NamedTuple

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
BODY = b'{"prompt":"hi"}'
POST = b"POST /tokenize HTTP/1.1\r\n" + HOST + JSON
GET = b"GET /health HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
#: The body in two chunks, and the last one.
CHUNKS = b'8\r\n{"prompt\r\n7;name="value"\r\n":"hi"}\r\n0\r\n'
SIZED = POST + b"Content-Length: 15\r\n"
END = True
STAYS = False


class Case(NamedTuple):
    section: str
    request: bytes
    statuses: tuple[int, ...]
    is_closed: bool = STAYS


CASES = [
    # RFC 9112, 2: messages.
    Case("9112-2.2 an empty line before a request is ignored", b"\r\n" + GET + b"\r\n", (200,)),
    Case("9112-2.2 bare line feeds end no line", GET.replace(b"\r\n", b"\n") + b"\n", (400,), END),
    Case("9112-2.2 whitespace before the first field", b"GET /health HTTP/1.1\r\n " + HOST + b"\r\n", (400,), END),
    Case("9112-2.3 HTTP/2.0 in a request line", GET.replace(b"1.1", b"2.0") + b"\r\n", (505,), END),
    Case("9112-2.3 a minor version that nobody knows", GET.replace(b"1.1", b"1.7") + b"\r\n", (400,), END),
    Case("9112-2.3 the protocol's name is in capitals", GET.replace(b"HTTP", b"http") + b"\r\n", (400,), END),
    Case("9113-3.4 a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505,), END),
    # RFC 9112, 3: request line.
    Case("9112-3 a method that nobody knows", b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", (400,), END),
    Case("9112-3 methods are case-sensitive", b"get / HTTP/1.1\r\n" + HOST + b"\r\n", (400,), END),
    Case("9112-3 no version", b"GET /health\r\n\r\n", (400,), END),
    Case("9112-3 a space in the target", b"GET /he alth HTTP/1.1\r\n" + HOST + b"\r\n", (400,), END),
    Case("9112-3 a byte beyond ASCII in the target", b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n", (400,), END),
    Case("9112-3 not HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,), END),
    Case("9112-3.2 no Host", b"GET /health HTTP/1.1\r\n\r\n", (400,)),
    Case("9112-3.2 two Hosts", GET + HOST + b"\r\n", (400,)),
    Case("9112-3.2 two Hosts in a list", GET.replace(b"localhost", b"localhost, x") + b"\r\n", (400,)),
    Case("9112-3.2 a Host with a path", GET.replace(b"localhost", b"localhost/x") + b"\r\n", (400,)),
    Case("9112-3.2 a Host with a user", GET.replace(b"localhost", b"a@localhost") + b"\r\n", (400,)),
    Case("9112-3.2 a Host with a port that is none", GET.replace(b"localhost", b"localhost:x") + b"\r\n", (400,)),
    Case("9112-3.2 a Host with a port", GET.replace(b"localhost", b"localhost:8000") + b"\r\n", (200,)),
    Case("9112-3.2 a Host of IPv6", GET.replace(b"localhost", b"[::1]:8000") + b"\r\n", (200,)),
    Case("9110-7.4 a Host that is not ours", GET.replace(b"localhost", b"evil.example") + b"\r\n", (421,)),
    Case("9112-3.2.2 the target's host counts", GET.replace(b"/health", b"http://evil.example/health") + b"\r\n", (421,)),
    Case("9112-3.2.2 an absolute target", GET.replace(b"/health", b"http://localhost:8000/health") + b"\r\n", (200,)),
    Case("9112-3.2.3 CONNECT", b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", (501,), END),
    # RFC 9112, 5: fields.
    Case("9112-5.1 whitespace before the colon", GET + b"X : y\r\n\r\n", (400,), END),
    Case("9112-5.1 a field without a name", GET + b": y\r\n\r\n", (400,), END),
    Case("9112-5.1 a field without a colon", GET + b"nonsense\r\n\r\n", (400,), END),
    Case("9112-5.2 a folded field", GET + b"X: y\r\n z\r\n\r\n", (400,), END),
    Case("9110-5.5 NUL in a value", GET + b"X: a\0b\r\n\r\n", (400,), END),
    Case("9110-5.5 a carriage return in a value", GET + b"X: a\rb\r\n\r\n", (400,), END),
    Case("9110-5.5 an empty value", GET + b"X:\r\n\r\n", (200,)),
    Case("6585-5 a head that is too large", GET + b"X: " + b"y" * 70_000 + b"\r\n\r\n", (431,), END),
    Case("6585-5 a head that is too large and does not end", GET + b"X: " + b"y" * 70_000, (431,), END),
    Case("6585-5 many small fields", GET + b"X: y\r\n" * 12_000 + b"\r\n", (431,), END),
    Case("9110-4.1 a target that is too long", GET.replace(b"/health", b"/" + b"y" * 70_000) + b"\r\n", (431,), END),
    Case("9110-4.1 nothing but a target that is too long", b"GET /" + b"y" * 70_000 + b" HTTP/1.0\r\n\r\n", (431,), END),
    # RFC 9112, 6: body.
    Case("9112-6.2 a body with its length", SIZED + b"\r\n" + BODY, (200,)),
    Case("9112-6.2 a body of 120 kB", POST + b'Content-Length: 120015\r\n\r\n{"prompt":"hi' + b"i" * 120_000 + b'"}', (200,)),
    Case("9112-6.3 two lengths that differ", SIZED + b"Content-Length: 14\r\n\r\n" + BODY, (400,), END),
    Case("9112-6.3 a list of lengths", POST + b"Content-Length: 15, 14\r\n\r\n" + BODY, (400,), END),
    Case("9112-6.3 a negative length", POST + b"Content-Length: -1\r\n\r\n", (400,), END),
    Case("9112-6.3 a length with a sign", POST + b"Content-Length: +15\r\n\r\n" + BODY, (400,), END),
    Case("9112-6.3 a length in hexadecimal", POST + b"Content-Length: 0xf\r\n\r\n" + BODY, (400,), END),
    Case("9112-6.3 a length beyond all sizes", POST + b"Content-Length: 99999999999999999999\r\n\r\n", (400,), END),
    Case("9112-6.3 a length of 4,990 zeros", POST + b"Content-Length: " + b"0" * 4990 + b"\r\n\r\n", (400,)),
    Case("9112-6.1 a length and a coding", SIZED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,), END),
    Case("9112-6.1 a coding and a length", CHUNKED + b"Content-Length: 15\r\n\r\n0\r\n\r\n", (400,), END),
    Case("9112-6.1 chunked is not the last coding", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", (400,), END),
    Case("9112-6.1 chunked twice", CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,), END),
    Case("9112-6.1 a coding that nobody knows", POST + b"Transfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n", (501,)),
    Case("9112-6.1 a coding with a vertical tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", (400,), END),
    Case("9112-6.1 a coding in HTTP/1.0", CHUNKED.replace(b"1.1", b"1.0") + b"\r\n" + CHUNKS + b"\r\n", (400,), END),
    # RFC 9112, 7: chunks.
    Case("9112-7.1 a body in chunks", CHUNKED + b"\r\n" + CHUNKS + b"\r\n", (200,)),
    Case("9112-7.1 a negative size", CHUNKED + b"\r\n-1\r\n", (400,), END),
    Case("9112-7.1 a size beyond all sizes", CHUNKED + b"\r\nffffffffffffffffff\r\n", (400,), END),
    Case("9112-7.1 a size that is no number", CHUNKED + b"\r\n0x2\r\nhi\r\n", (400,), END),
    Case("9112-7.1 a size before a bare line feed", CHUNKED + b"\r\n2\nhi\r\n0\r\n\r\n", (400,), END),
    Case("9112-7.1 more than the size says", CHUNKED + b"\r\n2\r\nhiho\r\n0\r\n\r\n", (400,), END),
    Case("9112-7.1.1 an extension without end", CHUNKED + b"\r\n2;" + b"x" * 70_000, (431,), END),
    Case("9112-7.1.2 trailers", CHUNKED + b"\r\n" + CHUNKS + b"X: y\r\nHost: x\r\n\r\n", (200,)),
    Case("9112-7.1.2 trailers that are too large", CHUNKED + b"\r\n" + CHUNKS + b"X: y\r\n" * 12_000 + b"\r\n", (431,), END),
    # RFC 9112, 9: connections.
    Case("9112-9.3 a connection stays", GET + b"\r\n", (200,)),
    Case("9112-9.3 a connection of HTTP/1.0 does not", GET.replace(b"1.1", b"1.0") + b"\r\n", (200,), END),
    Case("9112-9.3 HTTP/1.0 needs no Host", b"GET /health HTTP/1.0\r\n\r\n", (200,), END),
    Case("9112-9.6 a connection that is to close", GET + b"Connection: close\r\n\r\n", (200,), END),
    Case("9112-9.6 what comes after the last request", (GET + b"Connection: close\r\n\r\n") * 2, (200,), END),
    Case("9112-9.3.2 three at once", (SIZED + b"\r\n" + BODY) * 3, (200, 200, 200)),
    Case("9112-9.3.2 nonsense after a request", SIZED + b"\r\n" + BODY + b"nonsense\r\n\r\n", (200, 400), END),
    Case("9112-9.3.2 a broken body after a request", GET + b"\r\n" + CHUNKED + b"\r\n-1\r\n", (200, 400), END),
    # RFC 9110.
    Case("9110-7.8 an upgrade to h2c", SIZED + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n" + BODY, (200,)),
    Case("9110-7.8 an upgrade to a websocket", SIZED + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + BODY, (200,)),
    Case("9110-7.8 an upgrade of chunks", CHUNKED + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + CHUNKS + b"\r\n", (200,)),
    Case("9110-7.8 an upgrade without a body", GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", (200,)),
    Case("9110-7.8 upgrades at once", (SIZED + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + BODY) * 3 + GET + b"\r\n", (200,) * 4),
    Case("9110-7.8 an upgrade with a broken body", CHUNKED + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n-1\r\n", (400,), END),
    Case("9110-8.3 text is no JSON", SIZED.replace(b"application/json", b"text/plain") + b"\r\n" + BODY, (415,)),
    Case("9110-8.3 a form is no JSON", SIZED.replace(b"json", b"x-www-form-urlencoded") + b"\r\n" + BODY, (415,)),
    Case("9110-8.3 no content type", SIZED.replace(JSON, b"") + b"\r\n" + BODY, (415,)),
    Case("9110-8.3 a parameter", SIZED.replace(b"json", b'json; charset="UTF-8"') + b"\r\n" + BODY, (200,)),
    Case("9110-8.3 another character set", SIZED.replace(b"json", b"json; charset=utf-16") + b"\r\n" + BODY, (415,)),
    Case("6839-3.1 a kind of JSON", SIZED.replace(b"json", b"vnd.api+json") + b"\r\n" + BODY, (200,)),
    Case("9110-8.4 a coding that nobody undoes", SIZED + b"Content-Encoding: br\r\n\r\n" + BODY, (415,)),
    Case("9110-8.4 no coding", SIZED + b"Content-Encoding: identity\r\n\r\n" + BODY, (200,)),
    Case("9110-8.4 not coded as it says", SIZED + b"Content-Encoding: gzip\r\n\r\n" + BODY, (400,)),
    Case("9110-9.3.2 HEAD", GET.replace(b"GET", b"HEAD") + b"\r\n" + GET + b"\r\n", (200, 200)),
    Case("9110-9.3.7 OPTIONS", GET.replace(b"GET", b"OPTIONS") + b"\r\n", (204,)),
    Case("9110-10.1.1 an expectation that nobody meets", SIZED + b"Expect: x\r\n\r\n" + BODY, (417,)),
    Case("9110-10.1.1 to go on", SIZED + b"Expect: 100-continue\r\n\r\n" + BODY, (200,)),
    Case("9110-10.1.1 to go on, in HTTP/1.0", SIZED.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\n\r\n" + BODY, (200,), END),
    Case("9110-15.5.6 a method that is not for it", GET.replace(b"GET", b"DELETE") + b"\r\n", (405,)),
    Case("8259-8.1 half a pair in an escape", POST + b"Content-Length: 19\r\n\r\n" + rb'{"prompt":"\ud800"}', (400,)),
    Case("3629-3 half a pair in UTF-8", POST + b"Content-Length: 16\r\n\r\n" + b'{"prompt":"\xed\xa0\x80"}', (400,)),
]  # fmt: skip
