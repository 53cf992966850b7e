"""One job as its worker runs it: what it has generated, how far that has been sent, and who listens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from penstock.broker.submission import MAX_LISTENERS
from penstock.frames import Delta, End, Failure, Generated
from penstock.job import State
from penstock.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.broker.holding import Claimed
    from workers.answer import Answer
    from workers.engine.base import Output
    from workers.retrace import Retrace

_EVERY_STEP = "s:"
#: Pairs with text that came without a token of its own, when a generation ends with some kept back.
NO_TOKEN = -1


class Run:
    """Mutable, and written to once per token: slots and lists, no more.

    Tokens and pieces count from the job's beginning, those of former workers included.
    """

    __slots__ = (
        "_listeners",
        "_step",
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
        "pieces",
        "prompt_tokens",
        "response",
        "retrace",
        "sent",
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
        #: Tokens that the record or the journal has, or the emitter is writing there.
        self.sent = len(self.tokens)
        #: The whole response body, where the answer is rich and was not streamed.
        self.response = b""
        #: Whether it is on its way out, ended or handed back; then nothing is added any more.
        self.is_closing = False
        self.end: End | None = None
        #: Set before the first token.
        self.answer: Answer
        #: Set where the generation began anew although clients have seen text of it.
        self.retrace: Retrace | None = None
        #: The short way from a token to its piece, once there was a first.
        self._step: Callable[[int], str] | None = None
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.started_s = time.monotonic()
        self.ttft_ms: int | None = None
        self.span = tracing.Span({})
        self._listeners = [listener for listener in claimed.listeners.split(",") if listener]
        self._sort_listeners()

    @property
    def generated(self) -> Generated:
        """All there is."""
        return Generated(self.tokens, self.pieces)

    @property
    def sent_so_far(self) -> Generated:
        """What the record or the journal has."""
        return Generated(self.tokens[: self.sent], self.pieces[: self.sent])

    def take(self, output: Output) -> bool:
        """Append what a step produced; False once the answer is whole. One token more, the usual case, goes quickly."""
        step = self._step
        if step is not None and output.finish is None and len(output.tokens) == 1:
            token = output.tokens[0]
            self.tokens.append(token)
            self.pieces.append(step(token))
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
            if self.retrace is None:
                self._step = self.answer.short_way
        self.tokens += tokens
        self.pieces += pieces
        return self.answer.finish is None

    def delta(self) -> Delta:
        """What has not been sent, which counts as sent from now on."""
        begin, self.sent = self.sent, len(self.tokens)
        return Delta(self.job, self.fence, begin, self.tokens[begin:], self.pieces[begin:], self.end)

    def since(self, offset: int) -> Delta | None:
        """What has been sent beyond an offset, if there is any."""
        if offset >= self.sent:
            return None
        tokens, pieces = self.tokens[offset : self.sent], self.pieces[offset : self.sent]
        return Delta(self.job, self.fence, offset, tokens, pieces)

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
