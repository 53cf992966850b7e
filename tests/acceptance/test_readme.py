"""README's demonstrations, word by word: its own commands and programs, run against what `make up` starts."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.acceptance.asking import ANSWERS
from tests.acceptance.events import END, Event, events_of, text
from tests.harness.browser import CHROMIUM, Site, site, visiting
from tests.harness.processes import ROOT
from tests.harness.up import Up, builtin, running
from tests.waiting import eventually

README = (ROOT / "README.md").read_text()
THERE = "http://127.0.0.1:8000"
ATTEMPTS = 10
#: Processes are looked for among those of the stack only: there may be others on this machine.
PGREP = f"""#!{sys.executable}
import subprocess, sys
import psutil
asked = sys.argv[1:]
command = ["/usr/bin/pgrep", *[one for one in asked if one != "-o"]]
found = subprocess.run(command, capture_output=True, text=True).stdout
top = psutil.Process(int(UP))
family = sorted(top.children(recursive=True), key=lambda one: one.create_time())
own = [str(one.pid) for one in family if str(one.pid) in found.split()]
print("\\n".join(own[:1] if "-o" in asked else own))
"""


def blocks(language: str) -> list[str]:
    """The blocks of that language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    """What is typed after each prompt of a console block."""
    return [one.strip() for one in re.split(r"^\$ ", block, flags=re.MULTILINE) if one.strip()]


def typed() -> list[str]:
    """All that is typed."""
    return [one for block in blocks("console") for one in commands(block)]


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the README, in a folder of its own."""

    up: Up
    folder: Path

    def types(self, *lines: str) -> str:
        """Run lines in a shell; returns what they print."""
        script = self.folder / "typed"
        script.write_text("\n".join(lines).replace(THERE, self.up.url))
        path = f"{self.folder}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", str(script)],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    @property
    def job_id(self) -> str:
        """The job of the response whose headers were kept."""
        found = re.search(r"^x-penstock-job-id: (\S+)", (self.folder / "headers").read_text(), re.MULTILINE)
        assert found
        return found[1]

    def job(self) -> dict[str, object]:
        """What the server says of it."""
        told: dict[str, object] = httpx.get(f"{self.up.url}/v1/jobs/{self.job_id}").json()
        return told

    def whole(self) -> list[Event]:
        """All its events."""
        with events_of(self.up.url, self.job_id) as reading:
            return reading.rest()


@pytest.fixture(scope="module")
def page() -> Iterator[Site]:
    with site() as it:
        yield it


@pytest.fixture(scope="module")
def up(page: Site) -> Iterator[Up]:
    config = builtin("demo")
    (start, *_) = commands(next(block for block in blocks("console") if "pgrep" in block))
    assert start == "PENSTOCK__POOLS__DEMO__WORKERS=2 make up"
    config["pools"]["demo"]["workers"] = 2
    with running({**config, "ingress": {"cors_origins": [page.origin]}}) as it:
        (host,) = it.by_role()["host"]
        for process in (host, *host.children(recursive=True)):
            # On a busy machine the engines wait for us, so that kills come in time.
            process.nice(10)
        yield it


@pytest.fixture
def reader(up: Up, tmp_path: Path) -> Reader:
    pgrep = tmp_path / "pgrep"
    pgrep.write_text(PGREP.replace("UP", str(up.process.pid)))
    pgrep.chmod(pgrep.stat().st_mode | stat.S_IXUSR)
    return Reader(up, tmp_path)


def killing() -> tuple[str, str]:
    """The request whose worker, or client, is killed, and the command that kills a worker."""
    _, ask, kill = commands(next(block for block in blocks("console") if "pgrep" in block))
    return ask.removesuffix("&"), kill


def begun(ask: str, events: int) -> str:
    """Ask in the background, and go on when so many events are there."""
    return f"{ask} > answer &\nuntil [ $(grep -c '^data' answer) -ge {events} ]; do sleep 0.005; done"


def said(answer: str) -> str:
    return text([Event("", line.removeprefix("data: ")) for line in answer.splitlines() if line.startswith("data: ")])


def test_the_first_question_is_answered(reader: Reader) -> None:
    (ask,) = [one for one in typed() if one.startswith("curl -N http") and "/v1/chat" in one]
    answer = reader.types(ask)

    assert said(answer) == ANSWERS["What is Penstock?"]
    assert answer.endswith("data: [DONE]\n\n")


def test_openais_client_streams(up: Up) -> None:
    (program,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", program.replace(THERE, up.url)], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == ANSWERS["What is Penstock?"]


def test_a_worker_is_killed_and_nothing_happens(reader: Reader) -> None:
    ask, kill = killing()
    reader.types(f"{ask} > uncut")
    uncut = said((reader.folder / "uncut").read_text())
    for _ in range(ATTEMPTS):
        assert eventually(lambda: _ready(reader.up) == 2, within_s=60)
        reader.types(begun(ask, 5), kill, "wait")
        assert said((reader.folder / "answer").read_text()) == uncut
        if reader.job()["losses"]:
            return
    pytest.fail("no kill came in time, or hit the worker that generated")


def test_the_client_is_killed_and_reads_on(reader: Reader) -> None:
    ask, _ = killing()
    (read_on,) = [one for one in typed() if "Last-Event-ID" in one]
    answer = reader.types(begun(ask, 14), "kill -9 $!", read_on)
    whole = reader.whole()

    assert reader.job()["state"] == "completed"
    rest = [line.removeprefix("data: ") for line in answer.splitlines() if line.startswith("data: ")]
    assert rest == [event.data for event in whole][-len(rest) :]
    assert rest[-1] == END
    ids = [line.removeprefix("id: ") for line in answer.splitlines() if line.startswith("id: ")]
    assert ids == [event.id for event in whole if _place(event.id) > (12,)]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")
def test_a_browser_reads_on_by_itself(up: Up, page: Site) -> None:
    (program,) = blocks("js")
    page.page = f"""<!doctype html>
<title>A reader</title>
<script type="module">
const report = what => fetch("/report", {{method: "POST", body: JSON.stringify(what)}});
const url = {msgspec.json.encode(up.url).decode()};
const seen = [];
const show = chunk => seen.push(chunk.choices[0]?.delta.content ?? "");
try {{
{program}
const timer = setInterval(() => {{
  if (events.readyState === EventSource.CLOSED) {{ clearInterval(timer); report(seen.join("")); }}
}}, 20);
}} catch (error) {{ report(String(error)); }}
</script>
""".encode()
    with visiting(page.origin):
        assert page.next_report() == ANSWERS["What is Penstock?"]


def _ready(up: Up) -> int:
    return int(httpx.get(f"{up.url}/ready").json()["pools"]["demo"]["ready"])


def _place(event_id: str) -> tuple[int, ...]:
    return tuple(map(int, event_id.split(".")))
