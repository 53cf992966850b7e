"""The judge: compares the ledger with what Redis holds in the end, and with what the engine must have generated.

What a failover may cost is told apart: a write that the dead master acknowledged so late that its replica may not have
got it.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from penstock.frames import Result
from penstock.job import Job, State
from tests.chaos.ledger import Entry, Fate, Ledger
from tests.chaos.outages import Outage, losing_outage

#: So many characters tell one place of a text from the others.
_TELLING = 10
#: How far back a repeat may begin.
_NEAR = 400


class Wrong(enum.StrEnum):
    """What must not happen."""

    #: Something that was acknowledged or generated is missing.
    LOST = "lost"
    #: Something is there twice.
    REPEATED = "repeated"
    #: Something is not what it must be.
    CHANGED = "changed"
    #: Something is kept that nobody will ever need or clear away.
    LEFT = "left"
    #: A pool did not serve again in time although its server was back.
    STUCK = "stuck"
    #: An end was accounted for never, or twice.
    MISCOUNTED = "miscounted"
    #: A process met something that its authors had not thought of.
    CRASHED = "crashed"


@dataclass(frozen=True)
class Violation:
    """One thing that happened and must not."""

    wrong: Wrong
    what: str
    entry: Entry | None = None
    #: When Redis acknowledged the write that must be gone for it to happen; None where no loss of one explains it.
    written_s: float | None = None


@dataclass(frozen=True)
class Allowed:
    """What would be a violation, had not a failover lost the write."""

    violation: Violation
    outage: Outage

    @property
    def before_death_s(self) -> float:
        """How long before the master's death it acknowledged the write, as far as its client knows."""
        assert self.violation.written_s is not None
        return self.outage.died_s - self.violation.written_s


@dataclass
class Verdict:
    """What the judge found."""

    violations: list[Violation] = field(default_factory=list)
    allowed: list[Allowed] = field(default_factory=list)
    #: Final states of all jobs.
    states: Counter[str] = field(default_factory=Counter)
    #: Orders of unknown fate that turned out to be jobs.
    found: int = 0

    def count(self, wrong: Wrong) -> int:
        """How often that happened."""
        return sum(violation.wrong is wrong for violation in self.violations)


def compare(expected: str, got: str, *, is_whole: bool) -> Wrong | None:
    """What is wrong with a text that should be all of `expected`, or its beginning."""
    if got == expected or (not is_whole and expected.startswith(got)):
        return None
    same = next(
        (at for at, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got))
    )
    rest = got[same : same + _TELLING]
    if not rest:
        return Wrong.LOST
    if rest in expected[max(same - _NEAR, 0) : same + len(rest) - 1]:
        return Wrong.REPEATED
    return Wrong.LOST if rest in expected[same:] else Wrong.CHANGED


def judge(ledger: Ledger, jobs: Iterable[Job], outages: Sequence[Outage] = ()) -> Verdict:
    """The verdict on a run whose jobs have all had the time to end."""
    verdict = Verdict()
    jobs_of = _by_mark(jobs)
    for entry in ledger.entries:
        own = jobs_of.pop(entry.order.mark, [])
        verdict.states.update(job.state.value for job in own)
        verdict.found += bool(own) and entry.fate is Fate.UNKNOWN
        for violation in _of_entry(entry, own):
            outage = _excuse(violation, entry, outages)
            if outage is None:
                verdict.violations.append(violation)
            else:
                verdict.allowed.append(Allowed(violation, outage))
    for mark, strangers in jobs_of.items():
        verdict.violations.append(Violation(Wrong.CHANGED, f"nobody ordered {mark!r}: {strangers[0].id}"))
    return verdict


def _excuse(violation: Violation, entry: Entry, outages: Sequence[Outage]) -> Outage | None:
    if violation.written_s is None:
        return None
    return losing_outage(outages, entry.order.pool, violation.written_s)


def _of_entry(entry: Entry, jobs: Sequence[Job]) -> Iterable[Violation]:
    if len(jobs) > 1:
        ids = ", ".join(job.id for job in jobs)
        yield Violation(Wrong.REPEATED, f"one order became {len(jobs)} jobs: {ids}", entry)
    if entry.fate is Fate.REFUSED and jobs:
        yield Violation(Wrong.CHANGED, f"refused, and yet there is {jobs[0].id}", entry)
    # Who was told that his job is gone has complained already.
    is_awaited = entry.fate is Fate.ACKNOWLEDGED and entry.acknowledged_s is not None
    if is_awaited and entry.job not in {job.id for job in jobs}:
        yield Violation(Wrong.LOST, f"{entry.job} was acknowledged and is gone", entry, entry.acknowledged_s)
    if entry.insists and not entry.is_served:
        yield Violation(Wrong.LOST, "the client never got the whole answer", entry)
    for complaint in entry.complaints:
        yield Violation(Wrong.CHANGED, complaint.what, entry, complaint.written_s)
    for reading in entry.readings:
        wrong = compare(entry.order.text, reading.text, is_whole=reading.is_whole)
        if wrong is not None:
            yield Violation(wrong, f"{reading.source} read {_difference(entry.order.text, reading.text)}", entry)
    for job in jobs:
        yield from _of_job(entry, job)


def _of_job(entry: Entry, job: Job) -> Iterable[Violation]:
    allowed = {State.COMPLETED, State.CANCELLED} if entry.may_be_cancelled else {State.COMPLETED}
    if not job.state.terminal:
        yield Violation(Wrong.LOST, f"{job.id} never ended: it is {job.state}", entry)
    elif job.state not in allowed:
        yield Violation(Wrong.CHANGED, f"{job.id} is {job.state}: {job.result and job.result.end.failure}", entry)
    for end in entry.ends:
        if end.state != job.state:
            yield Violation(Wrong.CHANGED, f"{job.id} is {job.state} and was seen {end.state}", entry, end.seen_s)
    if entry.is_served and job.state is not State.COMPLETED:
        what = f"{job.id} is {job.state} although its whole answer was read"
        yield Violation(Wrong.CHANGED, what, entry, entry.served_s)
    if job.result is not None:
        yield from _of_result(entry, job, job.result)


def _of_result(entry: Entry, job: Job, result: Result) -> Iterable[Violation]:
    text, is_whole = "".join(result.generated.pieces), job.state is State.COMPLETED
    wrong = compare(entry.order.text, text, is_whole=is_whole)
    if wrong is not None:
        yield Violation(wrong, f"{job.id} keeps {_difference(entry.order.text, text)}", entry)
    tokens, expected = result.generated.tokens, entry.order.tokens
    if tokens != expected[: len(tokens)]:
        yield Violation(Wrong.CHANGED, f"{job.id} keeps other tokens than the engine generates", entry)


def _by_mark(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    found: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        mark = job.body.decode().partition("order ")[2].partition(";")[0]
        found[f"order {mark};"].append(job)
    return found


def _difference(expected: str, got: str) -> str:
    same = next(
        (at for at, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got))
    )
    start = max(same - 20, 0)
    return (
        f"{len(got)} characters where there are {len(expected)}; from {start} on "
        f"{got[start : same + 40]!r} instead of {expected[start : same + 40]!r}"
    )
