"""One generation inside the simulated engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from workers.engine.base import Generation, Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.engine.simulated.prefix_cache import Hold
    from workers.engine.simulated.script import SimulatedScript
    from workers.engine.simulated.settings import InjectedFailure


class SimulatedRun(Struct, kw_only=True):
    """A script and how far it has been played."""

    id: str
    prompt: Sequence[int]
    script: SimulatedScript
    #: The script's; a token costs one lookup less.
    tokens: list[int]
    #: Tokens generated so far, another worker's included.
    position: int
    #: The position that takes more than one more token: the script's last, or the one where `failure` strikes.
    turning_point: int
    failure: InjectedFailure | None
    hold: Hold | None = None
    #: Prompt tokens that the prefix cache had; zero once told.
    cached_tokens: int = 0
    #: How long its prompt takes, and the loop time at which it is processed.
    prefill_s: float = 0.0
    ready_at_s: float = 0.0

    @classmethod
    def of(cls, generation: Generation, script: SimulatedScript, failure: InjectedFailure | None) -> SimulatedRun:
        """The run of a generation that plays `script`; one that goes on from another worker is spared its failure."""
        failure = None if generation.done else failure
        last = len(script.tokens) - 1
        return cls(
            id=generation.id,
            prompt=generation.prompt,
            script=script,
            tokens=script.tokens,
            position=len(generation.done),
            turning_point=min(last, failure.at_token - 1) if failure else last,
            failure=failure,
        )

    @property
    def total_tokens(self) -> int:
        """How long prompt and generation are in the end."""
        return len(self.prompt) + len(self.tokens)

    @property
    def context(self) -> Sequence[int]:
        """Everything up to now; what another worker generated is taken to be the script's."""
        return [*self.prompt, *self.tokens[: self.position]] if self.position else self.prompt

    def survives(self) -> bool:
        """Be spared the failure from now on; False if the next output is the last."""
        self.failure, self.turning_point = None, len(self.script.tokens) - 1
        return self.position < self.turning_point

    def next_output(self) -> Output:
        """One token of several that are left."""
        self.position += 1
        return Output(self.id, [self.tokens[self.position - 1]], None, None, self.cached_tokens)

    def last_output(self) -> Output:
        """What ends it: its last token, or none if another worker had generated all of them."""
        tokens = self.tokens[self.position :]
        self.position = len(self.tokens)
        return Output(self.id, tokens, self.script.finish, self.script.stop_token, self.cached_tokens)
