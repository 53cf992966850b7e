"""What one client has of a job's tokens, and what a delta adds to it: here nothing is repeated or left out."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from penstock.frames import Generated
from penstock.job import run_of

if TYPE_CHECKING:
    from penstock.frames import Delta


class Verdict(enum.Enum):
    """What a delta was to us."""

    #: It went on where we were.
    NEWS = "news"
    #: It replaced what we had, none of which has been shown: every piece of it was empty.
    RESTART = "restart"
    #: We had all of it.
    REPEAT = "repeat"
    #: It came from a worker that has lost the job since.
    STALE = "stale"
    #: Tokens between ours and its first are missing.
    HOLE = "hole"
    #: It contradicts what the client has seen.
    CONFLICT = "conflict"


class Progress:
    """A job's tokens from `base` on, in order, once.

    A client that resumes has the tokens before `base`; they cannot be compared with anything.
    """

    __slots__ = ("base", "fence", "offset", "pieces", "tokens")

    def __init__(self, base: int = 0) -> None:
        self.base = base
        #: The newest assignment that tokens were taken from.
        self.fence = 0
        #: Tokens before the next one, since the job's beginning.
        self.offset = base
        self.tokens: list[int] = []
        self.pieces: list[str] = []

    def take(self, delta: Delta) -> Verdict:
        """Append what `delta` has beyond ours."""
        if delta.offset == self.offset and delta.fence == self.fence:
            self._append(delta.tokens, delta.pieces)
            return Verdict.NEWS
        if delta.fence < self.fence:
            return Verdict.STALE
        if delta.offset > self.offset:
            return Verdict.HOLE
        if self.is_of_older_run(delta.fence):
            return Verdict.CONFLICT
        if self._contradicts(delta):
            return self._restart(delta)
        self.fence = delta.fence
        known = self.offset - delta.offset
        self._append(delta.tokens[known:], delta.pieces[known:])
        return Verdict.NEWS if len(delta.tokens) > known else Verdict.REPEAT

    def is_beyond(self, delta: Delta) -> bool:
        """Whether we have tokens after the last of `delta`."""
        return self.offset > delta.offset + len(delta.tokens)

    def is_of_older_run(self, fence: int) -> bool:
        """Whether the job was run anew since: tokens of two runs do not mix."""
        return run_of(fence) > run_of(self.fence)

    def forget(self, fence: int) -> None:
        """Begin again with what comes under this fence or a newer one."""
        self.tokens, self.pieces, self.offset, self.fence = [], [], self.base, fence

    @property
    def generated(self) -> Generated:
        """All we have, as a job carries it to a worker that shall go on from there."""
        return Generated(self.tokens, self.pieces)

    def _append(self, tokens: list[int], pieces: list[str]) -> None:
        self.tokens += tokens
        self.pieces += pieces
        self.offset += len(tokens)

    def _contradicts(self, delta: Delta) -> bool:
        """Whether the overlap differs."""
        ours = self.tokens[max(delta.offset - self.base, 0) :]
        theirs = delta.tokens[max(self.base - delta.offset, 0) : self.offset - delta.offset]
        return ours[: len(theirs)] != theirs

    def _restart(self, delta: Delta) -> Verdict:
        if any(self.pieces) or delta.offset > self.base:
            return Verdict.CONFLICT
        self.forget(delta.fence)
        known = self.base - delta.offset
        self._append(delta.tokens[known:], delta.pieces[known:])
        return Verdict.RESTART
