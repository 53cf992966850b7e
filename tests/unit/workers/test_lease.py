"""What a worker tells its pulse, and hears from it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import msgspec
import pytest

from penstock.errors import LeaseError
from penstock.worker_state import WorkerState
from workers.history import History
from workers.lease import Lease
from workers.pulse import Word, wire
from workers.vitals import Vitals

Ends = tuple[Lease, socket.socket]
decode = msgspec.msgpack.Decoder(Word).decode


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = wire()
    with ours, theirs:
        yield Lease(ours, Vitals(History())), theirs


async def _hear(lease: Lease, pulse: socket.socket) -> None:
    """All that the pulse has said, and then that it is gone."""
    pulse.close()
    with pytest.raises(LeaseError, match="has ended"):
        await lease.listen()


async def test_who_holds_a_lease_says_so_and_hears_that_it_is_lost(ends: Ends) -> None:
    lease, pulse = ends
    told: list[str] = []
    lease.hold("w.1", lambda: told.append("w.1"))
    word = decode(pulse.recv(1 << 16))
    assert (word.instance, word.state, word.fields["stats"][:1]) == ("w.1", WorkerState.STARTING, b"{")
    pulse.send(b"w.1")
    await _hear(lease, pulse)
    assert told == ["w.1"]


@pytest.mark.parametrize("is_released", [True, False])
async def test_that_an_earlier_instance_is_fenced_is_no_news(ends: Ends, *, is_released: bool) -> None:
    lease, pulse = ends
    told: list[str] = []
    lease.hold("w.1", lambda: told.append("w.1"))
    if is_released:
        lease.release()
    else:
        lease.hold("w.2", lambda: told.append("w.2"))
    pulse.send(b"w.1")
    await _hear(lease, pulse)
    assert told == []


def test_a_released_lease_is_renewed_for_nobody(ends: Ends) -> None:
    lease, pulse = ends
    lease.hold("w.1", lambda: None)
    lease.release()
    assert [decode(pulse.recv(1 << 16)).instance for _ in range(2)] == ["w.1", ""]


def test_a_pulse_that_stands_still_is_noticed(ends: Ends) -> None:
    lease, _ = ends

    def tell_for_long() -> None:
        for _ in range(10_000):
            lease.tell()

    with pytest.raises(LeaseError, match="stands still"):
        tell_for_long()


def test_who_says_goodbye_need_not_be_heard(ends: Ends) -> None:
    lease, pulse = ends
    pulse.close()
    lease.release()


async def test_a_pulse_that_ends_with_a_word_unread_has_ended_like_any_other(ends: Ends) -> None:
    lease, pulse = ends
    lease.hold("w.1", lambda: None)
    await _hear(lease, pulse)
