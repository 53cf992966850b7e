"""One request that waits for a job: what it has of the job, and when it began and ended."""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING

from ingress.streams.progress import Progress, Verdict
from penstock.answers.outcome import CONTRADICTED, SUPERSEDED, beyond
from penstock.frames import Delta
from penstock.job import State, first_fence, pool_of, run_of

if TYPE_CHECKING:
    from ingress.streams.watch import JobWatch
    from penstock.frames import End
    from penstock.job import NewJob


class DeliveryMode(enum.StrEnum):
    """What a listener wants to be sent; the letter in a job's `listeners`."""

    EVERY_STEP = "s"
    THE_END = "f"


class Listener(Progress):
    """Collects a job's tokens until its end. With its progress it is one object: a token touches as few as possible."""

    __slots__ = (
        "began",
        "delivery",
        "end",
        "is_abandoned",
        "job",
        "job_id",
        "next",
        "over",
        "pool",
        "watch",
    )

    def __init__(self, job_id: str, delivery: DeliveryMode, watch: JobWatch, *, base: int = 0) -> None:
        super().__init__(base)
        self.job_id = job_id
        self.pool = pool_of(job_id)
        self.delivery = delivery
        self.watch = watch
        #: Another who waits for the same job; the relay's.
        self.next: Listener | None = None
        #: Whether the client went away first.
        self.is_abandoned = False
        #: What to submit again should Redis lose the record; None where another request answers for the job.
        self.job: NewJob | None = None
        self._await_beginning()

    def _await_beginning(self) -> None:
        loop = asyncio.get_running_loop()
        #: How the job ended; None while it has not.
        self.end: End | None = None
        #: Set when the first token came, at the latest when all is over.
        self.began: asyncio.Future[None] = loop.create_future()
        #: Set when nothing more will come of it.
        self.over: asyncio.Future[None] = loop.create_future()

    def expect(self, fence: int) -> None:
        """Wait for the run that this fence is of: before anything was shown, what came of a former one is forgotten."""
        first = first_fence(run_of(fence))
        if self.fence < first:
            has_heard = bool(self.tokens) or self.end is not None
            self.forget(first)
            if has_heard:
                self._await_beginning()

    def feed(self, delta: Delta) -> Verdict:
        """Take what is new of a delta."""
        verdict = self.take(delta)
        if verdict is Verdict.RESTART:
            self._restarted()
        # The last tokens go out with the end.
        if verdict in (Verdict.NEWS, Verdict.RESTART) and delta.tokens and delta.end is None:
            self._advanced(len(delta.tokens))
        if verdict is Verdict.CONFLICT:
            self.finish(SUPERSEDED if self.is_of_older_run(delta.fence) else CONTRADICTED)
        elif delta.end is not None and verdict not in (Verdict.STALE, Verdict.HOLE):
            self.finish(self._as_seen(delta, delta.end))
        return verdict

    def feed_one(self, fence: int, offset: int, token: int, piece: str) -> Verdict:
        """Take one token."""
        return self.feed(Delta(self.job_id, fence, offset, [token], [piece]))

    def keep_alive(self, now_s: float, head_after_s: float, ping_s: float) -> None:
        """Show that the connection lives, where the answer has a form for that."""

    def finish(self, end: End) -> None:
        """The job has ended, or nothing more can come of it for us; only the first end counts."""
        if self.end is None:
            self.end = end
            self._begin()
            self._ended()

    @property
    def has_run(self) -> bool:
        """Whether a worker has had the job, as far as we know."""
        return self.offset > self.base or not self.watch.is_queued

    def abandon(self) -> None:
        """The client is gone."""
        self.is_abandoned = True
        self._begin()
        self._conclude()

    def _advanced(self, tokens: int) -> None:  # noqa: ARG002 - for those who deliver
        self._begin()

    def _restarted(self) -> None:
        """Nothing of what came so far counts."""

    def _ended(self) -> None:
        """The end is known and delivered, unless a subclass has still to deliver it."""
        self._conclude()

    def _begin(self) -> None:
        if not self.began.done():
            self.began.set_result(None)

    def _conclude(self) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def _as_seen(self, delta: Delta, end: End) -> End:
        """A job's end as it is to a client who has tokens that the whole answer lacks, or says so."""
        if end.state != State.COMPLETED or not self.is_beyond(delta):
            return end
        # Either Redis lost them and the job ended sooner when it was continued, or they never were.
        return CONTRADICTED if self.tokens else beyond(delta.offset + len(delta.tokens))
