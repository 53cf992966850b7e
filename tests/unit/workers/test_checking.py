"""Jobs that one more loss would give up begin one after the other."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.workers.runs import claimed
from workers.checking import Checking
from workers.job.run import Run

MAX_LOSSES = 3


class Desk:
    """Looks at requests, and does nothing to them."""

    def __init__(self) -> None:
        self.checking = Checking(self._announced, MAX_LOSSES)
        #: What had been said each time, newest last.
        self.said: list[list[str]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def _announced(self) -> None:
        self.said.append(self.checking.jobs())

    def add(self, job: str, losses: int) -> Run:
        one = claimed(job, losses=losses)
        run = Run(one)
        self.tasks.append(asyncio.create_task(self.checking.begin(run)))
        self.checking.add(run, one, self.tasks[-1])
        return run


@pytest.fixture
async def desk() -> Desk:
    return Desk()


def has_first_token(run: Run) -> None:
    run.ttft_ms = 1
    assert run.on_first_token is not None
    run.on_first_token()


async def settled() -> None:
    """Every task has gone as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("losses", "max_losses", "is_suspect"),
    [(0, 3, False), (1, 3, False), (2, 3, True), (1, 2, True), (0, 2, False), (0, 1, False)],
)
def test_a_suspect_is_a_job_that_one_more_loss_gives_up(losses: int, max_losses: int, *, is_suspect: bool) -> None:
    async def announce() -> None: ...

    assert Checking(announce, max_losses).suspects(claimed(losses=losses)) is is_suspect


async def test_a_suspect_begins_when_the_one_before_has_its_first_token(desk: Desk) -> None:
    first, _ = desk.add("first", 2), desk.add("second", 2)
    await settled()
    assert desk.said == [["first"]]

    has_first_token(first)
    await settled()
    assert desk.said == [["first"], ["second"]]


async def test_a_suspect_begins_when_the_one_before_closes(desk: Desk) -> None:
    first, second, _ = desk.add("first", 2), desk.add("second", 2), desk.add("third", 2)
    await settled()

    # One that closes while it waits is passed over.
    desk.checking.drop(second)
    desk.checking.drop(first)
    await settled()
    assert desk.said == [["first"], ["third"]]
    assert desk.tasks[1].cancelled()


async def test_whoever_closes_as_its_turn_comes_passes_it_on(desk: Desk) -> None:
    first, second, _ = desk.add("first", 2), desk.add("second", 2), desk.add("third", 2)
    await settled()

    desk.checking.drop(first)
    desk.checking.drop(second)
    await settled()
    assert desk.said == [["first"], ["third"]]


async def test_others_do_not_wait_for_a_suspect(desk: Desk) -> None:
    desk.add("suspect", 2)
    desk.add("another", 1)
    await settled()
    assert desk.said == [["suspect"], ["suspect", "another"]]


async def test_a_suspect_that_closes_after_its_first_token_ends_no_turn_but_its_own(desk: Desk) -> None:
    first, _, _ = desk.add("first", 2), desk.add("second", 2), desk.add("third", 2)
    await settled()
    has_first_token(first)
    await settled()

    desk.checking.drop(first)
    await settled()
    assert desk.said == [["first"], ["second"]]
