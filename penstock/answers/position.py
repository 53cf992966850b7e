"""A place in a job's event stream: the id of an event, and where to go on after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import InvalidRequestError
from penstock.request import sampling

if TYPE_CHECKING:
    from penstock.job import Job
    from penstock.request import ChatBody, CompletionBody

#: Enough digits for any stream, few enough for any integer type.
_FORM = re.compile(r"(?:(\d{1,9})-)?(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)
#: A token more than asked for: a last text that was kept back comes with one of its own.
_TAIL_TOKENS = 1


@dataclass(frozen=True, slots=True)
class Position:
    """After a number of whole tokens, and after some events beyond them.

    The opening event is `0`, the event of token n is `n`; events of one token before its last, and those after the last
    token (finish reason, usage), count up as `n.1`, `n.2`, ... Where a job is run anew, `1-` stands before all of them,
    then `2-`, and so on: an id says of which run it is.
    """

    tokens: int
    events: int = 0
    #: How many runs of the job came before.
    run: int = 0
    #: The parameter or header that it came in.
    param: str = "after"

    @classmethod
    def parse(cls, text: str, param: str) -> Position:
        """Read an event id. Raises InvalidRequestError naming `param`."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise InvalidRequestError(f"{text[:40]!r} is not the id of an event: expected n or n.k.", param=param)
        return cls(int(found[2]), int(found[3] or 0), int(found[1] or 0), param)


def check_position(after: Position, job: Job, body: ChatBody | CompletionBody) -> None:
    """Raise InvalidRequestError where the job cannot have, or ever have, an event of that id."""
    if after.run < job.run:
        message = (
            "That event is of an earlier run of the job, which failed and was tried again: read from the beginning."
        )
        raise InvalidRequestError(message, param=after.param)
    limit = _most_tokens(job, body)
    if after.run > job.run or (limit is not None and after.tokens > limit):
        ending = "ended before that event" if job.result is not None else "has no such event, and will have none"
        raise InvalidRequestError(f"The job {ending}.", param=after.param)


def _most_tokens(job: Job, body: ChatBody | CompletionBody) -> int | None:
    """How many tokens a reader may have seen, or None where only the job's end will tell."""
    if job.result is not None:
        return len(job.result.generated.tokens)
    if job.attempts == 0:
        # What the record brought along; nobody has added to it.
        return len(job.prefix.tokens)
    asked_for = sampling(body).max_tokens
    return None if job.is_engine_written or asked_for is None else asked_for + _TAIL_TOKENS
