"""The way out of a worker: one round trip at a time, nothing left out, nothing sent twice, no error swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from penstock.broker.client import Broker
from penstock.broker.script import Call
from penstock.errors import BrokerDataError
from penstock.frames import Delta, decode_frame
from penstock.job import State
from penstock.request import Sampling
from penstock.text.sim_tokenizer import WORD_IDS, SimulatedTokenizer
from tests.unit.workers.runs import a_run
from workers.emitter import Emitter
from workers.engine.base import Finish, Output
from workers.job.answer import PlainAnswer
from workers.job.run import Run

CHANNEL = "penstock:ingress:a"


class FakeBroker:
    """A Redis whose replies come when the test says so."""

    def __init__(self) -> None:
        self.is_connected = True
        #: Round trips begun, and those insisted on.
        self.begun: list[Sequence[Call[Any]]] = []
        self.insisted: list[Sequence[Call[Any]]] = []
        #: Scripts whose calls fail at the next try.
        self.refused: list[str] = []
        self._trouble = BrokerDataError("It is of another type.")
        self._landed: Callable[[list[Any] | None], None] | None = None

    def begin(self, calls: Sequence[Call[Any]], landed: Callable[[list[Any] | None], None]) -> bool:
        assert self._landed is None, "two round trips at a time"
        if self.is_connected:
            self.begun.append(calls)
            self._landed = landed
        return self.is_connected

    async def run_each(self, calls: Sequence[Call[Any]]) -> list[Any]:
        self.insisted.append(calls)
        refused, self.refused = self.refused, []
        return [self._trouble if call.script.name in refused else "9-0" for call in calls]

    def land(self, *replies: str) -> None:
        """The reply to the round trip under way; none: it is lost."""
        landed, self._landed = self._landed, None
        assert landed is not None
        landed(list(replies) or None)

    @property
    def sent(self) -> list[Delta]:
        """All tokens that were sent, in order."""
        calls = [call for trip in self.begun for call in trip if call.script.name == "emit"]
        return [delta for call in calls for delta in decode_frame(cast("bytes", call.args[3])).every()]


class Out:
    """An emitter, and what it told of."""

    def __init__(self) -> None:
        self.broker = FakeBroker()
        self.closed: list[tuple[str, str]] = []
        self.fenced = 0
        self.emitter = Emitter(
            cast("Broker", self.broker),
            "sim",
            "w.1",
            queue_timeout_ms=1000,
            on_closed=lambda run, reply: self.closed.append((run.job, reply)),
            on_fenced=self._fence,
        )

    def _fence(self) -> None:
        self.fenced += 1

    def listened(self, job: str) -> Run:
        """A run that an ingress waits for."""
        run = a_run(job, listeners=f"s:{CHANNEL}")
        run.answer = PlainAnswer(SimulatedTokenizer(), Sampling(), [])
        self.emitter.open(run)
        return run

    def step(self, *runs: Run, finish: Finish | None = None) -> None:
        """Each run gets a token."""
        for run in runs:
            run.take(Output(run.id, [WORD_IDS[len(run.tokens)]], finish))
        self.emitter.send()


def _heard(trip: Sequence[Call[Any]], channel: str) -> set[tuple[str, int]]:
    """Job and offset of all that a round trip sends to a channel."""
    (call,) = [call for call in trip if call.script.name == "emit"]
    count = cast("int", call.args[1])
    frames, sends = call.args[3 : 3 + count], call.args[3 + count :]
    indices = [cast("int", index) for to, index in zip(sends[::2], sends[1::2], strict=True) if to == channel]
    deltas = [delta for index in indices for delta in decode_frame(cast("bytes", frames[index - 1])).every()]
    return {(delta.job, delta.offset + at) for delta in deltas for at in range(len(delta.tokens))}


async def test_steps_gather_while_a_round_trip_is_under_way() -> None:
    out = Out()
    first, second = out.listened("first"), out.listened("second")
    out.step(first, second)
    out.step(first)
    out.step(first, second)
    assert len(out.broker.begun) == 1
    out.broker.land("1-0")
    assert len(out.broker.begun) == 2
    assert [(delta.job, delta.offset, delta.tokens) for delta in out.broker.sent] == [
        ("first", 0, [WORD_IDS[0]]),
        ("second", 0, [WORD_IDS[0]]),
        ("first", 1, [WORD_IDS[1], WORD_IDS[2]]),
        ("second", 1, [WORD_IDS[1]]),
    ]


async def test_a_listener_that_joins_gets_what_was_before_and_all_that_comes() -> None:
    out = Out()
    run, other = out.listened("one"), out.listened("other")
    out.step(run, other)
    out.step(run, other)
    run.attach(f"s:{CHANNEL}.late")
    out.emitter.attach(run, f"{CHANNEL}.late", 0)
    out.step(run, other)
    out.broker.land("1-0")
    assert _heard(out.broker.begun[1], CHANNEL) == {("one", 1), ("other", 1), ("one", 2), ("other", 2)}
    assert _heard(out.broker.begun[1], f"{CHANNEL}.late") == {("one", 0), ("one", 1), ("one", 2)}


async def test_where_nobody_listens_any_more_nothing_is_kept() -> None:
    out = Out()
    for number in range(3):
        run = a_run(f"job-{number}", listeners=f"s:{number}")
        out.emitter.open(run)
        out.emitter.end(run, run.ending(State.CANCELLED))
        out.emitter.send()
        out.broker.land("finished")
    assert len(out.emitter._rows) == 1


async def test_the_last_tokens_go_with_the_end_and_only_with_it() -> None:
    out = Out()
    run = out.listened("one")
    out.step(run)
    out.broker.land("1-0")
    run.take(Output(run.id, [WORD_IDS[1]], Finish.LENGTH))
    out.emitter.end(run, run.completion)
    out.emitter.send()
    assert [call.script.name for call in out.broker.begun[1]] == ["finish"]
    (last,) = decode_frame(cast("bytes", out.broker.begun[1][0].args[-1])).every()
    assert (last.offset, last.tokens, last.end) == (1, [WORD_IDS[1]], run.end)
    out.broker.land("finished")
    assert out.closed == [("one", "finished")]


async def test_what_happens_outside_a_step_is_written_together_and_soon() -> None:
    out = Out()
    runs = [out.listened("first"), out.listened("second")]
    for run in runs:
        out.emitter.hand_back(run)
    assert out.broker.begun == []
    await asyncio.sleep(0)
    assert [len(trip) for trip in out.broker.begun] == [2]


@pytest.mark.parametrize("is_connected", [True, False])
async def test_what_could_not_be_written_is_insisted_on(*, is_connected: bool) -> None:
    out = Out()
    run = out.listened("one")
    out.broker.is_connected = is_connected
    insisting = asyncio.create_task(out.emitter.run())
    out.step(run)
    if is_connected:
        out.broker.land()
    await asyncio.sleep(0)
    await out.emitter.flush()
    assert [call.script.name for call in out.broker.insisted[0]] == ["emit"]
    assert not is_connected or out.broker.insisted == out.broker.begun
    out.emitter.stop()
    await insisting


async def test_fenced_it_writes_nothing_more() -> None:
    out = Out()
    run = out.listened("one")
    out.step(run)
    out.step(run)
    out.broker.land("fenced")
    out.step(run)
    await out.emitter.flush()
    await out.emitter.run()
    assert (out.fenced, len(out.broker.begun)) == (1, 1)


async def test_an_error_ends_run_and_with_it_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Out()
    run = out.listened("one")
    monkeypatch.setattr("workers.emitter.encode_frame", lambda *_: 1 / 0)
    out.step(run)
    with pytest.raises(ZeroDivisionError):
        await out.emitter.run()
    await out.emitter.flush()
    assert out.broker.begun == []


async def test_an_error_over_a_reply_does_the_same() -> None:
    out = Out()
    run = out.listened("one")
    out.emitter.end(run, run.ending(State.COMPLETED))
    out.emitter.send()
    out.closed = cast("list[tuple[str, str]]", None)
    out.broker.land("finished")
    with pytest.raises(AttributeError):
        await out.emitter.run()


async def test_what_is_refused_is_tried_again_with_all_that_follows_it() -> None:
    out = Out()
    out.broker.is_connected = False
    out.broker.refused = ["finish"]
    insisting = asyncio.create_task(out.emitter.run())
    first, second = out.listened("first"), out.listened("second")
    for run in (first, second):
        run.answer = PlainAnswer(SimulatedTokenizer(), Sampling(), [])
        out.emitter.end(run, run.ending(State.CANCELLED))
    out.step(first)
    await out.emitter.flush()
    out.emitter.stop()
    await insisting
    names = [[call.script.name for call in trip] for trip in out.broker.insisted]
    assert names == [["emit", "finish", "finish"], ["finish", "finish"]]
    assert out.closed == [("first", "9-0"), ("second", "9-0")]


async def test_a_journal_is_cleared_when_no_job_needs_it_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.emitter.CLEAR_AFTER_S", 0)
    out = Out()
    first, second = out.listened("first"), out.listened("second")
    out.step(first, second)
    out.broker.land("1-0")
    await _end(out, first)
    await asyncio.sleep(0)
    assert len(out.broker.begun) == 2
    await _end(out, second)
    while len(out.broker.begun) == 3:
        await asyncio.sleep(0)
    ((call,),) = out.broker.begun[3:]
    assert (call.script.name, call.args) == ("clear_journal", ("1-0",))
    # What comes meanwhile goes out after it.
    third = out.listened("third")
    out.step(third)
    out.broker.land("cleared")
    assert [call.script.name for call in out.broker.begun[4]] == ["emit"]


async def _end(out: Out, run: Run) -> None:
    """End a run, and have Redis take it."""
    trips = len(out.broker.begun)
    out.emitter.end(run, run.ending(State.COMPLETED))
    while len(out.broker.begun) == trips:
        await asyncio.sleep(0)
    out.broker.land("finished")
