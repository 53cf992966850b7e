from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingress.http.writer import Wire
from ingress.streams.stream import Stream
from penstock.answers.chunks import TextChunks
from penstock.answers.events import DONE, PING, PlainEvents
from penstock.frames import Delta, End
from tests.unit.ingress.samples import COMPLETED, FAILED, envelope, watch

EVENTS = PlainEvents(TextChunks(envelope()))


class FakeConnection:
    """A client that takes `room` more chunks."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.sent = b""
        self.was_cut = False
        self.on_full: Callable[[], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        self.writer = self

    @property
    def wire(self) -> Wire:
        """A socket that takes nothing: all goes through `write`."""
        return lambda _: 0, self.write

    @property
    def is_full(self) -> bool:
        return self.room <= 0

    def release_head(self) -> None:
        """There is none."""

    def write(self, chunk: bytes) -> None:
        size, _, body = chunk.partition(b"\r\n")
        assert len(body) == int(size, 16) + 2
        self.write_chunk(body[:-2])

    def write_chunk(self, body: bytes) -> None:
        assert body
        self.room -= 1
        self.sent += body
        if self.is_full and self.on_full is not None:
            self.on_full()

    def cut_slow_reader(self) -> None:
        self.was_cut = True

    def read(self, chunks: int) -> None:
        self.room = chunks
        assert self.on_writable is not None
        self.on_writable()


def opened(connection: FakeConnection, *, buffer_bytes: int = 10**6) -> Stream:
    stream = Stream("sim-1", watch(), buffer_bytes=buffer_bytes)
    stream.open(connection, EVENTS)  # type: ignore[arg-type]
    return stream


def delta(start: int, pieces: list[str], *, fence: int = 1, end: End | None = None) -> Delta:
    return Delta("sim-1", fence, start, list(range(start, start + len(pieces))), pieces, end)


def feed(stream: Stream, *frame: Delta) -> None:
    """As the relay does with a frame."""
    for one in frame:
        stream.feed(one)


def whole(pieces: list[str], end: End = COMPLETED) -> bytes:
    return EVENTS.opening() + EVENTS.of(pieces, 0) + EVENTS.closing(end, len(pieces))


def sent(connection: FakeConnection, stream: Stream) -> bytes:
    """All the client gets: the response ends with the stream's last words."""
    return connection.sent + stream.last_words


async def test_what_came_before_the_opening_is_written_then() -> None:
    stream = Stream("sim-1", watch(), buffer_bytes=1000)
    feed(stream, delta(0, ["a", "b"]))
    connection = FakeConnection()

    assert stream.began.done()
    stream.open(connection, EVENTS)  # type: ignore[arg-type]
    feed(stream, delta(2, ["c"], end=COMPLETED))

    assert sent(connection, stream) == whole(["a", "b", "c"])
    assert stream.over.done()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=40))
async def test_however_slowly_it_is_read_the_stream_is_the_same(steps: list[tuple[int, int]]) -> None:
    connection = FakeConnection(room=1)
    stream = opened(connection)
    pieces: list[str] = []
    for tokens, read in steps:
        news = [f"t{len(pieces) + at}" for at in range(tokens)]
        feed(stream, delta(len(pieces), news))
        pieces += news
        if read:
            connection.read(read)
    feed(stream, delta(len(pieces), [], end=COMPLETED))
    while not stream.over.done():
        connection.read(1)

    assert sent(connection, stream) == whole(pieces)


async def test_a_reader_that_falls_behind_too_far_is_cut_off() -> None:
    connection = FakeConnection(room=0)
    stream = opened(connection, buffer_bytes=1000)
    for at in range(4):
        feed(stream, delta(at, ["x"]))
    assert not connection.was_cut

    feed(stream, delta(4, ["x"]))
    assert connection.was_cut


async def test_a_replay_does_not_make_a_reader_slow() -> None:
    connection = FakeConnection(room=3)
    stream = opened(connection, buffer_bytes=1000)
    pieces = [f"t{at}" for at in range(1000)]
    feed(stream, delta(0, pieces, end=COMPLETED))
    assert not connection.was_cut

    while not stream.over.done():
        connection.read(1)
    assert sent(connection, stream) == whole(pieces)


async def test_a_long_replay_lets_the_loop_turn_and_is_whole_whatever_comes_meanwhile() -> None:
    connection, pieces = FakeConnection(), [f"t{at}" for at in range(5000)]
    stream = Stream("sim-1", watch(), buffer_bytes=10**6)
    feed(stream, delta(0, pieces[:4000]))
    stream.open(connection, EVENTS)  # type: ignore[arg-type]
    written = [connection.sent.count(b"data:")]
    for at in range(4000, 4990):
        feed(stream, delta(at, [pieces[at]]))
    feed(stream, delta(4990, pieces[4990:], end=COMPLETED))
    while not stream.over.done():
        await asyncio.sleep(0)
        written.append(sent(connection, stream).count(b"data:"))

    assert sent(connection, stream) == whole(pieces)
    assert max(after - before for before, after in pairwise(written)) < 600


async def test_a_failure_in_the_middle_ends_with_an_error_and_without_done() -> None:
    connection = FakeConnection()
    stream = opened(connection)
    feed(stream, delta(0, ["a"]))
    feed(stream, delta(1, [], end=FAILED))

    assert sent(connection, stream) == whole(["a"], FAILED)
    assert DONE not in sent(connection, stream)


async def test_another_text_than_was_shown_ends_as_worker_lost() -> None:
    connection = FakeConnection()
    stream = opened(connection)
    feed(stream, delta(0, ["a", "b"]))
    feed(stream, Delta("sim-1", 2, 0, [9, 9, 9], ["x", "y", "z"]))

    assert b'"type":"worker_lost"' in sent(connection, stream)
    assert stream.over.done()


async def test_an_answer_that_is_shorter_than_what_was_shown_ends_as_worker_lost() -> None:
    connection = FakeConnection()
    stream = opened(connection)
    feed(stream, delta(0, ["a", "b", "c"]))
    feed(stream, delta(0, ["a"], fence=2, end=COMPLETED))

    assert b'"type":"worker_lost"' in sent(connection, stream)


async def test_a_restart_before_anything_was_shown_is_not_seen() -> None:
    connection = FakeConnection()
    stream = opened(connection)
    feed(stream, delta(0, ["", ""]))
    feed(stream, Delta("sim-1", 2, 0, [9, 9], ["x", "y"], COMPLETED))

    assert sent(connection, stream) == whole(["x", "y"])


async def test_after_the_client_is_gone_nothing_is_written() -> None:
    connection = FakeConnection()
    stream = opened(connection)
    stream.abandon()
    before = connection.sent
    feed(stream, delta(0, ["a"]))

    assert connection.sent == before
    assert stream.is_abandoned


async def test_one_frame_may_bring_several_deltas_in_either_way() -> None:
    connection = FakeConnection()
    stream = opened(connection)
    feed(stream, delta(0, ["a"]))
    feed(stream, delta(1, ["b"]), delta(2, ["c", "d"]), delta(4, ["e"]), delta(5, ["f"], end=COMPLETED))

    assert sent(connection, stream) == whole(["a", "b", "c", "d", "e", "f"])


async def test_a_stream_without_a_token_asks_for_its_head_in_time_and_pings_from_then_on() -> None:
    stream, connection = Stream("sim-1", watch(), buffer_bytes=10**6), FakeConnection()
    stream.keep_alive(9.9, 10.0, 15.0)
    assert not stream.began.done()
    stream.keep_alive(10.0, 10.0, 15.0)
    assert stream.began.done()
    assert stream.is_waiting
    stream.show_waiting(connection)  # type: ignore[arg-type]
    assert not stream.began.done()
    stream.keep_alive(24.9, 10.0, 15.0)
    stream.keep_alive(25.0, 10.0, 15.0)
    assert connection.sent == 2 * PING
    feed(stream, delta(0, ["a"]))
    assert stream.began.done()
    assert not stream.is_waiting


async def test_only_a_silent_stream_is_pinged_and_only_where_there_is_room() -> None:
    connection = FakeConnection()
    stream = opened(connection)
    for second in range(100):
        feed(stream, delta(second, ["a"]))
        stream.keep_alive(float(second), 10.0, 15.0)
    assert PING not in connection.sent
    stream.keep_alive(114.0, 10.0, 15.0)
    assert connection.sent.endswith(PING)
    connection.room = 0
    stream.keep_alive(130.0, 10.0, 15.0)
    assert connection.sent.count(PING) == 1
