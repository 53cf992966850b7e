"""The judge has to be able to find fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.frames import End, Generated, Result
from penstock.job import Job, State
from penstock.job_class import JobClass
from penstock.request import Api
from tests.chaos.judge import Verdict, Wrong, compare, judge
from tests.chaos.ledger import Complaint, Ending, Entry, Fate, Ledger, Reading
from tests.chaos.orders import Order, OrderBook
from tests.chaos.outages import Outage

TEXT = "The quick brown fox jumps over the lazy dog, and then it goes home to sleep."
MARK = "order 1.7;"


def _entry(**changes: Any) -> Entry:
    order = Order(7, "sim", MARK, Api.CHAT, {}, TEXT, [1, 2])
    fields: dict[str, Any] = {"order": order, "kind": "resumes", "insists": True, "job": "sim-7", "acknowledged_s": 9.5}
    entry = Entry(**{**fields, **changes})
    if entry.insists:
        entry.read("stream", TEXT, is_whole=True)
    return entry


def _job(**changes: Any) -> Job:
    job = Job(
        id="sim-7",
        state=State.COMPLETED,
        api=Api.CHAT,
        is_engine_written=False,
        body=f'{{"prompt": "{MARK} word"}}'.encode(),
        request=b"",
        model="sim",
        job_class=JobClass.STANDARD,
        tenant="default",
        key="",
        metadata="",
        webhook="",
        digest="",
        lane="",
        entry="",
        listeners="",
        is_kept=False,
        is_stored=True,
        trace="",
        batch="",
        fence=1,
        evidence=b"",
        losses=0,
        worker="w.1",
        assignments=(),
        cancel_requested=False,
        created_ms=0,
        deadline_ms=0,
        assigned_ms=0,
        started_ms=0,
        first_token_ms=0,
        finished_ms=0,
        result_ttl_ms=0,
        run_timeout_ms=0,
        prefix=Generated([], []),
        result=Result(End("completed", "stop"), Generated([1, 2], [TEXT[:10], TEXT[10:]])),
    )
    return replace(job, **changes)


def _verdict(entry: Entry, *jobs: Job) -> Verdict:
    return judge(Ledger([entry]), jobs)


def _faults(entry: Entry, *jobs: Job) -> list[Wrong]:
    return [violation.wrong for violation in _verdict(entry, *jobs).violations]


@pytest.mark.parametrize("at", [0, 5, len(TEXT)])
def test_a_text_or_its_beginning_is_right(at: int) -> None:
    assert compare(TEXT, TEXT[:at], is_whole=False) is None
    assert compare(TEXT, TEXT, is_whole=True) is None


@pytest.mark.parametrize(
    ("got", "wrong"),
    [
        (TEXT[:30], Wrong.LOST),
        (TEXT[:20] + TEXT[24:], Wrong.LOST),
        (TEXT[:30] + TEXT[20:], Wrong.REPEATED),
        (TEXT + TEXT[-15:], Wrong.REPEATED),
        (TEXT[:30] + "something else entirely", Wrong.CHANGED),
    ],
)
def test_a_wrong_text_is_told_by_what_is_wrong_with_it(got: str, wrong: Wrong) -> None:
    assert compare(TEXT, got, is_whole=True) is wrong


def test_an_order_that_was_served_once_is_right() -> None:
    verdict = _verdict(_entry(), _job())
    assert verdict.violations == []
    assert verdict.states == {"completed": 1}


def test_an_acknowledged_job_that_is_gone_is_lost() -> None:
    assert _faults(_entry()) == [Wrong.LOST]


def test_a_job_that_never_ends_is_lost() -> None:
    assert Wrong.LOST in _faults(_entry(), _job(state=State.RUNNING, result=None))


def test_a_client_that_never_got_its_answer_has_lost_it() -> None:
    entry = _entry()
    entry.readings.clear()
    assert _faults(entry, _job()) == [Wrong.LOST]


def test_two_jobs_of_one_order_are_a_repeat() -> None:
    assert _faults(_entry(), _job(), _job(id="sim-8")) == [Wrong.REPEATED]


def test_a_refused_order_may_leave_no_job() -> None:
    entry = _entry(job=None, insists=False)
    assert entry.fate is Fate.REFUSED
    assert _faults(entry) == []
    assert _faults(entry, _job()) == [Wrong.CHANGED]


def test_an_unknown_order_may_be_a_job_or_none() -> None:
    entry = _entry(job=None, insists=False, unanswered=1)
    assert entry.fate is Fate.UNKNOWN
    assert _faults(entry) == []
    verdict = _verdict(entry, _job())
    assert (verdict.violations, verdict.found) == ([], 1)


def test_nobody_may_cancel_a_job_but_its_client() -> None:
    cancelled = _job(state=State.CANCELLED, result=Result(End("cancelled"), Generated([1], [TEXT[:10]])))
    assert _faults(_entry(insists=False, may_be_cancelled=True), cancelled) == []
    assert _faults(_entry(insists=False), cancelled) == [Wrong.CHANGED]


def test_a_job_ends_once() -> None:
    assert _faults(_entry(ends=[Ending("completed", 0.0), Ending("failed", 0.0)]), _job()) == [Wrong.CHANGED]


def test_a_kept_result_must_be_right_too() -> None:
    wrong = Result(End("completed"), Generated([1, 3], [TEXT[:10], TEXT[10:]]))
    assert _faults(_entry(), _job(result=wrong)) == [Wrong.CHANGED]


@pytest.mark.parametrize(
    ("outage", "is_allowed"),
    [
        (Outage(["sim"], 10.0, 13.0, is_failover=True), True),
        (Outage(["sim"], 9.0, 13.0, is_failover=True), True),
        (Outage(["sim"], 11.0, 13.0, is_failover=True), False),
        (Outage(["sim"], 5.0, 9.0, is_failover=True), False),
        (Outage(["side"], 10.0, 13.0, is_failover=True), False),
        (Outage(["sim"], 10.0, 13.0, is_failover=False), False),
    ],
    ids=["just before", "in it", "long before", "after it", "another pool's", "its files came back"],
)
def test_a_failover_may_cost_what_was_acknowledged_just_before_it(outage: Outage, *, is_allowed: bool) -> None:
    gone = _entry(acknowledged_s=9.5)
    undone = _entry(ends=[Ending("cancelled", 9.5)])
    unknown = _entry()
    unknown.disown("404")
    unknown.acknowledge("sim-7")
    for entry, jobs in ((gone, []), (undone, [_job()]), (unknown, [_job()])):
        verdict = judge(Ledger([entry]), jobs, [outage])
        assert (len(verdict.allowed), len(verdict.violations)) == ((1, 0) if is_allowed else (0, 1))


@pytest.mark.parametrize(
    ("entry", "job"),
    [
        (_entry(), _job(state=State.RUNNING, result=None)),
        (_entry(complaints=[Complaint("failed")]), _job()),
        (_entry(readings=[Reading("stream", TEXT + TEXT, is_whole=True, read_s=9.5)]), _job()),
    ],
    ids=["never ends", "failed", "repeated"],
)
def test_a_failover_excuses_nothing_else(entry: Entry, job: Job) -> None:
    verdict = judge(Ledger([entry]), [job], [Outage(["sim"], 10.0, 13.0, is_failover=True)])
    assert verdict.allowed == []
    assert verdict.violations


def test_a_job_that_nobody_ordered_is_a_change() -> None:
    verdict = judge(Ledger([]), [_job()])
    assert [violation.wrong for violation in verdict.violations] == [Wrong.CHANGED]


def test_a_seed_draws_the_same_orders_again() -> None:
    first, second = (OrderBook(7, {}, ["sim", "side"]) for _ in range(2))
    assert [first.next() for _ in range(20)] == [second.next() for _ in range(20)]


def test_a_job_was_written_soon_after_it_was_submitted_however_late_its_client_hears_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = _entry(acknowledged_s=None, job=None)
    monkeypatch.setattr("time.monotonic", lambda: 33.2)
    entry.submit("http://ingress")
    monkeypatch.setattr("time.monotonic", lambda: 36.8)
    entry.acknowledge("sim-7")
    assert entry.acknowledged_s == 35.2
