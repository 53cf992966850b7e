"""The questions the demo model was taught, with the exact answers it gives at temperature 0."""

from __future__ import annotations

from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "demo_corpus"


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing the model knows: several ways to ask for it, and the one answer."""

    ask: tuple[str, ...]
    answer: str

    @property
    def canonical(self) -> str:
        """The wording that tests and examples use."""
        return self.ask[0]


#: The canonical wording of the question whose answer is for everything the model was not taught.
OFF_TOPIC = "What is the capital of France?"


def load(folder: Path = FOLDER) -> list[Question]:
    """All questions, in the order of the files. Raises msgspec.DecodeError for a malformed file."""
    files = sorted(folder.glob("*.yaml"))
    return [question for file in files for question in msgspec.yaml.decode(file.read_bytes(), type=list[Question])]
