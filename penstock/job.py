"""The job: one generation request as a durable record, its states, and the only table of legal transitions."""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct

from penstock.frames import Generated, Result, decode_generated, decode_result
from penstock.job_class import JobClass
from penstock.request import Api
from penstock.state_list import sources_of, state_list


class State(enum.StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DEAD_LETTERED = "dead_lettered"

    @property
    def terminal(self) -> bool:
        """Whether nothing can follow."""
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.ASSIGNED, State.CANCELLED, State.EXPIRED}),
    State.ASSIGNED: frozenset(
        {State.RUNNING, State.QUEUED, State.COMPLETED, State.FAILED, State.CANCELLED, State.DEAD_LETTERED}
    ),
    State.RUNNING: frozenset({State.QUEUED, State.COMPLETED, State.FAILED, State.CANCELLED, State.DEAD_LETTERED}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
    State.DEAD_LETTERED: frozenset(),
}


#: What a job is to its client, where it is not seen as a job: a response of the Responses API, by an id of its own.
RESPONSE = "response"
RESPONSE_PREFIX = "resp_"

#: The states that are no end, as the scripts take them.
LIVING = state_list(state for state in State if not state.terminal)

#: Ends that a request with the job's Idempotency-Key may have replaced, where the failure is one that a retry can mend:
#: the record makes room for a new run, which is a new job under the same id.
REPLACEABLE = frozenset({State.FAILED, State.CANCELLED, State.EXPIRED, State.DEAD_LETTERED})

#: A fence is the number of runs before this one times this, plus the assignments of this run: it grows over all runs.
FENCES_PER_RUN = 1_000_000


def run_of(fence: int) -> int:
    """Which run of its job a fence belongs to; the first is 0."""
    return fence // FENCES_PER_RUN


def attempt_of(fence: int) -> int:
    """How many assignments a run has had with this one."""
    return fence % FENCES_PER_RUN


def first_fence(run: int) -> int:
    """The fence of a run that no worker has had yet."""
    return run * FENCES_PER_RUN


def sources(target: State) -> str:
    """The states that may become `target`, as the scripts take them: `,queued,assigned,`."""
    return sources_of(target, TRANSITIONS)


#: The lane of jobs that lost their worker or were handed back: they have waited already, so they go first.
RESUME_LANE = "resume"


def lane_name(job_class: JobClass, tenant: str) -> str:
    """The lane of new jobs of a class and tenant."""
    return f"{job_class}:{tenant}"


def new_job_id(pool: str) -> str:
    """An id nobody can guess; its pool can be read from it, so that any process finds the record."""
    return f"{pool}-{secrets.token_hex(12)}"


def idempotent_job_id(pool: str, tenant: str, key: str) -> str:
    """The id of the job that this Idempotency-Key of this tenant stands for: the same key, the same record."""
    digest = hashlib.sha256(b"\0".join((tenant.encode(), key.encode()))).hexdigest()
    return f"{pool}-{digest[:24]}"


def pool_of(job_id: str) -> str:
    """The pool that a job id names."""
    return job_id.rpartition("-")[0]


class NewJob(Struct, frozen=True, kw_only=True):
    """A job on its way into the queue."""

    id: str
    api: Api
    #: What its worker is asked for, JSON in UTF-8: the request body as the client sent it, unless `request` is that.
    body: bytes
    #: The body that the client sent to `/v1/responses`, which `body` was made of; b"" for other endpoints.
    request: bytes = b""
    #: Whether the answer takes the engine's own response writer: said once, so that nobody reads chunks as text.
    is_engine_written: bool
    #: The name the client asked for.
    model: str
    job_class: JobClass
    tenant: str
    #: The name of the API key that it came with, "" where none is needed.
    key: str = ""
    #: What its owner finds it by: a JSON object of texts, "" for none.
    metadata: str = ""
    #: Where its end is told: see penstock/webhooks/request.py; "" for nowhere.
    webhook: str = ""
    #: Who wants its tokens: `s:<channel>` every step, `f:<channel>` the end only; comma-separated.
    listeners: str = ""
    #: W3C trace context as `key=value` lines.
    trace: str = ""
    #: The id of the batch that it is a line of, "" for none.
    batch: str = ""
    #: How long it may wait for a worker, in milliseconds.
    queue_timeout_ms: int
    #: How long it may run, in milliseconds.
    run_timeout_ms: int
    #: How long its record outlives its end, in milliseconds.
    result_ttl_ms: int
    #: Encoded `Generated` where the client has seen tokens of a record that Redis lost.
    prefix: bytes = b""
    #: The job goes on when nobody waits for it: its client said so, or may come back for it with its key.
    is_kept: bool = True
    #: The newest fence that the submitter knows of; the next assignment's is greater.
    fence: int = 0
    #: Whether its record is for anybody but those who wait: a dead letter of one that is not goes as soon as others.
    is_stored: bool = True
    #: A worker had it before Redis lost its record.
    is_resumed: bool = False

    @property
    def pool(self) -> str:
        """The pool it goes to."""
        return pool_of(self.id)

    @property
    def lane(self) -> str:
        """The lane it waits in."""
        return RESUME_LANE if self.is_resumed or self.prefix else lane_name(self.job_class, self.tenant)

    @property
    def life_ms(self) -> int:
        """The longest that its record may be there, a loss of its worker apart."""
        return self.queue_timeout_ms + self.run_timeout_ms + self.result_ttl_ms

    @property
    def digest(self) -> str:
        """A fingerprint of the request, to tell a retry from another request under the same key."""
        return hashlib.sha256(self.request or self.body).hexdigest()[:32]

    @property
    def size_bytes(self) -> int:
        """What it counts for in its lane."""
        return len(self.body) + len(self.request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job's record as it stands in Redis. Times are Unix milliseconds by Redis' clock; 0 is `not yet`."""

    id: str
    state: State
    api: Api
    body: bytes
    #: See NewJob.
    request: bytes
    is_engine_written: bool
    model: str
    job_class: JobClass
    tenant: str
    #: The name of the API key that it came with.
    key: str
    digest: str
    #: The lane it waits in, or waited in last.
    lane: str
    #: JSON, or "".
    metadata: str
    #: Where its end is told, "" for nowhere.
    webhook: str
    #: Its entry in that lane, while queued.
    entry: str
    listeners: str
    #: Whether it goes on when nobody waits for it.
    is_kept: bool
    is_stored: bool
    trace: str
    batch: str
    #: Fences all assignments but the last; see FENCES_PER_RUN.
    fence: int
    #: How many of its workers were lost.
    losses: int
    #: What is known of each loss: objects of JSON, with commas.
    evidence: bytes
    #: Whom this run was given to and when, Unix milliseconds; the first ones, where there are very many.
    assignments: tuple[tuple[str, int], ...]
    #: Instance it is assigned to, or was last.
    worker: str
    #: Whether the client asked for its end while it was assigned.
    cancel_requested: bool
    created_ms: int
    deadline_ms: int
    assigned_ms: int
    started_ms: int
    first_token_ms: int
    finished_ms: int
    result_ttl_ms: int
    run_timeout_ms: int
    #: What former workers generated.
    prefix: Generated
    #: Present in terminal states.
    result: Result | None

    @property
    def run(self) -> int:
        """How many runs of this job came before."""
        return run_of(self.fence)

    @property
    def size_bytes(self) -> int:
        """How much there is to read of its request and answer, roughly."""
        answer = sum(map(len, self.result.generated.pieces)) if self.result is not None else 0
        return len(self.body) + len(self.request) + answer

    @property
    def attempts(self) -> int:
        """How many assignments this run has had."""
        return attempt_of(self.fence)

    @classmethod
    def from_record(cls, job_id: str, record: Mapping[bytes, bytes]) -> Job:
        """Read a record as HGETALL returns it. Raises KeyError where it is not a whole record."""

        def number(field: bytes) -> int:
            return int(record.get(field) or 0)

        def text(field: bytes) -> str:
            return record.get(field, b"").decode()

        return cls(
            id=job_id,
            state=State(record[b"state"].decode()),
            api=Api(record[b"api"].decode()),
            body=record[b"body"],
            request=record.get(b"request", b""),
            is_engine_written=bool(record.get(b"engine_written")),
            model=text(b"model"),
            job_class=JobClass(record[b"class"].decode()),
            tenant=text(b"tenant"),
            key=text(b"key"),
            digest=text(b"digest"),
            lane=text(b"lane"),
            metadata=text(b"metadata"),
            webhook=text(b"webhook"),
            entry=text(b"entry"),
            listeners=text(b"listeners"),
            is_kept=bool(record.get(b"kept")),
            is_stored=bool(record.get(b"stored")),
            trace=text(b"trace"),
            batch=text(b"batch"),
            fence=number(b"fence"),
            losses=number(b"losses"),
            evidence=record.get(b"evidence", b""),
            assignments=_assignments(text(b"assignments")),
            worker=text(b"worker"),
            cancel_requested=bool(record.get(b"cancel")),
            created_ms=number(b"created_ms"),
            deadline_ms=number(b"deadline_ms"),
            assigned_ms=number(b"assigned_ms"),
            started_ms=number(b"started_ms"),
            first_token_ms=number(b"first_token_ms"),
            finished_ms=number(b"finished_ms"),
            result_ttl_ms=number(b"result_ttl_ms"),
            run_timeout_ms=number(b"run_timeout_ms"),
            prefix=decode_generated(record.get(b"prefix", b"")),
            result=decode_result(record[b"result"]) if record.get(b"result") else None,
        )


def _assignments(lines: str) -> tuple[tuple[str, int], ...]:
    pairs = (line.rpartition(" ") for line in lines.splitlines())
    return tuple((worker, int(at_ms)) for worker, _, at_ms in pairs)
