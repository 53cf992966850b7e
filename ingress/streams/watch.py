"""When to ask after a job that is silent, and when to give it up. Pure: the time is passed in."""

from __future__ import annotations

from msgspec import Struct

from penstock.job import State

#: The first silence that makes an ingress ask; each further one is twice as long, up to the longest.
FIRST_PATIENCE_S = 1.0
LONGEST_PATIENCE_S = 5.0
#: The scheduler's own deadlines come first; ours only cover its absence.
GRACE_S = 5.0
#: Another ingress may be about to submit a lost job again, or to have one that ran submitted before ours that waits.
_MISSES_BORNE = 3


class JobWatch(Struct):
    """What is known of a job that a listener waits for. Times are seconds of one monotonic clock."""

    queue_timeout_s: float
    run_timeout_s: float
    #: When something last happened to the job.
    moved_s: float
    #: When we last heard of it, or asked.
    asked_s: float
    #: The offset when tokens came last.
    offset: int = 0
    #: The instance that has it, as last read.
    worker: str = ""
    _state: State = State.QUEUED
    _fence: int = 0
    _patience_s: float = FIRST_PATIENCE_S
    _misses: int = 0

    def heard(self, now_s: float, offset: int) -> bool:
        """Whether tokens came since this was asked last."""
        if offset == self.offset:
            return False
        self.offset = offset
        self.moved_s = self.asked_s = now_s
        self._state = State.RUNNING
        self._patience_s = FIRST_PATIENCE_S
        self._misses = 0
        return True

    def is_due(self, now_s: float) -> bool:
        """Whether the silence has lasted long enough to ask."""
        return now_s - self.asked_s >= self._patience_s

    def asked(self, now_s: float) -> None:
        """We ask now; the next time is later."""
        self.asked_s = now_s
        self._patience_s = min(self._patience_s * 2, LONGEST_PATIENCE_S)

    def learned(self, now_s: float, state: State, fence: int) -> None:
        """The record was read."""
        self._misses = 0
        if (state, fence) != (self._state, self._fence):
            self._state, self._fence = state, fence
            self.moved_s = now_s

    def promised(self, queue_timeout_ms: int, run_timeout_ms: int) -> None:
        """What the job's record says of its bounds (0: nothing): another process may have accepted it."""
        self.queue_timeout_s = queue_timeout_ms / 1000 or self.queue_timeout_s
        self.run_timeout_s = run_timeout_ms / 1000 or self.run_timeout_s

    def missed(self) -> bool:
        """There was no record, or none that can be read; True once that is final."""
        self._misses += 1
        self._patience_s = FIRST_PATIENCE_S
        return self._misses >= _MISSES_BORNE

    @property
    def is_queued(self) -> bool:
        """Whether no worker has it."""
        return self._state is State.QUEUED

    def is_hopeless(self, now_s: float) -> bool:
        """Whether whoever should have ended it by now is not there."""
        limit_s = self.queue_timeout_s if self.is_queued else self.run_timeout_s
        return now_s - self.moved_s > limit_s + GRACE_S
