"""penstock.js outside a browser: what it may be, and how it reads an answer that comes in pieces."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from tests.harness.processes import ROOT

PAGE = ROOT / "ingress" / "page"
LIBRARY = PAGE / "penstock.js"
NODE, TSC = shutil.which("node"), shutil.which("tsc")
needs_node = pytest.mark.skipif(NODE is None, reason="no node on the PATH")

PIECES = ["Hel", "lo, ", "wörld ", "🐟", "!"]
#: Prints what the library makes of a job, as JSON.
READER = """
import {connect} from "./penstock.mjs";
const text = [], ids = [];
const {error} = await connect({job: "sim-1", base: process.argv[2]}, {
  text: one => { text.push(one); },
  chunk: (_, id) => { ids.push(id); },
}).ended;
console.log(JSON.stringify({text: text.join(""), ids, error: error && {message: error.message, status: error.status}}));
"""
USE = """
import { cancel, connect, resume, type Connection, type Failure } from "./penstock.mjs";
const first: Connection = connect({ job: "sim-1", key: "k" }, { text: (text, id) => text.length + id.length });
resume({ url: () => Promise.resolve("/") }, first.lastEventId, { chunk: (it) => it.choices[0]?.delta?.content });
const { error }: { error: Failure | null } = await first.ended;
await cancel({ url: error?.message ?? "/" });
// @ts-expect-error there is no source without a job or an address
connect({ base: "" });
"""

Answer = Callable[[BaseHTTPRequestHandler, str], None]


class Api(ThreadingHTTPServer):
    """Answers by `answer`, which is given the event to go on after."""

    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.answer(self, parse_qs(urlsplit(self.path).query).get("after", [""])[0])

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


def events(after: str) -> bytes:
    """Those of an answer that come after one of them."""
    chunks = [(str(at), {"choices": [{"delta": {"content": piece}}]}) for at, piece in enumerate(PIECES, 1)]
    shown = [f"id: {at}\ndata: {msgspec.json.encode(chunk).decode()}\n\n" for at, chunk in chunks]
    return "".join([*shown, "id: 5.1\ndata: [DONE]\n\n"][int(float(after or 0)) :]).encode()


def begin(handler: BaseHTTPRequestHandler, status: int = 200) -> None:
    handler.send_response(status)
    handler.end_headers()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "penstock.mjs").write_bytes(LIBRARY.read_bytes())
    (tmp_path / "penstock.d.mts").write_bytes((PAGE / "penstock.d.ts").read_bytes())
    (tmp_path / "reader.mjs").write_text(READER)
    return tmp_path / "reader.mjs"


@pytest.fixture
def read(script: Path) -> Iterator[Callable[[Answer], dict[str, object]]]:
    servers: list[Api] = []

    def reading(answer: Answer) -> dict[str, object]:
        server = Api(answer)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        command = [str(NODE), str(script), f"http://127.0.0.1:{server.server_port}"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
        return dict(msgspec.json.decode(done.stdout))

    yield reading
    for server in servers:
        server.shutdown()
        server.server_close()


def test_it_is_short_and_needs_nothing() -> None:
    source = LIBRARY.read_text()

    assert len(source.splitlines()) < 120
    assert not [line for line in source.splitlines() if line.startswith("import")]


@needs_node
def test_an_answer_that_comes_byte_by_byte_is_whole(read: Callable[[Answer], dict[str, object]]) -> None:
    def answer(handler: BaseHTTPRequestHandler, after: str) -> None:
        begin(handler)
        for byte in b": ping\n" + events(after):
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    assert read(answer) == {"text": "".join(PIECES), "ids": ["1", "2", "3", "4", "5"], "error": None}


@needs_node
def test_wherever_an_answer_breaks_off_it_goes_on_exactly(read: Callable[[Answer], dict[str, object]]) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, after: str) -> None:
        asked.append(after)
        begin(handler)
        # A whole event, and a part of the next: more each time.
        shown = events(after)
        handler.wfile.write(shown[: shown.index(b"\n\n") + 2 + 4 * len(asked)])

    assert read(answer) == {"text": "".join(PIECES), "ids": ["1", "2", "3", "4", "5"], "error": None}
    assert asked == ["", "1", "2", "3", "4", "5"]


@needs_node
def test_what_may_pass_is_tried_again_and_a_204_is_the_end(read: Callable[[Answer], dict[str, object]]) -> None:
    statuses = iter([503, 429, 204])

    assert read(lambda handler, _: begin(handler, next(statuses))) == {"text": "", "ids": [], "error": None}


@needs_node
def test_a_refusal_is_told(read: Callable[[Answer], dict[str, object]]) -> None:
    def answer(handler: BaseHTTPRequestHandler, after: str) -> None:
        begin(handler, 404)
        handler.wfile.write(b'{"error":{"message":"There is no job."}}')

    assert read(answer) == {"text": "", "ids": [], "error": {"message": "There is no job.", "status": 404}}


@pytest.mark.skipif(TSC is None, reason="no tsc on the PATH: npm install --global typescript")
def test_its_types_are_those_of_its_use(script: Path) -> None:
    (script.parent / "use.mts").write_text(USE)
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"]
    done = subprocess.run(
        [str(TSC), *options, "use.mts"], cwd=script.parent, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stdout
