"""How a job's end looks to a client."""

from __future__ import annotations

from penstock.errors import (
    ApiError,
    CancelledError,
    EngineFailedError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    RunTimeoutError,
    UnavailableError,
    WorkerLostError,
    by_name,
)
from penstock.frames import End, Failure
from penstock.job import State

NOBODY = Failure(OverloadedError.__name__, "No worker took the job in time.")
_UNEXPLAINED = {
    State.CANCELLED: Failure(CancelledError.__name__, "The job was cancelled before it finished."),
    State.EXPIRED: NOBODY,
    State.DEAD_LETTERED: Failure(WorkerLostError.__name__, "The job lost too many workers."),
    State.FAILED: Failure(EngineFailedError.__name__, "The job failed."),
}

#: The stream of a job that came back with other tokens than its client has seen.
CONTRADICTED = End(
    State.FAILED,
    failure=Failure(WorkerLostError.__name__, "The job's worker was lost and another could not continue its answer."),
)
#: The stream of a run that failed, heard of only when the job was tried again.
SUPERSEDED = End(
    State.FAILED,
    failure=Failure(
        WorkerLostError.__name__, "The job failed, and another request with its Idempotency-Key runs it anew."
    ),
)
#: A job whose record is gone while its client still waits.
VANISHED = End(State.FAILED, failure=Failure(NotFoundError.__name__, "The job's record is gone."))
#: A job that its owner had erased.
PURGED = End(State.CANCELLED, failure=Failure(NotFoundError.__name__, "The job was erased."))
#: A job of which Redis holds something else than a record, or whose worker it cannot be asked of.
UNREADABLE = End(
    State.FAILED, failure=Failure(UnavailableError.__name__, "What the queue holds of the job cannot be read.")
)
#: A mistake of ours with one listener.
BROKEN = End(State.FAILED, failure=Failure(ApiError.__name__, "Something went wrong on our side."))

#: A waiting job that nobody expired, and a running one that nobody stopped: no scheduler is there.
UNSERVED = End(State.EXPIRED, failure=NOBODY)
OVERRUN = End(
    State.FAILED,
    failure=Failure(RunTimeoutError.__name__, "The job ran longer than its pool allows without an answer."),
)


#: Ends of a stream whose job may have ended otherwise, or not at all.
_OF_STREAM = (CONTRADICTED, SUPERSEDED, VANISHED, UNREADABLE, BROKEN, UNSERVED, OVERRUN)


def is_of_stream(end: End) -> bool:
    """Whether an end is one reader's alone, and not what the job's record says."""
    return any(end is one for one in _OF_STREAM)


def beyond(tokens: int) -> End:
    """The end of a stream that was to go on after a place that its job never reached."""
    message = f"The job ended after event {tokens}, before the event to go on after."
    return End(State.FAILED, failure=Failure(InvalidRequestError.__name__, message, "after"))


def error_of(end: End) -> ApiError | None:
    """The error that a job's end is to its client; None if it completed."""
    state = State(end.state)
    if state is State.COMPLETED:
        return None
    failure = end.failure or _UNEXPLAINED[state]
    return by_name(failure.error)(failure.message, param=failure.param)
