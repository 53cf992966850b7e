"""What the RFCs say of requests, in one write, in many, and cut at every line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.contract.contract import Contract
from tests.integration.ingress.http.raw_http import Answer, answer, send
from tests.integration.ingress.http.rfc_cases import CASES, Case
from tests.integration.ingress.serving import Serving

#: Larger requests are cut into as many parts as this, not into bytes.
_MAX_PARTS = 600


def whole(request: bytes) -> Sequence[bytes]:
    return [request]


def bytewise(request: bytes) -> Sequence[bytes]:
    step = -(-len(request) // _MAX_PARTS)
    return [request[at : at + step] for at in range(0, len(request), step)]


def by_lines(request: bytes) -> Sequence[bytes]:
    return request.splitlines(keepends=True)[:_MAX_PARTS]


async def asked(serving: Serving, case: Case, parts: Sequence[bytes]) -> tuple[list[Answer], bool]:
    """The answers, and whether the connection was closed after them."""
    reader, writer = await serving.raw()
    async with asyncio.timeout(20):
        sending = asyncio.create_task(send(writer, parts))
        answers = []
        for number in range(len(case.statuses)):
            is_head = case.request.startswith(b"HEAD") and number == 0
            one = await answer(reader, is_head=is_head)
            assert one is not None
            answers.append(one)
        is_closed = case.is_closed and await answer(reader) is None
        sending.cancel()
        writer.close()
    return answers, is_closed


@pytest.mark.parametrize("cut", [whole, bytewise, by_lines])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.section)
async def test_the_answer_is_the_rfcs_however_the_request_is_cut(
    ingress: Serving, case: Case, cut: Callable[[bytes], Sequence[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    parts = cut(case.request)
    if b"".join(parts) != case.request:
        pytest.skip("has too many lines to send one by one")
    answers, is_closed = await asked(ingress, case, parts)

    assert tuple(one.status for one in answers) == case.statuses
    assert is_closed == case.is_closed
    assert all(one.fields["x-request-id"] for one in answers)
    for one in answers:
        if one.status >= 400:
            assert set(one.error) == {"message", "type", "param", "code"}
    assert not [record for record in caplog.records if record.exc_info]


async def test_after_an_answer_that_leaves_it_open_the_connection_serves_on(ingress: Serving) -> None:
    for case in CASES:
        if not case.is_closed:
            again = Case("", case.request + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", (*case.statuses, 200))
            answers, _ = await asked(ingress, again, [again.request])
            assert answers[-1].body == b'{"status":"alive"}', case.section


async def test_whatever_was_asked_for_an_error_is_one_that_the_description_allows_there(ingress: Serving) -> None:
    contract = Contract((await ingress.client.get("/openapi.json")).json())
    for case in CASES:
        answers, _ = await asked(ingress, case, [case.request])
        method, target, *_ = *case.request.strip().decode("latin-1").split(" "), ""
        for one in answers:
            if one.status >= 400:
                assert contract.faults(method, target, one.status, one.fields, one.body) == [], case.section
