"""A run whose server, or whose disk, goes away in its middle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from penstock.batches.batch import BatchStatus
from penstock.cli.batch_input.terms import Terms
from penstock.cli.batch_run import run as running
from penstock.cli.batch_run.run import RunFailedError, run
from penstock.cli.batch_run.wanted import Wanted
from penstock.cli.remote.failures import ServerAwayError, ServerError
from penstock.cli.remote.patience import Patience

URL = "http://a"
ID = "batch_sim-1"
AWAY = ServerAwayError(f"No server answers at {URL} (Connection refused): start one.")


def batch(status: BatchStatus) -> dict[str, Any]:
    counts = {"total": 1, "completed": 0, "failed": 0}
    return {
        "id": ID,
        "input_file_id": "file-1",
        "status": status,
        "request_counts": counts,
        "usage": None,
        "errors": None,
    }


class Server:
    """Takes a file, and has answers for each look at the batch, or errors."""

    url = URL

    def __init__(self, looks: Callable[[], dict[str, Any]]) -> None:
        self._looks = looks
        self.is_away = False

    def get(self, path: str) -> Any:
        return {"data": [{"id": "sim"}]} if path == "/v1/models" else self._looks()

    def ask(self, _method: str, path: str, **_asked: Any) -> dict[str, Any]:
        if self.is_away:
            raise AWAY
        return {"id": "file-1" if path == "/v1/files" else ID}


class Host:
    """A server of somebody else; seconds pass where it is waited for."""

    options = ("--url", URL)
    accepts_late = False
    window = "24h"
    keeps_results = True
    notice = address = ""

    def __init__(self, looks: Callable[[], dict[str, Any]]) -> None:
        self.server = Server(looks)
        self.now_s = 0.0
        self.patience = Patience(now=lambda: self.now_s, sleep=self._sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def models(self) -> list[str]:
        return ["sim"]

    def waits_for(self, _pool: str) -> str:
        return ""

    def kept(self, batch: str) -> str:
        return f"{batch} is kept."

    def forget(self) -> None:
        pass

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_sleep", lambda _: None)


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    (tmp_path / "in.txt").write_text("What?\n")
    (tmp_path / "out").mkdir()
    output = tmp_path / "out" / "results.jsonl"
    return Wanted(
        input=str(tmp_path / "in.txt"), output=output, terms=Terms(), window=None, is_ordered=False, is_quiet=False
    )


def ran(wanted: Wanted, host: Any) -> str:
    """Why it failed."""
    with pytest.raises((RunFailedError, ServerError)) as raised:
        run(wanted, host)
    return str(raised.value)


def test_a_server_that_goes_away_is_said_to_be_away_once_and_the_batch_to_be_kept(
    wanted: Wanted, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = iter([batch(BatchStatus.IN_PROGRESS)])

    def look() -> dict[str, Any]:
        try:
            return next(looks)
        except StopIteration:
            raise AWAY from None

    assert ran(wanted, Host(look)) == f"No server answers at {URL}. {ID} is kept."
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == ["0/1 lines", f"No server answers at {URL}. Trying again for 60 s at most."]
    assert wanted.state.exists()


def test_a_server_that_is_back_is_said_to_be_back(wanted: Wanted, capsys: pytest.CaptureFixture[str]) -> None:
    def look() -> dict[str, Any]:
        if host.now_s < 5:
            raise AWAY
        return batch(BatchStatus.FAILED)

    host = Host(look)
    ran(wanted, host)
    assert capsys.readouterr().out.splitlines()[-2:] == ["The server answers again.", "0/1 lines"]


def test_a_server_that_is_not_there_leaves_nothing_of_the_run(wanted: Wanted) -> None:
    host = Host(lambda: batch(BatchStatus.FAILED))
    host.server.is_away = True
    assert ran(wanted, host) == str(AWAY)
    assert not any(wanted.output.parent.iterdir())


def test_a_folder_that_is_gone_is_told_with_the_way_to_the_results(wanted: Wanted) -> None:
    def look() -> dict[str, Any]:
        shutil.rmtree(wanted.output.parent)
        return {**batch(BatchStatus.COMPLETED), "output_file_id": None, "error_file_id": None}

    assert ran(wanted, Host(look)) == (
        f"--output: {wanted.output}: No such file or directory. The results of batch {ID}: penstock batch download "
        f"{ID} --url {URL}"
    )
