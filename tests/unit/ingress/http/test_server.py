"""A server that is told to stop, whenever that is."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette

from ingress.http.server import HttpServer, listen
from penstock.settings import IngressSettings
from tests.harness.processes import free_port


@pytest.mark.parametrize("times", [1, 2])
async def test_told_to_stop_as_it_starts_it_ends_in_order(caplog: pytest.LogCaptureFixture, times: int) -> None:
    told: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        told.append("begun")
        for _turn in range(times):
            server.stop()
        yield
        told.append("ended")

    server = HttpServer(Starlette(lifespan=lifespan), IngressSettings())
    with caplog.at_level(logging.ERROR):
        await server.serve([listen("127.0.0.1", free_port(), "ingress")])
    assert told == ["begun", "ended"]
    assert not caplog.records
