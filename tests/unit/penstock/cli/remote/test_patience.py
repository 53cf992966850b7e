from __future__ import annotations

import itertools

import pytest

from penstock.cli.remote.failures import ConnectionLostError, RefusedError, ServerAwayError, ServerError
from penstock.cli.remote.patience import GIVE_UP_S, Patience, pause_s


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept_s: list[float] = []

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def patience(clock: Clock, *, is_known: bool = True) -> Patience:
    return Patience(is_known=is_known, now=clock.now, sleep=clock.sleep)


def test_pauses_grow_up_to_two_seconds() -> None:
    assert [pause_s(failures, 0, None) for failures in (0, 1, 2, 10, 10_000)] == [0.1, 0.2, 0.4, 2.0, 2.0]


def test_the_server_says_when_to_come_back_within_bounds() -> None:
    assert pause_s(0, 0, 3) == 3
    assert pause_s(0, 0, 3600) == 10


def test_after_a_minute_of_failures_the_error_is_told(clock: Clock) -> None:
    waiting, error = patience(clock), ServerAwayError("away")
    with pytest.raises(ServerAwayError):
        list(map(waiting.wait, itertools.repeat(error)))

    assert GIVE_UP_S <= sum(clock.slept_s) < GIVE_UP_S + 5


def test_who_watches_is_told_once_of_what_is_not_over_at_once_and_of_its_end(clock: Clock) -> None:
    waiting, told = patience(clock), list[ServerError | None]()
    waiting.watch = told.append
    error = ServerAwayError("away")
    waiting.wait(error)
    waiting.heard()
    assert told == []

    for _ in range(10):
        waiting.wait(error)
    waiting.heard()
    waiting.heard()
    assert told == [error, None]


def test_whatever_comes_from_the_server_begins_the_minute_anew(clock: Clock) -> None:
    waiting = patience(clock)
    for _ in range(100):
        waiting.wait(ConnectionLostError("lost"))
        waiting.heard()

    assert clock.slept_s == [0.1] * 100


@pytest.mark.parametrize("error", [ServerAwayError("away"), RefusedError("full", may_pass=True)])
def test_a_server_that_never_answered_is_not_waited_for(clock: Clock, error: ServerError) -> None:
    with pytest.raises(type(error)):
        patience(clock, is_known=False).wait(error)


def test_a_request_whose_answer_was_lost_is_sent_again_though_the_server_is_away_then(clock: Clock) -> None:
    waiting = patience(clock, is_known=False)
    waiting.wait(ConnectionLostError("lost"))
    waiting.wait(ServerAwayError("away"))

    assert clock.slept_s == [0.1, 0.2]


def test_what_cannot_pass_is_told_at_once(clock: Clock) -> None:
    with pytest.raises(RefusedError):
        patience(clock).wait(RefusedError("There is no such job."))
