"""The wire format: what is sent is what is read, and a journal with repeats replays to each token once."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.frames import (
    FRAME_VERSION,
    Delta,
    End,
    Failure,
    Generated,
    Result,
    Singles,
    decode_frame,
    decode_generated,
    decode_result,
    encode_frame,
    encode_generated,
    encode_result,
    joined,
    replay,
)

JOB = "sim-1"
FENCE = 3


def _run(start: int, stop: int) -> tuple[list[int], list[str]]:
    """Tokens and pieces that say their own offset."""
    return list(range(start, stop)), [f"<{offset}>" for offset in range(start, stop)]


def _delta(start: int, stop: int, *, job: str = JOB, fence: int = FENCE) -> Delta:
    tokens, pieces = _run(start, stop)
    return Delta(job, fence, start, tokens, pieces)


def _frame(*deltas: Delta) -> bytes:
    return encode_frame("w.1", list(deltas))


def _whole(stop: int) -> Generated:
    return Generated(*_run(0, stop))


def _replay(begun: int, frames: list[bytes]) -> Generated:
    """What our job has after the journal, when it began with so many tokens."""
    generated = _whole(begun)
    replay({(JOB, FENCE): generated}, frames)
    return generated


@st.composite
def journals(draw: st.DrawFn) -> tuple[int, list[bytes], int]:
    """The length of a prefix, frames that overlap and repeat at will but leave no hole, and how far they reach."""
    reached = begun = draw(st.integers(0, 20))
    frames = []
    for _ in range(draw(st.integers(0, 12))):
        start = draw(st.integers(0, reached))
        stop = draw(st.integers(start, reached + 5))
        strangers = [_delta(0, 3, job="sim-2"), _delta(0, 40, fence=FENCE - 1)]
        frames.append(_frame(*draw(st.lists(st.sampled_from(strangers), max_size=2)), _delta(start, stop)))
        reached = max(reached, stop)
    return begun, frames, reached


@given(journals())
def test_a_journal_with_repeats_and_overlaps_replays_to_each_token_once(journal: tuple[int, list[bytes], int]) -> None:
    begun, frames, reached = journal
    assert _replay(begun, frames) == _whole(reached)


@given(st.integers(0, 10), st.integers(1, 5), st.integers(1, 5))
def test_what_lies_beyond_a_hole_is_left_out(length: int, gap: int, more: int) -> None:
    beyond = _frame(_delta(length + gap, length + gap + more))
    assert _replay(0, [_frame(_delta(0, length)), beyond]) == _whole(length)


def test_a_hole_that_is_filled_later_is_none() -> None:
    assert _replay(0, [_frame(_delta(0, 2)), _frame(_delta(4, 5)), _frame(_delta(1, 6))]) == _whole(6)


def test_one_pass_over_a_journal_serves_many_jobs() -> None:
    jobs = {("sim-1", 3): _whole(1), ("sim-2", 1): _whole(0)}
    replay(jobs, [_frame(_delta(0, 2, job="sim-2", fence=1), _delta(1, 3)), _frame(_delta(0, 9, job="sim-2", fence=2))])
    assert jobs == {("sim-1", 3): _whole(3), ("sim-2", 1): _whole(2)}


def test_a_stretch_that_is_known_adds_nothing() -> None:
    generated = _whole(5)
    assert generated.extend(_delta(1, 4)) == 0
    assert generated == _whole(5)


def test_extending_says_how_much_was_new() -> None:
    assert _whole(5).extend(_delta(3, 9)) == 4
    assert _whole(5).extend(_delta(5, 9)) == 4
    assert _whole(5).extend(_delta(6, 9)) == -1


def test_a_frame_comes_back_as_it_was_sent() -> None:
    end = End("failed", failure=Failure("ContextLengthError", "Too long.", "messages"))
    delta = Delta(JOB, FENCE, 7, [1, 2], ["é", "漢"], end)
    frame = decode_frame(encode_frame("w.1", [delta]))
    assert (frame.version, frame.worker, frame.deltas) == (FRAME_VERSION, "w.1", [delta])


@given(st.lists(st.sampled_from(["sim-1", "sim-2", "sim-3"])))
def test_rows_say_the_same_one_by_one_and_joined(jobs: list[str]) -> None:
    rows = [(job, FENCE, jobs[:at].count(job), at, f"<{at}>") for at, job in enumerate(jobs)]
    (apart, together) = (encode_frame("w.1", (), rows), encode_frame("w.1", *joined(rows)))
    for job in jobs:
        one, other = _whole(0), _whole(0)
        replay({(job, FENCE): one}, [apart])
        replay({(job, FENCE): other}, [together])
        assert one == other
        assert one.tokens == [at for at, each in enumerate(jobs) if each == job]
    assert len([*decode_frame(together).every()]) == len(set(jobs))


def test_a_frame_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match=f"version {FRAME_VERSION + 1}"):
        decode_frame(msgspec.msgpack.encode((FRAME_VERSION + 1, "w.1", [], Singles())))


@pytest.mark.parametrize("raw", [b"", b"nonsense", msgspec.msgpack.encode({"a": 1}), msgspec.msgpack.encode((1,))])
def test_nonsense_is_refused(raw: bytes) -> None:
    with pytest.raises((ValueError, msgspec.DecodeError)):
        decode_frame(raw)


def test_nothing_generated_takes_no_room() -> None:
    assert encode_generated(Generated([], [])) == b""
    assert decode_generated(b"") == Generated([], [])


def test_decoding_nothing_gives_a_fresh_value_each_time() -> None:
    decode_generated(b"").tokens.append(1)
    assert decode_generated(b"").tokens == []


@given(st.lists(st.tuples(st.integers(0, 2**31), st.text()), min_size=1))
def test_generated_tokens_come_back(pairs: list[tuple[int, str]]) -> None:
    generated = Generated([token for token, _ in pairs], [piece for _, piece in pairs])
    assert decode_generated(encode_generated(generated)) == generated


@given(st.text(), st.one_of(st.none(), st.text(), st.integers(0, 2**31)), st.binary())
def test_a_result_comes_back(finish_reason: str, stop_reason: str | int | None, response: bytes) -> None:
    result = Result(End("completed", finish_reason, stop_reason, 3, 2, 1), Generated([1, 2], ["a", ""]), response)
    assert decode_result(encode_result(result)) == result
