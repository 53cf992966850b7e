"""One request that waits for a job: what it has of the job, and when it began and ended."""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING

from ingress.outcome import CONTRADICTED
from ingress.progress import Progress, Verdict
from penstock.frames import Delta
from penstock.job import State, pool_of

if TYPE_CHECKING:
    from ingress.watch import Watch
    from penstock.frames import End
    from penstock.job import NewJob


class Wish(enum.StrEnum):
    """What a listener wants to be sent; the letter in a job's `listeners`."""

    EVERY_STEP = "s"
    THE_END = "f"


class Listener(Progress):
    """Collects a job's tokens until its end. With its progress it is one object: a token touches as few as possible."""

    __slots__ = (
        "began",
        "end",
        "is_abandoned",
        "job",
        "job_id",
        "next",
        "over",
        "pool",
        "watch",
        "wish",
    )

    def __init__(self, job_id: str, wish: Wish, watch: Watch, *, base: int = 0) -> None:
        super().__init__(base)
        loop = asyncio.get_running_loop()
        self.job_id = job_id
        self.pool = pool_of(job_id)
        self.wish = wish
        self.watch = watch
        #: Another who waits for the same job; the relay's.
        self.next: Listener | None = None
        #: How the job ended; None while it has not.
        self.end: End | None = None
        #: Whether the client went away first.
        self.is_abandoned = False
        #: What to submit again should Redis lose the record; None where another request answers for the job.
        self.job: NewJob | None = None
        #: Set when the first token came, at the latest when all is over.
        self.began: asyncio.Future[None] = loop.create_future()
        #: Set when nothing more will come of it.
        self.over: asyncio.Future[None] = loop.create_future()

    def feed(self, delta: Delta) -> Verdict:
        """Take what is new of a delta."""
        verdict = self.take(delta)
        if verdict is Verdict.RESTART:
            self._restarted()
        # The last tokens go out with the end.
        if verdict in (Verdict.NEWS, Verdict.RESTART) and delta.tokens and delta.end is None:
            self._advanced(len(delta.tokens))
        if verdict is Verdict.CONFLICT:
            self.finish(CONTRADICTED)
        elif delta.end is not None and verdict not in (Verdict.STALE, Verdict.HOLE):
            self.finish(CONTRADICTED if self._falls_short(delta) else delta.end)
        return verdict

    def feed_one(self, fence: int, offset: int, token: int, piece: str) -> Verdict:
        """Take one token."""
        return self.feed(Delta(self.job_id, fence, offset, [token], [piece]))

    def finish(self, end: End) -> None:
        """The job has ended, or nothing more can come of it for us; only the first end counts."""
        if self.end is None:
            self.end = end
            self._begin()
            self._ended()

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

    def _falls_short(self, delta: Delta) -> bool:
        """Whether a complete answer lacks tokens that the client has: Redis lost them, and another run ended sooner."""
        return delta.end is not None and delta.end.state == State.COMPLETED and self.is_beyond(delta)
