"""A person at a shell: submit, wait, look, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.simulation import expected
from tests.harness.batches import chat_line, encoded
from tests.harness.processes import family
from tests.harness.up import Up, builtin, running
from tests.waiting import eventually

#: Whoever runs the tests in the background has Ctrl-C ignored.
PENSTOCK = ["env", "--default-signal=INT", sys.executable, "-m", "penstock.cli"]
DEADLINE_S = 120.0


@pytest.fixture(scope="module")
def simulated() -> Iterator[Up]:
    """What `penstock up --config simulated` starts."""
    with running(builtin("simulated")) as up:
        yield up


def command(up: Up, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*PENSTOCK, *words],
        env={**os.environ, "PENSTOCK_URL": up.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What was read is not kept back from `communicate`.
        bufsize=0,
    )


def said_by(up: Up, *words: str) -> str:
    """The output of a command that succeeds."""
    process = command(up, *words)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, err) == (0, b"")
    return out.decode()


def test_an_answer_is_whole_though_its_ingress_is_killed_in_its_middle(simulated: Up) -> None:
    question = "Who holds the token?"
    process = command(simulated, "submit", "--wait", question)
    assert process.stdout is not None
    begun = process.stdout.read(30)
    assert begun
    (ingress,) = simulated.by_role()["ingress"]
    ingress.kill()
    rest, err = process.communicate(timeout=DEADLINE_S)

    assert (process.returncode, err) == (0, b"")
    assert (begun + rest).decode() == expected(question) + "\n"
    (job,) = [json.loads(line) for line in said_by(simulated, "jobs", "list", "--limit", "1", "--json").splitlines()]
    assert (job["state"], ingress.is_running()) == ("completed", False)


def test_who_leaves_goes_on_by_the_command_that_is_told(simulated: Up) -> None:
    question = "Who leaves?"
    process = command(simulated, "submit", "--wait", question)
    assert process.stdout is not None
    begun = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=DEADLINE_S)
    (how,) = [line for line in err.decode().splitlines() if "penstock jobs events" in line]
    later = said_by(simulated, *how.partition("penstock ")[2].split())

    assert process.returncode == 128 + signal.SIGINT
    assert (begun + rest).decode() + later == expected(question) + "\n"


def test_what_was_done_is_counted_and_what_is_there_is_shown(simulated: Up) -> None:
    job_id = said_by(simulated, "submit", "--class", "batch", "Count me.").strip()
    said_by(simulated, "jobs", "events", job_id)

    def is_counted() -> bool:
        rows = [json.loads(line) for line in said_by(simulated, "usage", "--group-by", "class", "--json").splitlines()]
        return any(row["class"] == "batch" and row["completed"] == 1 for row in rows)

    assert eventually(is_counted)
    (pool,) = [json.loads(line) for line in said_by(simulated, "top", "--json").splitlines()]
    assert (pool["id"], pool["serves"], len(pool["workers"])) == ("sim", True, 2)
    assert said_by(simulated, "jobs", "purge", job_id).split() == [job_id, "erased"]


def test_a_screen_shows_workers_until_ctrl_c(simulated: Up) -> None:
    # The first look, and one after it.
    process, shown = screen_until(simulated, lambda shown: shown.count(b"simulated 1") >= 4)

    assert process.returncode == 0
    assert shown.count(b"Tokens/s") >= 4
    assert shown.rstrip().endswith(b"\x1b[?1049l")
    assert not family(process.pid)


def test_a_screen_shows_batches_that_have_not_ended(simulated: Up, tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    # More than its workers have slots for, and each takes long.
    requests.write_bytes(encoded([chat_line(f"{number}", max_tokens=2000) for number in range(300)]))
    batch = said_by(simulated, "batch", "submit", str(requests)).strip()
    process, _ = screen_until(
        simulated, lambda shown: batch.encode() in shown and b"in_progress" in shown and b"/300" in shown
    )

    assert process.returncode == 0
    assert said_by(simulated, "batch", "cancel", batch).split() == [batch, "cancelling"]


def screen_until(up: Up, is_enough: Callable[[bytes], bool]) -> tuple[subprocess.Popen[bytes], bytes]:
    """What `penstock top` shows on a terminal until that is enough and Ctrl-C has ended it; and its process."""
    ours, its = os.openpty()
    environ = {**os.environ, "PENSTOCK_URL": up.url, "TERM": "xterm-256color", "COLUMNS": "150", "LINES": "40"}
    with subprocess.Popen([*PENSTOCK, "top"], env=environ, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        shown = b""
        while not is_enough(shown):
            shown += os.read(ours, 65_536)
        process.send_signal(signal.SIGINT)
        while part := read(ours):
            shown += part
    os.close(ours)
    return process, shown


def read(descriptor: int) -> bytes:
    """What is there; nothing once the other end is closed."""
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""
