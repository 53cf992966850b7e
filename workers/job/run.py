"""One job as its worker runs it: what it has generated, how far that has been sent, and who listens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from penstock.broker.submission import MAX_LISTENERS
from penstock.frames import Delta, End, Failure, Generated
from penstock.job import State
from penstock.telemetry.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.broker.holding import Claimed
    from penstock.frames import Row
    from workers.engine.base import Output
    from workers.job.answer import Answer
    from workers.job.retrace import Retrace

    _ShortWay = tuple[Callable[[int], str], Callable[[Row], None], str, int, list[int], list[str]]

_EVERY_STEP = "s:"
#: Pairs with text that came without a token of its own, when a generation ends with some kept back.
NO_TOKEN = -1


class Run:
    """Mutable, and written to once per token: slots and lists, no more.

    Tokens and pieces count from the job's beginning, those of former workers included.
    """

    __slots__ = (
        "_last_tokens",
        "_listeners",
        "_put",
        "_short",
        "answer",
        "cached_tokens",
        "channels",
        "end",
        "fence",
        "final_channels",
        "held",
        "id",
        "is_closing",
        "job",
        "on_first_token",
        "pieces",
        "prompt_tokens",
        "response",
        "retrace",
        "span",
        "started_s",
        "tokens",
        "ttft_ms",
    )

    def __init__(self, claimed: Claimed) -> None:
        self.held = claimed.held
        self.job = claimed.held.job
        self.fence = claimed.held.fence
        #: Names this assignment's generation in the engine.
        self.id = f"{claimed.held.job}.{claimed.held.fence}"
        self.tokens = list(claimed.prefix.tokens)
        self.pieces = list(claimed.prefix.pieces)
        #: Takes each new token; set before the first.
        self._put: Callable[[Row], None]
        #: How many tokens wait for the end, to go out with it.
        self._last_tokens = 0
        #: The whole response body, where the answer is engine-written and was not streamed.
        self.response = b""
        #: Whether it is on its way out, ended or handed back; then nothing is added any more.
        self.is_closing = False
        self.end: End | None = None
        #: Set before the first token.
        self.answer: Answer
        #: Set where the generation began anew although clients have seen text of it.
        self.retrace: Retrace | None = None
        #: All that one token more needs, once there was a first and while `take` need not be asked: what makes its
        #: piece, what takes it, and our job, fence, tokens and pieces. In one place, for memory is what takes time.
        self._short: _ShortWay | None = None
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.started_s = time.monotonic()
        self.ttft_ms: int | None = None
        self.on_first_token: Callable[[], None] | None = None
        self.span = Span({})
        self._listeners = [listener for listener in claimed.listeners.split(",") if listener]
        self._sort_listeners()

    @property
    def generated(self) -> Generated:
        """All there is."""
        return Generated(self.tokens, self.pieces)

    @property
    def sent_so_far(self) -> Generated:
        """What the record or the journal has, or is about to."""
        sent = self._sent
        return Generated(self.tokens[:sent], self.pieces[:sent])

    def take(self, output: Output) -> bool:
        """Append what a step produced, and put it on its way; False once the answer is whole.

        One token more, the usual case, goes quickly.
        """
        if self._short is not None and output.finish is None and len(output.tokens) == 1:
            step, put, job, fence, all_tokens, all_pieces = self._short
            token = output.tokens[0]
            piece = step(token)
            put((job, fence, len(all_tokens), token, piece))
            all_tokens.append(token)
            all_pieces.append(piece)
            return True
        # One piece per token, or fewer tokens where a stop string ended them.
        tokens, pieces = output.tokens, self.answer.take(output)
        if len(tokens) != len(pieces):
            tokens = [*tokens[: len(pieces)], *[NO_TOKEN] * (len(pieces) - len(tokens))]
        if self.retrace is not None:
            tokens, pieces = self.retrace.beyond(tokens, pieces)
        if self.ttft_ms is None:
            self.ttft_ms = round((time.monotonic() - self.started_s) * 1000)
            self.cached_tokens = output.cached_tokens
            self._shorten()
            if self.on_first_token is not None:
                self.on_first_token()
        offset = len(self.tokens)
        self.tokens += tokens
        self.pieces += pieces
        if self.answer.finish is not None:
            self._last_tokens = len(tokens)
            return False
        for at, (token, piece) in enumerate(zip(tokens, pieces, strict=True), start=offset):
            self._put((self.job, self.fence, at, token, piece))
        return True

    def put_to(self, put: Callable[[Row], None]) -> None:
        """Have what comes from now on taken there."""
        self._put = put
        if self._short is not None:
            self._shorten()

    def _shorten(self) -> None:
        step = self.answer.short_way if self.retrace is None else None
        if step is not None:
            self._short = step, self._put, self.job, self.fence, self.tokens, self.pieces

    def last(self) -> Delta:
        """The end, and the tokens that come with it."""
        begin = self._sent
        return Delta(self.job, self.fence, begin, self.tokens[begin:], self.pieces[begin:], self.end)

    def since(self, offset: int) -> Delta | None:
        """What was put beyond an offset, if there is any."""
        sent = self._sent
        if offset >= sent:
            return None
        return Delta(self.job, self.fence, offset, self.tokens[offset:sent], self.pieces[offset:sent])

    def whole(self) -> Delta:
        """Everything, for who waited for the end only."""
        return Delta(self.job, self.fence, 0, self.tokens, self.pieces, self.end)

    @property
    def completion(self) -> End:
        """The end of a job whose answer is whole."""
        return self.ending(
            State.COMPLETED, finish_reason=self.answer.finish_reason, stop_reason=self.answer.stop_reason
        )

    def ending(
        self,
        state: State,
        *,
        finish_reason: str | None = None,
        stop_reason: str | int | None = None,
        failure: Failure | None = None,
    ) -> End:
        """How it ends, with its usage."""
        return End(
            state=state.value,
            finish_reason=finish_reason,
            stop_reason=stop_reason,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=len(self.tokens) - (self.tokens[-1:] == [NO_TOKEN]),
            cached_tokens=self.cached_tokens,
            failure=failure,
        )

    @property
    def _sent(self) -> int:
        """Tokens that do not wait for the end: the record or the journal has them, or the emitter."""
        return len(self.tokens) - self._last_tokens

    def attach(self, listener: str) -> None:
        """Have a listener from now on; too many, and the oldest goes, as in the record."""
        self._listeners = [*(one for one in self._listeners if one != listener), listener][-MAX_LISTENERS:]
        self._sort_listeners()

    def _sort_listeners(self) -> None:
        split = len(_EVERY_STEP)
        #: Where every step goes: the key by which the emitter puts runs into one frame.
        self.channels = tuple(one[split:] for one in self._listeners if one.startswith(_EVERY_STEP))
        #: Where only the end goes.
        self.final_channels = tuple(one[split:] for one in self._listeners if not one.startswith(_EVERY_STEP))
