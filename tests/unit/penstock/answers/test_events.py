from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.answers.chunks import Chunks, EngineChunks, TextChunks
from penstock.answers.events import DONE, NumberedEvents, PageEvents, PlainEvents
from penstock.answers.position import Position
from penstock.errors import InvalidRequestError
from penstock.frames import End
from tests.unit.ingress.samples import COMPLETED, FAILED, envelope

PIECES = ["Hello", "", " wörld", "", "!"]
ENGINE_WRITTEN = ['{"n":1}', "", '{"n":2}\n{"n":3}\n{"n":4}', '{"n":5}']


def all_events(chunks: Chunks, pieces: list[str], after: Position | None = None, end: End = COMPLETED) -> list[bytes]:
    """A job's numbered events from a position on, one item each."""
    events = NumberedEvents(chunks, after)
    base = after.tokens if after else 0
    stream = events.opening() + events.of(pieces[base:], base) + events.closing(end, len(pieces))
    return [event + b"\n\n" for event in stream.split(b"\n\n") if event]


def id_of(event: bytes) -> str:
    first, _, _ = event.partition(b"\n")
    return first.removeprefix(b"id: ").decode()


def test_plain_events_have_no_id_and_end_with_done() -> None:
    events = PlainEvents(TextChunks(envelope()))
    stream = events.opening() + events.of(PIECES, 0) + events.closing(COMPLETED, 5)

    assert b"id:" not in stream
    assert stream.endswith(b"\n\n" + DONE)
    assert stream.count(b"data: ") == 1 + 3 + 1 + 1


def test_an_empty_piece_makes_no_event() -> None:
    assert PlainEvents(TextChunks(envelope())).of(["", ""], 0) == b""


def test_what_failed_is_not_done() -> None:
    stream = PlainEvents(TextChunks(envelope())).closing(FAILED, 5)

    assert stream.startswith(b'data: {"error":')
    assert DONE not in stream


def test_a_token_is_numbered_by_its_offset() -> None:
    events = all_events(TextChunks(envelope(include_usage=True)), PIECES)

    assert [id_of(event) for event in events] == ["0", "1", "3", "5", "5.1", "5.2", "5.3"]
    assert events[-1].endswith(b"\n" + DONE)


def test_chunks_within_a_token_are_numbered_beyond_the_token_before() -> None:
    events = all_events(EngineChunks(), ENGINE_WRITTEN)

    assert [id_of(event) for event in events] == ["1", "2.1", "2.2", "3", "4", "4.1"]


@pytest.mark.parametrize(
    ("chunks", "pieces"),
    [
        (TextChunks(envelope(include_usage=True)), PIECES),
        (TextChunks(envelope()), [""]),
        (EngineChunks(), ENGINE_WRITTEN),
    ],
)
def test_after_any_event_comes_exactly_what_is_left(chunks: Chunks, pieces: list[str]) -> None:
    events = all_events(chunks, pieces)
    for index, event in enumerate(events):
        after = Position.parse(id_of(event), "after")
        assert all_events(chunks, pieces, after) == events[index + 1 :]


def test_after_the_error_there_is_nothing() -> None:
    assert all_events(TextChunks(envelope()), PIECES, Position(5, 1), FAILED) == []


@pytest.mark.parametrize("end", [COMPLETED, FAILED])
@pytest.mark.parametrize(("chunks", "pieces"), [(TextChunks(envelope()), PIECES), (EngineChunks(), ENGINE_WRITTEN)])
def test_a_pages_events_are_the_numbered_ones_and_one_that_tells_the_end(
    chunks: Chunks, pieces: list[str], end: End
) -> None:
    events = all_events(chunks, pieces, end=end)
    for index, event in enumerate(events):
        after = Position.parse(id_of(event), "after")
        page = PageEvents(chunks, after)
        assert page.opening() == b"retry: 500\n"
        *rest, told = (page.of(pieces[after.tokens :], after.tokens) + page.closing(end, len(pieces))).split(b"\n\n")[
            :-1
        ]
        assert [event + b"\n\n" for event in rest] == events[index + 1 :]
        name, data = told.split(b"\n")[1:]
        assert (name, data) == (b"event: end", b'data: {"state":"%b"}' % end.state.encode())
        last = Position.parse(id_of(told), "after")
        assert PageEvents(chunks, last).closing(end, len(pieces)) == b""


@given(st.integers(0, 10**9 - 1), st.none() | st.integers(0, 10**9 - 1))
def test_positions_are_read_as_written(tokens: int, events: int | None) -> None:
    text = f"{tokens}" if events is None else f"{tokens}.{events}"

    assert Position.parse(text, "after") == Position(tokens, events or 0)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.", "1.x", ".5", "1.2.3", "1" * 10, "1 "])
def test_no_other_text_is_a_position(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Position.parse(text, "after")
    assert caught.value.param == "after"
