"""What the simulated engine answers, for tests and judges: known without asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.text.sim_tokenizer import SimulatedTokenizer
from workers.engine.simulated import SimulatedSettings
from workers.engine.simulated.script import script
from workers.job.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.request import Sampling


def expected_tokens(prompt: Sequence[int], sampling: Sampling, settings: SimulatedSettings | None = None) -> list[int]:
    """The token ids that it generates, however often it is interrupted; the end token included."""
    return script(settings or SimulatedSettings(), prompt, sampling).tokens


def expected_text(prompt: Sequence[int], sampling: Sampling, settings: SimulatedSettings | None = None) -> str:
    """The text that a client sees of it, stop strings applied."""
    whole = script(settings or SimulatedSettings(), prompt, sampling)
    transcript = Transcript(SimulatedTokenizer(), sampling, prompt)
    return "".join(transcript.feed(whole.tokens, whole.finish, whole.stop_token))
