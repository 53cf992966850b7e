"""A leader and a worker in one, who do only what a test tells them to, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from penstock.broker.holding import Claimed, Held, claim, emit, finish, register
from penstock.broker.keys import PoolKeys
from penstock.broker.leading import assign, lead
from penstock.broker.script import Argument
from penstock.broker.tail import Attach, Cancel, Tail
from penstock.errors import EngineFailedError
from penstock.frames import Delta, End, Failure, Generated, Result, encode_frame
from penstock.job import State
from tests.eventual import until
from tests.integration.open_broker import OpenBroker

POOL = "sim"
_TOKEN = "leader:1"


@dataclass
class Hand:
    """A job in the worker's hands, and what it has generated of it."""

    claimed: Claimed
    generated: Generated = field(default_factory=lambda: Generated([], []))

    @property
    def held(self) -> Held:
        return self.claimed.held

    @property
    def listeners(self) -> list[tuple[str, str]]:
        """Pairs of delivery and channel."""
        pairs = [one.partition(":") for one in self.claimed.listeners.split(",") if one]
        return [(delivery, channel) for delivery, _, channel in pairs]


class FakeWorker:
    """One instance of the pool."""

    def __init__(self, broker: OpenBroker, instance: str = "w.1") -> None:
        self.broker = broker
        self.instance = instance
        self.keys = PoolKeys(POOL)
        self.redis = broker.client
        self._tail = Tail(broker, POOL, instance)

    async def start(self) -> None:
        """Lead the pool, and be ready for 64 jobs."""
        assert (await self.broker.run(lead(POOL, _TOKEN, 600_000))).is_ours
        name = self.instance.partition(".")[0]
        fields: dict[str, Argument] = {"state": "ready", "slots": 64}
        assert await self.broker.run(register(POOL, name, self.instance, "", fields)) == "registered"

    async def stop(self) -> None:
        """Close the connections."""
        await self._tail.close()
        await self.broker.close()

    async def waiting(self) -> list[tuple[str, str, str]]:
        """Lane, entry and job id of all that waits."""
        lanes = [lane.decode() for lane in await self.redis.hkeys(self.keys.lane_counts)]
        return [
            (lane, entry.decode(), fields[b"j"].decode())
            for lane in lanes
            for entry, fields in await self.redis.xrange(self.keys.lane(lane))
        ]

    async def has_waiting(self) -> bool:
        """Whether any job waits."""
        return bool(await self.waiting())

    async def take(self) -> Hand:
        """Wait for a job, assign it to this instance, claim it."""
        await until(self.has_waiting)
        lane, entry, job_id = (await self.waiting())[0]
        assert await self.broker.run(assign(POOL, _TOKEN, job_id, lane, entry, self.instance)) == "assigned"
        *_, (inbox_entry, fields) = await self.redis.xrange(self.keys.inbox(self.instance))
        (claimed,) = await self.broker.run(claim(POOL, self.instance, [Held.from_entry(inbox_entry, fields)]))
        assert isinstance(claimed, Claimed)
        return Hand(claimed, Generated(list(claimed.prefix.tokens), list(claimed.prefix.pieces)))

    async def say(self, hand: Hand, *pieces: str, heard: bool = True) -> None:
        """Generate one token per piece, in one step; unless `heard`, the step's message gets lost on its way."""
        offset = len(hand.generated.tokens)
        delta = Delta(hand.held.job, hand.held.fence, offset, _tokens(offset, pieces), list(pieces))
        hand.generated.extend(delta)
        sends = [(channel, 0) for delivery, channel in hand.listeners if delivery == "s" and heard]
        frame = encode_frame(self.instance, [delta])
        assert await self.broker.run(emit(POOL, self.instance, "", [frame], sends)) != "fenced"

    async def end(
        self, hand: Hand, *pieces: str, end: End | None = None, response: bytes = b"", heard: bool = True
    ) -> None:
        """Generate the last tokens, if any, and end the job."""
        offset = len(hand.generated.tokens)
        tokens = _tokens(offset, pieces)
        total = offset + len(tokens)
        end = end or End(State.COMPLETED, "stop", None, 7, total, 2)
        last = Delta(hand.held.job, hand.held.fence, offset, tokens, list(pieces), end)
        hand.generated.extend(last)
        everything = Delta(last.job, last.fence, 0, hand.generated.tokens, hand.generated.pieces, end)
        notices: list[str | bytes] = []
        for delivery, channel in hand.listeners if heard else []:
            notices += (channel, encode_frame(self.instance, [last if delivery == "s" else everything]))
        result = Result(end, hand.generated, response)
        assert (
            await self.broker.run(finish(POOL, self.instance, hand.held, result, ttft_ms=5, notices=notices))
            == "finished"
        )

    async def fail(self, hand: Hand, error: type[Exception] = EngineFailedError, message: str = "It broke.") -> None:
        """End the job with a failure."""
        await self.end(hand, end=End(State.FAILED, failure=Failure(error.__name__, message, "messages")))

    async def controls(self) -> list[Cancel | Attach]:
        """Wait for what ingresses ask this instance; reads each once."""
        found: list[Cancel | Attach] = []
        while not found:
            found = list((await self._tail.read()).controls)
        return found

    async def answer_attach(self, hand: Hand) -> Attach:
        """Wait until an ingress asks for the job's tokens; send it what it lacks, and all that comes later."""
        (asked, *_) = [one for one in await self.controls() if isinstance(one, Attach) and one.job == hand.held.job]
        delivery, _, channel = asked.listener.partition(":")
        hand.claimed = _listening(hand.claimed, asked.listener)
        if delivery == "s":
            tokens, pieces = hand.generated.tokens[asked.offset :], hand.generated.pieces[asked.offset :]
            snapshot = encode_frame(self.instance, [Delta(asked.job, hand.held.fence, asked.offset, tokens, pieces)])
            await self.broker.run(emit(POOL, self.instance, "", [], [(channel, 0)], unjournalled=[snapshot]))
        return asked


def _tokens(offset: int, pieces: tuple[str, ...]) -> list[int]:
    return [1000 + offset + at for at in range(len(pieces))]


def _listening(claimed: Claimed, listener: str) -> Claimed:
    known = [one for one in claimed.listeners.split(",") if one and one != listener]
    return replace(claimed, listeners=",".join([*known, listener]))
