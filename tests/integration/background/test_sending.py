"""One attempt, with receivers that do what they should not."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest

from background.bounded_stream import MOST_ANSWER_BYTES
from background.sending import Answer, Resolve, Sender
from penstock.webhooks.delivery import AttemptOutcome
from penstock.webhooks.signature import new_secret, signed_headers
from tests.harness.receiver import Receiver, Reply, receiving

LOCAL = [ipaddress.ip_network("127.0.0.0/8")]
BODY = b'{"type": "job.completed", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": "sim-1"}}'
PUBLIC = "93.184.216.34"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(new_secret()) as found:
        yield found


@asynccontextmanager
async def sending(
    *,
    networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = LOCAL,
    resolve: Resolve | None = None,
    timeout_s: float = 0.5,
) -> AsyncIterator[Sender]:
    sender = Sender(networks, timeout_s=timeout_s, most=10, resolve=resolve)
    try:
        yield sender
    finally:
        await sender.close()


async def send(sender: Sender, receiver: Receiver, url: str = "") -> Answer:
    headers = signed_headers("evt-sim-1-0", int(time.time()), BODY, [receiver.secret])
    return await sender.send(url or receiver.url, headers, BODY)


async def test_what_arrives_is_verified(receiver: Receiver) -> None:
    async with sending() as sender:
        assert await send(sender, receiver) == Answer(AttemptOutcome.DELIVERED, 204)
    (received,) = receiver.received
    assert received.event_id == "evt-sim-1-0"
    assert (received.headers["user-agent"], received.headers["content-type"]) == ("Penstock", "application/json")
    assert receiver.wrong == []


async def test_a_receiver_that_never_answers_is_given_up(receiver: Receiver) -> None:
    receiver.answer = receiver.hang
    async with sending() as sender:
        answer = await send(sender, receiver)
    assert (answer.outcome, answer.error) == (AttemptOutcome.TIMED_OUT, "no answer within 0.5 s")


async def test_a_receiver_that_answers_byte_by_byte_is_given_up() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async with served(drip) as url, sending() as sender:
        answer = await sender.send(url, {}, BODY)
    assert answer.outcome is AttemptOutcome.TIMED_OUT


@pytest.mark.parametrize(
    ("beginning", "part"),
    [
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\na: ", b"b"),
    ],
    ids=["interim answers", "fields", "a field"],
)
async def test_an_answer_without_end_is_read_no_further(beginning: bytes, part: bytes) -> None:
    sent_bytes = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent_bytes
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(part * 1000)
            sent_bytes += len(part) * 1000
            await writer.drain()

    async with served(flood) as url, sending(timeout_s=30.0) as sender:
        answer = await sender.send(url, {}, BODY)
    assert answer == Answer(AttemptOutcome.UNREACHABLE, error=f"its answer has more than {MOST_ANSWER_BYTES} bytes")
    # And what the sockets hold.
    assert sent_bytes < 16 << 20


async def test_each_answer_of_a_connection_has_its_own_bytes(receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(200, headers=(("x", "x" * (MOST_ANSWER_BYTES * 2 // 3)),))
    async with sending() as sender:
        answers = [await send(sender, receiver) for _ in range(4)]
    assert answers == [Answer(AttemptOutcome.DELIVERED, 200)] * 4


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, AttemptOutcome.DELIVERED), (410, AttemptOutcome.GONE), (500, AttemptOutcome.REFUSED)],
)
@pytest.mark.parametrize("hangs", [True, False])
async def test_a_head_says_what_came_of_it_whatever_becomes_of_the_body(
    status: int, outcome: AttemptOutcome, *, hangs: bool
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 100\r\n\r\nbecause" % status)
        await writer.drain()
        if hangs:
            await reader.read()
        writer.close()

    async with served(answer) as url, sending() as sender:
        found = await sender.send(url, {}, BODY)
    assert (found.outcome, found.status) == (outcome, status)


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(302, (("location", f"{receiver.url}/elsewhere"),))
    async with sending() as sender:
        answer = await send(sender, receiver)
    assert (answer.outcome, answer.status) == (AttemptOutcome.REFUSED, 302)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, AttemptOutcome.DELIVERED),
        (299, AttemptOutcome.DELIVERED),
        (400, AttemptOutcome.REFUSED),
        (410, AttemptOutcome.GONE),
        (500, AttemptOutcome.REFUSED),
    ],
)
async def test_only_a_2xx_is_a_delivery(receiver: Receiver, status: int, outcome: AttemptOutcome) -> None:
    receiver.answer = lambda _: Reply(status, body=b"because")
    async with sending() as sender:
        answer = await send(sender, receiver)
    assert (answer.outcome, answer.status) == (outcome, status)
    assert answer.error == ("" if outcome is AttemptOutcome.DELIVERED else "because")


async def test_a_receiver_may_ask_to_be_spared(receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(429, (("Retry-After", "90"),))
    async with sending() as sender:
        assert (await send(sender, receiver)).retry_after_s == 90


async def test_a_connection_that_breaks_off_is_an_attempt_that_failed(receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(breaks_off=True)
    async with sending() as sender:
        assert (await send(sender, receiver)).outcome is AttemptOutcome.UNREACHABLE
        receiver.answer = lambda _: Reply()
        assert (await send(sender, receiver)).outcome is AttemptOutcome.DELIVERED


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000, b""])
async def test_what_is_no_http_is_an_attempt_that_failed(said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    async with served(answer) as url, sending() as sender:
        assert (await sender.send(url, {}, BODY)).outcome is AttemptOutcome.UNREACHABLE


async def test_of_an_answer_only_the_beginning_is_read() -> None:
    written = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 1000000000\r\n\r\n")
        try:
            while written < 1_000_000_000:
                writer.write(b"x" * 65536)
                await writer.drain()
                written += 65536
        except OSError:
            pass
        writer.close()

    async with served(flood) as url, sending() as sender:
        answer = await sender.send(url, {}, BODY)
    assert (answer.status, len(answer.error)) == (500, 200)
    # What the kernels' buffers take, and no more.
    assert written < 50_000_000


async def test_an_address_that_is_not_public_is_not_connected_to(receiver: Receiver) -> None:
    async with sending(networks=[]) as sender:
        answer = await send(sender, receiver)
        named = await send(sender, receiver, f"http://localhost:{receiver.server_port}/")
        mapped = await send(sender, receiver, f"http://[::ffff:127.0.0.1]:{receiver.server_port}/")
    assert {one.outcome for one in (answer, named, mapped)} == {AttemptOutcome.FORBIDDEN}
    assert "127.0.0.1" in answer.error
    assert receiver.received == []


async def test_a_name_that_is_private_at_the_second_look_is_not_connected_to(receiver: Receiver) -> None:
    """It is looked up once per connection, and what was found is checked and connected to: there is no second look."""
    looks = 0

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        nonlocal looks
        looks += 1
        return [PUBLIC] if looks == 1 else ["127.0.0.1"]

    async with sending(networks=[], resolve=resolve) as sender:
        first = await send(sender, receiver, f"http://rebinding.example:{receiver.server_port}/")
        assert looks == 1
        second = await send(sender, receiver, f"http://rebinding.example:{receiver.server_port}/")
    assert first.outcome in (AttemptOutcome.TIMED_OUT, AttemptOutcome.UNREACHABLE)
    assert second.outcome is AttemptOutcome.FORBIDDEN
    assert receiver.received == []


async def test_of_several_addresses_only_those_that_are_allowed_are_tried(receiver: Receiver) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["10.0.0.1", "127.0.0.2", "127.0.0.1"]

    async with sending(networks=[ipaddress.ip_network("127.0.0.1/32")], resolve=resolve) as sender:
        answer = await send(sender, receiver, f"http://several.example:{receiver.server_port}/")
    assert answer.outcome is AttemptOutcome.DELIVERED
    assert receiver.received[0].headers["host"] == f"several.example:{receiver.server_port}"


async def test_a_name_that_nobody_knows_is_an_attempt_that_failed(receiver: Receiver) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    async with sending(resolve=resolve) as sender:
        answer = await send(sender, receiver, "http://nowhere.example/")
    assert (answer.outcome, "not known" in answer.error) == (AttemptOutcome.UNREACHABLE, True)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "xn--.example", "[fe80::1%25eth0]"])
async def test_what_can_be_no_host_is_an_attempt_that_failed(receiver: Receiver, host: str) -> None:
    async with sending() as sender:
        answer = await send(sender, receiver, f"http://{host}/")
    assert answer.outcome in (AttemptOutcome.UNREACHABLE, AttemptOutcome.FORBIDDEN)


async def test_no_proxy_of_the_environment_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:9")
    async with sending() as sender:
        assert (await send(sender, receiver)).outcome is AttemptOutcome.DELIVERED


@asynccontextmanager
async def served(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A bare server on this machine; whoever it serves at its end is cut off."""
    handlers = set[asyncio.Task[None]]()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.create_task(handled(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
