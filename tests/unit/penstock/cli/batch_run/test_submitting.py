from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from penstock.cli.batch_run import submitting
from penstock.cli.batch_run.state import RunState, StateFile, locked
from penstock.cli.remote.failures import ConnectionLostError
from penstock.cli.remote.patience import Patience

NEW = RunState(input="d", options={}, host=["--url", "http://a"], token="key")


class DiedError(BaseException):
    """The process is killed."""


class Steps:
    """Counts what is done; the process dies before the one of that number."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.count = 0
        self._dies_at = dies_at

    def take(self) -> None:
        self.count += 1
        if self.count == self._dies_at:
            raise DiedError


class Server:
    """Keeps files and batches, a batch for each key."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, str] = {}
        self.steps = Steps()
        self.loses_answers = 0

    def ask(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        self.steps.take()
        made = self._file(asked["content"]) if path == "/v1/files" else self._batch(asked)
        # The server has done it, and nobody hears of it.
        self.steps.take()
        if self.loses_answers:
            self.loses_answers -= 1
            raise ConnectionLostError("lost")
        return {"id": made}

    def _file(self, content: Any) -> str:
        made = f"file-{len(self.files)}"
        self.files[made] = b"".join(content.parts)
        assert len(self.files[made]) == content.bytes
        return made

    def _batch(self, asked: dict[str, Any]) -> str:
        assert asked["body"]["input_file_id"] in self.files
        return self.batches.setdefault(asked["headers"]["idempotency-key"], f"batch-{len(self.batches)}")


class DyingStateFile:
    """A state file whose process may die before it is written, and after."""

    def __init__(self, file: StateFile, steps: Steps) -> None:
        self._file = file
        self._steps = steps

    def write(self, state: RunState) -> None:
        self._steps.take()
        self._file.write(state)
        self._steps.take()


def submitted(server: Server, path: Path, requests: Path, steps: Steps) -> RunState:
    """One attempt, by a process that may die in its middle."""
    server.steps = steps
    host: Any = SimpleNamespace(server=server, patience=Patience(sleep=lambda _: None), accepts_late=False)
    with locked(path) as file, requests.open("rb") as content:
        dying: Any = DyingStateFile(file, steps)
        state = file.read() or NEW
        if state.batch:
            return state
        return submitting.submit(host, dying, state, content, name="in.jsonl", endpoint="/v1/completions", window="24h")


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"a request\n" * 100_000)
    return path


def test_wherever_the_process_dies_there_is_one_batch_and_the_next_one_knows_it(tmp_path: Path, requests: Path) -> None:
    steps = Steps()
    submitted(Server(), tmp_path / "whole", requests, steps)
    assert steps.count == 10

    for dies_at in range(1, steps.count + 1):
        server, path = Server(), tmp_path / f"state-{dies_at}"
        with pytest.raises(DiedError):
            submitted(server, path, requests, Steps(dies_at))
        state = submitted(server, path, requests, Steps())

        assert list(server.batches.values()) == [state.batch]
        assert all(content.count(b"a request\n") == 100_000 for content in server.files.values())


def test_an_answer_that_is_lost_is_asked_for_again(tmp_path: Path, requests: Path) -> None:
    server = Server()
    server.loses_answers = 2
    state = submitted(server, tmp_path / "state", requests, Steps())
    server.loses_answers = 1

    assert (state.file, state.batch) == ("file-2", "batch-0")
    assert submitted(server, tmp_path / "state", requests, Steps()) == state


def test_requests_that_have_no_name_on_the_disk_are_sent_whole(tmp_path: Path) -> None:
    server = Server()
    host: Any = SimpleNamespace(server=server, patience=Patience(), accepts_late=False)
    with locked(tmp_path / "state") as file:
        content = (tmp_path / "in").open("w+b")
        with content:
            content.write(b"a request\n" * 1000)
            content.flush()
            submitting.submit(host, file, NEW, content, name="in.jsonl", endpoint="/v1/completions", window="24h")
    assert server.files["file-0"].count(b"a request\n") == 1000
