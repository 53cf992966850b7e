"""An end that the scheduler gives a job: the result for its record, the last frame for who waits for it."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.errors import ApiError
from penstock.frames import Delta, End, Failure, Generated, Result, encode_frame
from penstock.job import State

#: Stands in a frame where a worker's name does.
_SENDER = "scheduler"


@dataclass(frozen=True, slots=True)
class Ending:
    """What the scripts that end a job ask for."""

    result: Result
    #: Channel and frame of each listener.
    frames: list[tuple[str, bytes]]

    @property
    def notices(self) -> list[str | bytes]:
        """The frames as the scripts take them: channel, frame, channel, frame, and so on."""
        return [part for pair in self.frames for part in pair]


def ending(
    job_id: str, fence: int, listeners: str, generated: Generated, state: State, error: type[ApiError], message: str
) -> Ending:
    """End a job with what it has generated; `error` and `message` are what its client will see."""
    end = End(state, completion_tokens=len(generated.tokens), failure=Failure(error.__name__, message))
    frames = []
    for listener in filter(None, listeners.split(",")):
        kind, _, channel = listener.partition(":")
        # Who followed every step needs the end only, the others all of it.
        offset, rest = (0, generated) if kind == "f" else (len(generated.tokens), Generated([], []))
        delta = Delta(job_id, fence, offset, rest.tokens, rest.pieces, end)
        frames.append((channel, encode_frame(_SENDER, [delta])))
    return Ending(Result(end, generated), frames)
