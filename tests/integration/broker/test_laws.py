"""Whatever is called, in whatever order, late or twice: the pool's streams, counts and records agree."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.exceptions import NoScriptError

from penstock.broker import holding, leading, ledger, mending, submission
from penstock.broker.keys import PoolKeys
from penstock.broker.script import Call
from penstock.broker.submission import OnlyIf
from penstock.frames import Generated
from penstock.job import REPLACEABLE, NewJob, State, first_fence, run_of
from penstock.job_class import JobClass
from penstock.ledger import Entry
from penstock.request import Api
from penstock.usage import counts
from tests.integration.broker.pool import LEADER, POOL, result, tokens
from tests.integration.broker.snapshot import Record, Snapshot, Taken, Waiting, look

T = TypeVar("T")

SLOTS = 2
TERMINAL = frozenset(state for state in State if state.terminal)
LIVING = frozenset(State) - TERMINAL
#: What a job's record says of its request and its answer.
CONTENT = frozenset(
    {
        b"body",
        b"digest",
        b"prefix",
        b"metadata",
        b"evidence",
        b"trace",
        b"key",
        b"listeners",
        b"purge",
        b"request",
        b"webhook",
    }
)
HELD = frozenset({State.ASSIGNED, State.RUNNING})

tokens_led_by = st.sampled_from([LEADER, LEADER, LEADER, "scheduler:0"])
names = st.sampled_from(["w", "x"])
readers = st.sampled_from(["background:1", "background:1", "background:2"])
any_index = st.integers(0, 10**6)


class PoolMachine(RuleBasedStateMachine):
    """Calls scripts with arguments that were right at some time, each twice, and compares all keys after it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._client = _connected(url)
        self._keys = PoolKeys(POOL)
        self._is_flagged = not self._client.info("server")["redis_version"].startswith("6.")
        self._jobs: list[str] = []
        self._instances: list[str] = []
        #: Entries as some scheduler, worker or reaper once read them.
        self._entries: list[Waiting] = []
        self._taken: list[Taken] = []
        #: By job and run.
        self._ended: dict[tuple[str, int], Record] = {}
        #: By job and run, as far as somebody asked for it after the end.
        self._purged: set[tuple[str, int]] = set()
        self._fences: Counter[str] = Counter()
        #: What anybody may have read of a job: its fence.
        self._read: list[tuple[str, int]] = []
        #: What some reader of the ledger once read: the cursor, and the entries behind it.
        self._pages: list[tuple[str, list[Entry]]] = []
        self._seen = look(self._client, self._keys, [], [])

    def teardown(self) -> None:
        self._client.close()

    @initialize()
    def begin(self) -> None:
        self._client.flushall()
        self._call(leading.lead(POOL, LEADER, 600_000))
        for name in ("w", "x"):
            self._register(name)

    # What may happen.

    @rule(
        job_class=st.sampled_from([JobClass.STANDARD, JobClass.BATCH]),
        size=st.integers(1, 50),
        queue_timeout_ms=st.sampled_from([0, 60_000]),
        has_prefix=st.booleans(),
    )
    def submit(self, job_class: JobClass, size: int, queue_timeout_ms: int, has_prefix: bool) -> None:  # noqa: FBT001
        job = _job(
            len(self._jobs),
            body=b"x" * size,
            job_class=job_class,
            queue_timeout_ms=queue_timeout_ms,
            prefix=b"\x92\x90\x90" if has_prefix else b"",
        )
        self._jobs.append(job.id)
        self._twice(submission.enqueue(job, max_jobs=3, max_bytes=100))

    @precondition(lambda self: self._read)
    @rule(at=any_index)
    def run_anew(self, at: int) -> None:
        job_id, fence = _pick(self._read, at)
        job = _job(self._jobs.index(job_id), fence=first_fence(run_of(fence) + 1))
        self._twice(submission.enqueue(job, max_jobs=3, max_bytes=100, replaces=fence))

    @precondition(lambda self: self._entries)
    @rule(at=any_index, where=any_index, token=tokens_led_by)
    def assign(self, at: int, where: int, token: str) -> None:
        entry = _pick(self._entries, at)
        call = leading.assign(POOL, token, entry.job, entry.lane, entry.entry, _pick(self._instances, where))
        self._twice(call)

    @precondition(lambda self: self._taken)
    @rule(at=any_index)
    def claim(self, at: int) -> None:
        taken = _pick(self._taken, at)
        self._twice(holding.claim(POOL, taken.instance, [taken.held]))

    @precondition(lambda self: self._taken)
    @rule(at=any_index, state=st.sampled_from([State.COMPLETED, State.FAILED, State.CANCELLED]))
    def finish(self, at: int, state: State) -> None:
        taken = _pick(self._taken, at)
        self._twice(holding.finish(POOL, taken.instance, taken.held, result(state, 1), ttft_ms=1, notices=[]))

    @precondition(lambda self: self._taken)
    @rule(at=any_index, count=st.integers(0, 3))
    def hand_back(self, at: int, count: int) -> None:
        taken = _pick(self._taken, at)
        call = holding.hand_back(POOL, taken.instance, taken.held, tokens(count), queue_timeout_ms=60_000)
        self._twice(call)

    @precondition(lambda self: self._taken)
    @rule(at=any_index)
    def checkpoint(self, at: int) -> None:
        taken = _pick(self._taken, at)
        self._twice(holding.checkpoint(POOL, taken.instance, taken.held, tokens(5)))

    @precondition(lambda self: self._taken)
    @rule(at=any_index, token=tokens_led_by, is_counted=st.booleans())
    def requeue(self, at: int, token: str, is_counted: bool) -> None:  # noqa: FBT001
        taken = _pick(self._taken, at)
        loss = leading.Loss(
            counted=is_counted,
            max_losses=2,
            evidence=b"{}",
            if_cancelled=result(State.CANCELLED),
            if_dead=result(State.DEAD_LETTERED),
        )
        call = leading.requeue(
            POOL,
            token,
            job_id=taken.held.job,
            fence=taken.held.fence,
            instance=taken.instance,
            entry=taken.held.entry,
            prefix=Generated([], []),
            queue_timeout_ms=60_000,
            loss=loss,
        )
        self._twice(call)

    @precondition(lambda self: self._entries)
    @rule(
        at=any_index,
        when=any_index,
        state=st.sampled_from([State.CANCELLED, State.EXPIRED]),
        only_if=st.sampled_from([None, *OnlyIf]),
    )
    def withdraw(self, at: int, when: int, state: State, only_if: OnlyIf | None) -> None:
        entry = _pick(self._entries, at)
        fence = _pick([fence for job, fence in self._read if job == entry.job], when)
        self._twice(submission.withdraw(POOL, entry.job, entry.lane, fence, state, result(state), [], only_if=only_if))

    @precondition(lambda self: self._read)
    @rule(at=any_index, where=any_index, only_if=st.sampled_from([None, OnlyIf.UNWANTED]))
    def request_cancel(self, at: int, where: int, only_if: OnlyIf | None) -> None:
        job, fence = _pick(self._read, at)
        self._twice(submission.request_cancel(POOL, job, _pick(self._instances, where), fence, only_if=only_if))

    @precondition(lambda self: self._jobs)
    @rule(at=any_index)
    def leave(self, at: int) -> None:
        self._twice(submission.leave(POOL, _pick(self._jobs, at), ["s:a", "f:a"]))

    @precondition(lambda self: self._jobs)
    @rule(at=any_index)
    def purge(self, at: int) -> None:
        job = _pick(self._jobs, at)
        if self._call(submission.purge(POOL, job, result(State.CANCELLED))) == "purged":
            # What is left of it is its end.
            run = _run(self._seen.records[job])
            self._purged.add((job, run))
        self._twice(submission.purge(POOL, job, result(State.CANCELLED)))

    @precondition(lambda self: self._jobs)
    @rule(at=any_index, where=any_index)
    def attach(self, at: int, where: int) -> None:
        self._twice(submission.attach(POOL, _pick(self._jobs, at), _pick(self._instances, where), "s:a", 0))

    @rule(where=any_index)
    def lose(self, where: int) -> None:
        self._twice(leading.declare_lost(POOL, _pick(self._instances, where), beat=None, why="it was killed"))

    @rule(where=any_index, state=st.sampled_from(["ready", "draining"]))
    def beat(self, where: int, state: str) -> None:
        self._twice(holding.beat(POOL, _pick(self._instances, where), state, {}))

    @rule(name=names)
    def register(self, name: str) -> None:
        self._register(name)

    @rule(where=any_index)
    def retire(self, where: int) -> None:
        instance = _pick(self._instances, where)
        self._twice(leading.retire(POOL, instance, instance.rpartition(".")[0]))

    @precondition(lambda self: self._entries)
    @rule(at=any_index, token=tokens_led_by)
    def restore(self, at: int, token: str) -> None:
        entry = _pick(self._entries, at)
        self._twice(mending.restore(POOL, token, entry.job, entry.lane, entry.entry))

    @precondition(lambda self: self._entries)
    @rule(at=any_index, token=tokens_led_by)
    def sweep_lane(self, at: int, token: str) -> None:
        entry = _pick(self._entries, at)
        self._twice(mending.sweep_lane(POOL, token, entry.lane, [(entry.job, entry.entry)]))

    @precondition(lambda self: self._taken)
    @rule(at=any_index, token=tokens_led_by)
    def sweep_inbox(self, at: int, token: str) -> None:
        taken = _pick(self._taken, at)
        self._twice(mending.sweep_inbox(POOL, token, taken.instance, [taken.held]))

    @precondition(lambda self: self._jobs)
    @rule(at=any_index, token=tokens_led_by)
    def unlist(self, at: int, token: str) -> None:
        self._twice(mending.unlist(POOL, token, _pick(self._jobs, at)))

    @rule(token=readers)
    def lead_ledger(self, token: str) -> None:
        self._twice(ledger.lead(POOL, token, 600_000))

    @precondition(lambda self: self._pages)
    @rule(at=any_index, token=readers, count=st.integers(1, 3))
    def apply_ledger(self, at: int, token: str, count: int) -> None:
        before, entries = _pick(self._pages, at)
        some = entries[:count]
        added = counts(some)
        self._twice(ledger.apply(POOL, token, before=before, last=some[-1].id, counts=added, keep_ms=600_000))

    # What must hold.

    @invariant()
    def each_end_is_counted_or_in_the_ledger_once(self) -> None:
        ends = Counter(record[b"state"].decode() for record in self._ended.values())
        entered = Counter(entry.state.value for entry in self._seen.ledger)
        used = Counter({state: self._seen.used[state] for state in State if self._seen.used[state]})
        assert entered + used == ends
        assert self._seen.used["jobs"] == used.total()
        waiting = {(entry.job, run_of(entry.fence)) for entry in self._seen.ledger}
        assert len(waiting) == len(self._seen.ledger)
        assert waiting <= self._ended.keys()

    @invariant()
    def the_ledger_begins_behind_its_cursor(self) -> None:
        assert all(_place(entry.id) > _place(self._seen.cursor) for entry in self._seen.ledger)

    @invariant()
    def lanes_are_counted_exactly(self) -> None:
        counts: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for entry in self._seen.waiting:
            counts[entry.lane] += 1
            sizes[entry.lane] += entry.bytes
        assert self._seen.counts == counts
        assert self._seen.sizes == sizes

    @invariant()
    def whoever_waits_is_in_one_lane(self) -> None:
        assert sorted((entry.job, entry.lane, entry.entry) for entry in self._seen.waiting) == sorted(
            (job, record[b"lane"].decode(), record[b"entry"].decode())
            for job, record in self._seen.jobs(frozenset({State.QUEUED})).items()
        )

    @invariant()
    def whoever_is_held_is_in_one_inbox(self) -> None:
        assert sorted((taken.held.job, taken.instance, taken.held.fence) for taken in self._seen.taken) == sorted(
            (job, record[b"worker"].decode(), int(record[b"fence"])) for job, record in self._seen.jobs(HELD).items()
        )

    @invariant()
    def only_the_living_are_listed_and_they_stay(self) -> None:
        living = self._seen.jobs(LIVING).keys()
        assert self._seen.live.keys() == living
        assert {job for job, ttl in self._seen.ttls_min.items() if ttl is None} == living

    @invariant()
    def an_end_is_for_good(self) -> None:
        assert {job for job, _ in self._ended} <= self._seen.records.keys()
        for job, record in self._seen.jobs(TERMINAL).items():
            assert record[b"result"]
            ended = self._ended.setdefault((job, _run(record)), record)
            if b"purged" in record:
                assert not record.keys() & CONTENT
                ended = {name: value for name, value in ended.items() if name in record} | {
                    name: record[name] for name in (b"result", b"purged")
                }
            assert ended == record

    @invariant()
    def whoever_is_to_be_erased_is_erased_with_its_end(self) -> None:
        for job, record in self._seen.jobs(TERMINAL).items():
            assert b"purge" not in record
            assert b"purged" in record or (job, _run(record)) not in self._purged
        living = self._seen.jobs(LIVING)
        assert not self._ended.keys() & {(job, _run(record)) for job, record in living.items()}

    @invariant()
    def an_answer_is_never_made_anew(self) -> None:
        for (job, run), record in self._ended.items():
            if _run(self._seen.records[job]) > run:
                is_purged = (job, run) in self._purged or b"purged" in record
                assert is_purged or State(record[b"state"].decode()) in REPLACEABLE

    @invariant()
    def nothing_of_a_former_run_is_left(self) -> None:
        for job, record in self._seen.jobs(frozenset({State.QUEUED})).items():
            if _run(record) and int(record[b"fence"]) == first_fence(_run(record)):
                assert not record.keys() & {b"result", b"finished_ms", b"cancel", b"evidence", b"worker", b"started_ms"}
                assert (record[b"losses"], self._seen.ttls_min[job]) == (b"0", None)

    @invariant()
    def fences_only_grow(self) -> None:
        for job, record in self._seen.records.items():
            assert int(record[b"fence"]) >= self._fences[job]
            self._fences[job] = int(record[b"fence"])

    @invariant()
    def no_worker_holds_more_than_its_slots(self) -> None:
        assert all(count <= SLOTS for count in Counter(taken.instance for taken in self._seen.taken).values())

    # How it is done.

    def _register(self, name: str) -> None:
        before = (self._client.hget(self._keys.workers, name) or b"").decode()
        instance = f"{name}.{len(self._instances)}"
        self._instances.append(instance)
        self._twice(holding.register(POOL, name, instance, before, {"state": "ready", "slots": SLOTS}))

    def _twice(self, call: Call[Any]) -> None:
        """Call, look, call again as if the reply had been lost: nothing may change."""
        self._call(call)
        once = self._look()
        self._call(call)
        self._seen = self._look()
        assert self._seen == once
        self._entries += [entry for entry in once.waiting if entry not in self._entries]
        self._taken += [taken for taken in once.taken if taken not in self._taken]
        read = [(job, int(record[b"fence"])) for job, record in once.records.items()]
        self._read += [one for one in read if one not in self._read]
        page = (once.cursor, once.ledger)
        if once.ledger and page not in self._pages:
            self._pages.append(page)

    def _look(self) -> Snapshot:
        return look(self._client, self._keys, self._jobs, self._instances)

    def _call(self, call: Call[T]) -> T:
        source = call.script.flagged if self._is_flagged else call.script.plain
        try:
            reply = self._client.evalsha(source.sha, len(call.keys), *call.keys, *call.args)
        except NoScriptError:
            reply = self._client.eval(source.text, len(call.keys), *call.keys, *call.args)
        return call.parse(reply)


def _job(number: int, **changes: Any) -> NewJob:
    fields: dict[str, Any] = {
        "id": f"{POOL}-{number}",
        "api": Api.CHAT,
        "body": b"x",
        "is_engine_written": False,
        "model": "sim",
        "job_class": JobClass.STANDARD,
        "tenant": "acme",
        "queue_timeout_ms": 60_000,
        "run_timeout_ms": 60_000,
        "result_ttl_ms": 600_000,
    }
    return NewJob(**{**fields, **changes})


def _run(record: Record) -> int:
    return run_of(int(record[b"fence"]))


def _connected(url: str) -> Any:
    """Redis-py's own hints mix up what its two clients return."""
    return redis.Redis.from_url(url)


def _place(entry: str) -> tuple[int, ...]:
    return tuple(int(part) for part in entry.split("-")) if entry else (0, 0)


def _pick(choices: list[T], index: int) -> T:
    """The newer, the likelier: late calls are the exception."""
    recent = choices[-4:] if index % 3 else choices
    return recent[index % len(recent)]


@pytest.mark.timeout(300)
def test_streams_counts_and_records_always_agree(redis_url: str) -> None:
    run_state_machine_as_test(
        lambda: PoolMachine(redis_url),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
