from __future__ import annotations

from ingress.http.meter import MAX_CHUNKS, Meter


def test_a_body_is_no_head_however_it_comes() -> None:
    meter = Meter(1000)
    assert meter.field(b"host", b"x" * 900)
    meter.is_in_head = False
    meter.content(100_000)
    meter.raw = 100_900
    assert not meter.is_over


def test_a_head_is_bounded_by_its_fields_and_by_what_is_not_complete() -> None:
    complete, partial = Meter(1000), Meter(1000)
    partial.raw = 1001

    assert not complete.field(b"host", b"x" * 1000)
    assert partial.is_over


def test_small_chunks_are_no_trailers() -> None:
    meter = Meter(1000)
    meter.is_in_head = False
    for _ in range(10_000):
        meter.content(1)
        meter.chunk()
    meter.raw = meter.head + 6 * 10_000
    assert not meter.is_over


def test_chunks_make_no_room_for_extensions_and_trailers() -> None:
    meter = Meter(1000)
    meter.is_in_head = False
    for _ in range(10_000):
        meter.content(1)
        meter.chunk()
    meter.raw = meter.head + 6 * 10_000 + 1001
    assert meter.is_over


def test_the_framing_of_large_chunks_is_no_trailer() -> None:
    meter = Meter(1000)
    meter.is_in_head = False
    meter.content(40_000)
    meter.content(25_536)
    meter.chunk()
    meter.raw = meter.head + len(b"10000\r\n\r\n") + 65_536 + 1000
    assert not meter.is_over
    meter.raw += 1
    assert meter.is_over


def test_extensions_and_trailers_are_bounded() -> None:
    endless, trailing = Meter(1000), Meter(1000)
    endless.is_in_head = trailing.is_in_head = False
    endless.raw = 2000

    assert endless.is_over
    assert not all(trailing.field(b"name", b"value") for _ in range(100))


def test_chunks_are_counted() -> None:
    meter = Meter(1000)
    meter.is_in_head = False
    assert all(meter.chunk() for _ in range(MAX_CHUNKS))
    assert not meter.chunk()


def test_a_long_body_may_have_more_chunks_if_they_are_not_small() -> None:
    def takes(chunk_bytes: int) -> bool:
        meter = Meter(1000)
        meter.is_in_head = False
        for _ in range(2 * MAX_CHUNKS):
            meter.content(chunk_bytes)
            if not meter.chunk():
                return False
        return True

    line = b'{"endpoint":"/v1/completions","body":{"model":"m","prompt":""}}\n'
    assert [takes(59), takes(60), takes(len(line))] == [False, True, True]
