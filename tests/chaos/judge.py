"""The judge: compares the ledger with what Redis holds in the end, and with what the engine must have generated."""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from penstock.job import Job, State
from tests.chaos.ledger import Entry, Fate, Ledger

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


@dataclass(frozen=True)
class Violation:
    """One thing that happened and must not."""

    wrong: Wrong
    what: str
    entry: Entry | None = None


@dataclass
class Verdict:
    """What the judge found."""

    violations: list[Violation] = field(default_factory=list)
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


def judge(ledger: Ledger, jobs: Iterable[Job]) -> Verdict:
    """The verdict on a run whose jobs have all had the time to end."""
    verdict = Verdict()
    jobs_of = _by_mark(jobs)
    for entry in ledger.entries:
        own = jobs_of.pop(entry.order.mark, [])
        verdict.states.update(job.state.value for job in own)
        verdict.found += bool(own) and entry.fate is Fate.UNKNOWN
        verdict.violations += [Violation(wrong, what, entry) for wrong, what in _of_entry(entry, own)]
    for mark, strangers in jobs_of.items():
        verdict.violations.append(Violation(Wrong.CHANGED, f"nobody ordered {mark!r}: {strangers[0].id}"))
    return verdict


def _of_entry(entry: Entry, jobs: Sequence[Job]) -> Iterable[tuple[Wrong, str]]:
    if len(jobs) > 1:
        yield Wrong.REPEATED, f"one order became {len(jobs)} jobs: {', '.join(job.id for job in jobs)}"
    if entry.fate is Fate.REFUSED and jobs:
        yield Wrong.CHANGED, f"refused, and yet there is {jobs[0].id}"
    if entry.fate is Fate.ACKNOWLEDGED and entry.job not in {job.id for job in jobs}:
        yield Wrong.LOST, f"{entry.job} was acknowledged and is gone"
    if entry.insists and not entry.is_served:
        yield Wrong.LOST, "the client never got the whole answer"
    yield from ((Wrong.CHANGED, complaint) for complaint in entry.complaints)
    for reading in entry.readings:
        wrong = compare(entry.order.text, reading.text, is_whole=reading.is_whole)
        if wrong is not None:
            yield wrong, f"{reading.source} read {_difference(entry.order.text, reading.text)}"
    for job in jobs:
        yield from _of_job(entry, job)


def _of_job(entry: Entry, job: Job) -> Iterable[tuple[Wrong, str]]:
    allowed = {State.COMPLETED, State.CANCELLED} if entry.may_be_cancelled else {State.COMPLETED}
    if not job.state.terminal:
        yield Wrong.LOST, f"{job.id} never ended: it is {job.state}"
    elif job.state not in allowed:
        yield Wrong.CHANGED, f"{job.id} is {job.state}: {job.result and job.result.end.failure}"
    if any(end != job.state for end in entry.ends):
        yield Wrong.CHANGED, f"{job.id} is {job.state} and was seen {', '.join(entry.ends)}"
    if entry.is_served and job.state is not State.COMPLETED:
        yield Wrong.CHANGED, f"{job.id} is {job.state} although its whole answer was read"
    if job.result is None:
        return
    text, is_whole = "".join(job.result.generated.pieces), job.state is State.COMPLETED
    wrong = compare(entry.order.text, text, is_whole=is_whole)
    if wrong is not None:
        yield wrong, f"{job.id} keeps {_difference(entry.order.text, text)}"
    tokens, expected = job.result.generated.tokens, entry.order.tokens
    if tokens != expected[: len(tokens)]:
        yield Wrong.CHANGED, f"{job.id} keeps other tokens than the engine generates"


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
