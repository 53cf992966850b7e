"""A server that webhooks are sent to: it verifies what comes by Standard Webhooks' package, and answers as told."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Received:
    """One attempt as it arrived, verified."""

    path: str
    event_id: str
    event: dict[str, Any]
    headers: dict[str, str]
    at_s: float

    @property
    def job(self) -> str:
        """The job that it is about."""
        job: str = self.event["data"]["id"]
        return job


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; `breaks_off` hangs up without an answer."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    breaks_off: bool = False


#: Told of an attempt, says what to answer; it may wait as long as it likes.
Answer = Callable[[Received], Reply]


def accept(_: Received) -> Reply:
    """All is well."""
    return Reply()


class Receiver(ThreadingHTTPServer):
    """Serves on a free port of this machine."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, secret: str = "", answer: Answer = accept, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.secret = secret
        self.answer = answer
        self.received: list[Received] = []
        #: What did not verify.
        self.wrong: list[str] = []
        #: Set when the receiver ends, so that nobody waits in it any longer.
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.server_port}/hook"

    def ids(self, job: str | None = None) -> list[str]:
        """The `webhook-id` of each attempt, in their order; of those about one job, if it is named."""
        return [one.event_id for one in self.received if job in (None, one.job)]

    def hang(self, _: Received) -> Reply:
        """Never answer."""
        self.closing.wait(60)
        return Reply(breaks_off=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = Webhook(self.server.secret).verify(body, headers)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the test has to know
            self.server.wrong.append(repr(error))
            self._reply(Reply(400))
            return
        received = Received(self.path, headers["webhook-id"], event, headers, time.monotonic())
        self.server.received.append(received)
        self._reply(self.server.answer(received))

    def log_message(self, *_: object) -> None:
        pass

    def _reply(self, reply: Reply) -> None:
        if reply.breaks_off:
            self.close_connection = True
            return
        with contextlib.suppress(OSError):
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)


@contextlib.contextmanager
def receiving(secret: str = "", answer: Answer = accept, port: int = 0) -> Iterator[Receiver]:
    """A receiver that serves until the block is left."""
    receiver = Receiver(secret, answer, port)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        receiver.shutdown()
        receiver.server_close()
        thread.join()
