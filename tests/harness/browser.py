"""A real browser without a screen, on a page of a site of its own that it reports to."""

from __future__ import annotations

import contextlib
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from tests.harness.processes import end

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # They would look for hosts that a test machine need not reach.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_REPORT_S = 60.0
STOP_S = 10.0


class Site(ThreadingHTTPServer):
    """Serves one page; what the page posts to `/report` as JSON is a report."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.page = b""
        self._reports: queue.Queue[Any] = queue.Queue()

    @property
    def origin(self) -> str:
        """What a browser calls it."""
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, report: bytes) -> None:
        """Keep what the page said."""
        self._reports.put(msgspec.json.decode(report))

    def next_report(self) -> Any:
        """What the page says next. Raises queue.Empty if it stays silent."""
        return self._reports.get(timeout=_REPORT_S)


class _Visit(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self._answer("text/html; charset=utf-8", self.server.page)

    def do_POST(self) -> None:
        self.server.take(self.rfile.read(int(self.headers["content-length"])))
        self._answer("text/plain", b"")

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """A site that serves until the block is left."""
    with Site() as it:
        thread = threading.Thread(target=it.serve_forever, name="site")
        thread.start()
        try:
            yield it
        finally:
            it.shutdown()
            thread.join()


@contextlib.contextmanager
def visiting(url: str) -> Iterator[None]:
    """A browser that is on a page until the block is left."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            end(browser, STOP_S)
