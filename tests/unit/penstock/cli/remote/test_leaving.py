from __future__ import annotations

import pytest

from penstock.cli.remote.answer import leaving
from penstock.cli.remote.following import Following, JobNotCompletedError, require_completed
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.server import Server

URL = "http://127.0.0.1:8000"


def following(after: str) -> Following:
    return Following(Server(URL), "sim-1", Patience(), after)


def test_who_leaves_is_told_how_to_go_on_and_how_to_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_URL", raising=False)
    assert leaving(following("17"), URL).splitlines() == [
        "Job sim-1 goes on.",
        "Its answer from here: penstock jobs events sim-1 --after 17",
        "To cancel it: penstock jobs cancel sim-1",
    ]


def test_an_address_that_is_not_the_default_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_URL", "http://there:1")
    assert "--url" not in leaving(following(""), "http://there:1")
    assert leaving(following(""), URL).count(f"--url {URL}") == 2
    assert "--after" not in leaving(following(""), URL)


def test_a_job_that_ended_without_an_answer_says_how_and_why() -> None:
    require_completed({"id": "sim-1", "state": "completed"})
    with pytest.raises(JobNotCompletedError, match="Job sim-1 is dead lettered: Its workers were lost"):
        require_completed({"id": "sim-1", "state": "dead_lettered", "error": {"message": "Its workers were lost."}})
    with pytest.raises(JobNotCompletedError, match="Job sim-1 is cancelled: nobody said why"):
        require_completed({"id": "sim-1", "state": "cancelled", "error": None})
