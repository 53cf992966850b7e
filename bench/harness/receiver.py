"""A receiver of webhooks that verifies them and fails some, as quick as asyncio is: what is measured is who sends."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Self

from standardwebhooks import Webhook, WebhookVerificationError


class Receiver:
    """Serves within `async with`; of so many attempts one is answered with a 500."""

    def __init__(self, secret: str, *, fails_every: int) -> None:
        self._webhook = Webhook(secret)
        self._fails_every = fails_every
        self._server: asyncio.Server | None = None
        self.attempts = 0
        self.unverified = 0
        #: By job, the ids under which it was told and taken.
        self.accepted: dict[str, set[str]] = {}
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                headers = {name.lower(): value for name, value in fields.items()}
                status = self._status(headers, await reader.readexactly(int(headers["content-length"])))
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def _status(self, headers: dict[str, str], body: bytes) -> int:
        self.attempts += 1
        try:
            self._webhook.verify(body, headers, json_parse=False)
        except WebhookVerificationError:
            self.unverified += 1
            return 400
        if self.attempts % self._fails_every == 0:
            return 500
        self.accepted.setdefault(json.loads(body)["data"]["id"], set()).add(headers["webhook-id"])
        return 204
