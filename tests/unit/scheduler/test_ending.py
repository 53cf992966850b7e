"""The last frame of a job that the scheduler ends."""

from __future__ import annotations

from penstock.errors import OverloadedError
from penstock.frames import Generated, decode_frame
from penstock.job import State
from scheduler.ending import ending


def test_who_followed_every_step_is_told_the_end_and_the_others_all_of_it() -> None:
    generated = Generated([1, 2], ["a", "b"])
    end = ending("sim-1", 3, "s:here,f:there", generated, State.EXPIRED, OverloadedError, "Too late.")
    (here, first), (there, second) = end.frames
    (follower,), (waiter,) = decode_frame(first).deltas, decode_frame(second).deltas
    assert (here, follower.fence, follower.offset, follower.tokens) == ("here", 3, 2, [])
    assert (there, waiter.offset, waiter.tokens, waiter.pieces) == ("there", 0, [1, 2], ["a", "b"])
    assert follower.end == waiter.end == end.result.end
    assert end.notices == [here, first, there, second]


def test_where_nobody_listens_nothing_is_sent() -> None:
    end = ending("sim-1", 3, "", Generated([], []), State.EXPIRED, OverloadedError, "Too late.")
    assert end.notices == []
    assert end.result.end.failure is not None
    assert end.result.end.failure.error == "OverloadedError"
