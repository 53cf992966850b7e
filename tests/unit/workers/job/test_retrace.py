"""What a second run may add to what clients have seen of the first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import WorkerLostError
from penstock.frames import Generated
from workers.job.retrace import Retrace

pieces = st.lists(st.text(alphabet="ab", max_size=3), max_size=12)


@given(first=pieces, second=pieces, split=st.integers(0, 12))
def test_clients_see_one_text_or_an_error(first: list[str], second: list[str], split: int) -> None:
    """However the two runs were cut into tokens, and however the second came in."""
    retrace = Retrace(Generated(list(range(len(first))), first))
    fresh: list[str] = []
    try:
        for part in (second[:split], second[split:]):
            tokens, added = retrace.beyond(list(range(len(part))), part)
            assert len(tokens) == len(added)
            fresh += added
        retrace.check_end()
    except WorkerLostError:
        contradicts = not "".join(second).startswith("".join(first))
        assert contradicts or len(second) <= len(first), "the second run continues the first"
    else:
        assert "".join(first + fresh) == "".join(second)
        assert len(first + fresh) == max(len(first), len(second))


def test_an_equal_second_run_goes_on_silently() -> None:
    retrace = Retrace(Generated([1, 2], ["He", "llo"]))
    assert retrace.beyond([1, 2, 3], ["He", "llo", " you"]) == ([3], [" you"])
    assert retrace.beyond([4], ["!"]) == ([4], ["!"])


def test_text_that_comes_with_earlier_tokens_waits_for_a_free_offset() -> None:
    retrace = Retrace(Generated([1, 2], ["", ""]))
    assert retrace.beyond([1, 2], ["a", "b"]) == ([], [])
    assert retrace.beyond([3], ["c"]) == ([3], ["abc"])


def test_another_beginning_is_an_error() -> None:
    retrace = Retrace(Generated([1], ["Yes"]))
    with pytest.raises(WorkerLostError):
        retrace.beyond([2], ["No"])


def test_a_second_run_that_ends_too_early_is_an_error() -> None:
    retrace = Retrace(Generated([1, 2], ["Yes", " indeed"]))
    retrace.beyond([1], ["Yes"])
    with pytest.raises(WorkerLostError):
        retrace.check_end()


def test_chunks_of_an_engine_written_answer_are_never_cut() -> None:
    retrace = Retrace(Generated([1, 2], ['{"a":1}', '{"b":2}\n{"c":3}']), separator="\n")
    assert retrace.beyond([1, 2], ['{"a":1}', '{"b":2}']) == ([], [])
    assert retrace.beyond([3], ['{"c":3}\n{"d":4}\n{"e":5}']) == ([3], ['{"d":4}\n{"e":5}'])
