from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.remote.event_stream import Event, EventReader
from penstock.cli.remote.following import text_of

STREAM = (
    b": ping\n"
    b'id: 0\ndata: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    b": ping\n: ping\n"
    b'id: 1\r\ndata: {"choices":[{"delta":{"content":"\xc3\xa4"}}]}\r\n\r\n'
    b'id: 1.1\ndata: {"choices":[]}\n\n'
    b"id: 1.2\ndata: [DONE]\n\n"
    b"data: what is not ended is no event"
)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    reader, ends = EventReader(), [0, *sorted(cuts), len(STREAM)]
    events = [event for start, end in pairwise(ends) for event in reader.feed(STREAM[start:end])]

    assert [event.id for event in events] == ["0", "1", "1.1", "1.2"]
    assert "".join(map(text_of, events)) == "ä"
    assert events[-1].value == "[DONE]"


def test_the_text_is_that_of_the_first_choice_of_either_endpoint() -> None:
    assert text_of(Event("1", '{"choices":[{"text":"a"},{"text":"b"}]}')) == "a"
    assert text_of(Event("1", '{"choices":[{"delta":{"content":null}}]}')) == ""
    assert text_of(Event("1", '{"choices":[{"delta":{"tool_calls":[]}}]}')) == ""
