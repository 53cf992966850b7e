from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.job.stop_strings import StopStrings

# Two letters only, so that stop strings overlap with themselves, each other and the text.
WORDS = st.text(alphabet="ab", min_size=1, max_size=5)
STOPS = st.lists(WORDS, min_size=1, max_size=4).map(tuple)
PIECES = st.lists(st.text(alphabet="ab", max_size=4))


def first_stop(stops: tuple[str, ...], pieces: list[str], exempt: int) -> tuple[str, int] | None:
    """The stop string complete first, and where it ends, found the slow way: at every character, each stop in turn."""
    text, unchecked = "".join(pieces), len("".join(pieces[:exempt]))
    for end in range(unchecked + 1, len(text) + 1):
        for stop in stops:
            if text.endswith(stop, 0, end):
                return stop, end
    return None


def pushed(stops: StopStrings, pieces: list[str], exempt: int = 0) -> str:
    shown = ""
    for index, piece in enumerate(pieces):
        shown += stops.push(piece, may_stop=index >= exempt)
        if stops.found is not None:
            return shown
    return shown + stops.flush()


@given(stops=STOPS, pieces=PIECES, include=st.booleans(), exempt=st.integers(0, 3))
def test_the_stop_string_complete_first_ends_the_text(
    *, stops: tuple[str, ...], pieces: list[str], include: bool, exempt: int
) -> None:
    scan = StopStrings(stops, include=include)
    shown = pushed(scan, pieces, exempt)
    expected = first_stop(stops, pieces, exempt)
    if expected is None:
        assert (scan.found, shown) == (None, "".join(pieces))
        return
    stop, end = expected
    assert scan.found == stop
    assert shown == "".join(pieces)[: end if include else end - len(stop)]


@given(STOPS, PIECES)
def test_no_more_is_kept_back_than_may_begin_a_stop_string(stops: tuple[str, ...], pieces: list[str]) -> None:
    scan = StopStrings(stops, include=False)
    text = shown = ""
    for piece in pieces:
        text += piece
        shown += scan.push(piece)
        if scan.found is not None:
            return
        beginnings = [text[start:] for start in range(len(text)) if any(s.startswith(text[start:]) for s in stops)]
        assert shown + (beginnings[0] if beginnings else "") == text


def test_an_included_stop_string_is_not_waited_for() -> None:
    scan = StopStrings(("end",), include=True)
    assert [scan.push(piece) for piece in ("the e", "n", "d of it")] == ["the e", "n", "d"]
    assert scan.found == "end"


def test_what_was_overlooked_may_still_begin_another() -> None:
    scan = StopStrings(("ab", "bc"), include=False)
    assert scan.push("xab", may_stop=False) == "xa"
    assert scan.push("c") == ""
    assert scan.found == "bc"
