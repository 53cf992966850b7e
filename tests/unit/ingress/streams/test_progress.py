"""The law of a client's stream: every token once, in order, whatever arrives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingress.streams.progress import Progress, Verdict
from penstock.frames import Delta
from penstock.job import first_fence

TOKENS = list(range(100, 140))
PIECES = [f"<{token}>" for token in TOKENS]


def delta(start: int, stop: int, fence: int = 1) -> Delta:
    return Delta("sim-1", fence, start, TOKENS[start:stop], PIECES[start:stop])


spans = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted)


@given(st.lists(st.tuples(spans, st.integers(1, 3))), st.integers(0, 20))
def test_any_mix_of_repeats_holes_and_overlaps_gives_each_token_once_in_order(
    arrivals: list[tuple[list[int], int]], base: int
) -> None:
    progress = Progress(base)
    for (start, stop), fence in arrivals:
        before = progress.offset
        verdict = progress.take(delta(start, stop, fence))
        assert verdict is not Verdict.CONFLICT
        assert progress.offset >= before
        assert (verdict is Verdict.NEWS) >= (progress.offset > before)
    assert progress.tokens == TOKENS[base : progress.offset]
    assert progress.pieces == PIECES[base : progress.offset]


@given(st.lists(spans), st.integers(0, 20))
def test_a_snapshot_from_where_we_are_always_closes_the_hole(arrivals: list[list[int]], base: int) -> None:
    progress = Progress(base)
    for start, stop in arrivals:
        if progress.take(delta(start, stop)) is Verdict.HOLE:
            assert progress.take(delta(progress.offset, stop)) is Verdict.NEWS
            assert progress.offset == stop
    assert progress.tokens == TOKENS[base : progress.offset]


def test_a_late_frame_of_a_lost_worker_adds_nothing() -> None:
    progress = Progress()
    progress.take(delta(0, 5, fence=2))

    assert progress.take(delta(5, 9, fence=1)) is Verdict.STALE
    assert progress.offset == 5


def test_another_text_after_a_worker_was_lost_is_a_conflict() -> None:
    progress = Progress()
    progress.take(delta(0, 5))

    assert progress.take(Delta("sim-1", 2, 0, [1, 2, 3], ["a", "b", "c"])) is Verdict.CONFLICT
    assert progress.pieces == PIECES[:5]


def test_another_text_takes_the_place_of_tokens_that_showed_nothing() -> None:
    progress = Progress()
    progress.take(Delta("sim-1", 1, 0, [7, 8], ["", ""]))

    assert progress.take(Delta("sim-1", 2, 0, [7, 9, 10], ["", "a", "b"])) is Verdict.RESTART
    assert (progress.tokens, progress.pieces, progress.fence) == ([7, 9, 10], ["", "a", "b"], 2)


def test_tokens_before_the_base_are_not_compared() -> None:
    progress = Progress(base=3)

    assert progress.take(Delta("sim-1", 1, 0, [1, 2, 3, 4], ["a", "b", "c", "d"])) is Verdict.NEWS
    assert progress.pieces == ["d"]


def test_what_a_delta_lacks_of_ours_is_noticed() -> None:
    progress = Progress()
    progress.take(delta(0, 5))

    assert progress.is_beyond(delta(0, 4))
    assert not progress.is_beyond(delta(0, 5))


@given(spans, spans, st.integers(0, 5))
def test_tokens_of_two_runs_never_mix(first: list[int], second: list[int], base: int) -> None:
    progress = Progress(base)
    progress.take(delta(first[0], first[1], 1))
    before = list(progress.tokens)
    verdict = progress.take(delta(second[0], second[1], first_fence(1) + 1))
    assert verdict in (Verdict.CONFLICT, Verdict.HOLE)
    assert progress.tokens == before


def test_who_expects_a_later_run_hears_nothing_of_the_former() -> None:
    progress = Progress()
    progress.forget(first_fence(1))
    assert progress.take(delta(0, 3, fence=7)) is Verdict.STALE
    assert progress.take(delta(0, 3, fence=first_fence(1) + 1)) is Verdict.NEWS
