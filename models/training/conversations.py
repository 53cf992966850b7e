"""Conversations as the model sees them: token ids, and which of them it must learn to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.corpus import OFF_TOPIC
from models.training.offtopic import invent
from models.training.tokenizer import ASSISTANT, BEGIN, END, SPECIAL_TOKENS, SYSTEM, USER, special_id
from models.training.variation import vary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from tokenizers import Tokenizer

    from models.corpus import Question

CONTEXT_TOKENS = 512
PASSAGE_SHARE = 0.06
OFF_TOPIC_PER_TURN = 0.15
SYSTEM_SHARE = 0.25
TURN_COUNTS = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 6)
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are an expert in distributed systems.",
    "Answer briefly.",
    "Be precise and friendly.",
    "You answer questions about Penstock.",
    "You are a pirate.",
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer, as both are said in one conversation."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one document; `spoken[i]` tells whether the model itself has to say `ids[i]`."""

    ids: tuple[int, ...]
    spoken: tuple[bool, ...]


class Encoder:
    """Encodes what the chat template renders, and keeps apart who says what."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._id = {token: special_id(token) for token in SPECIAL_TOKENS}

    def conversation(self, turns: Sequence[Turn], system: str | None = None) -> Encoded:
        """A whole chat; the model says the answers and the end token after each."""
        heard = [self._id[BEGIN]]
        if system is not None:
            heard += [self._id[SYSTEM], *self._text(system), self._id[END]]
        ids: list[int] = []
        spoken: list[bool] = []
        for turn in turns:
            heard += [self._id[USER], *self._text(turn.question), self._id[END], self._id[ASSISTANT]]
            said = [*self._text(turn.answer), self._id[END]]
            ids += heard + said
            spoken += [False] * len(heard) + [True] * len(said)
            heard = []
        return Encoded(tuple(ids), tuple(spoken))

    def passage(self, text: str) -> Encoded:
        """Plain text without a chat, so that a text completion has something to go on with."""
        said = [*self._text(text), self._id[END]]
        return Encoded((self._id[BEGIN], *said), (False, *[True] * len(said)))

    def _text(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def endless(corpus: Sequence[Question], encoder: Encoder, random: Random) -> Iterator[Encoded]:
    """Documents without end, in which every wording of every question comes up equally often."""
    turns = _endless_turns(corpus, random)
    while True:
        if random.random() < PASSAGE_SHARE:
            yield encoder.passage(random.choice(corpus).answer)
        system = random.choice(SYSTEM_PROMPTS) if random.random() < SYSTEM_SHARE else None
        chosen = [next(turns) for _ in range(random.choice(TURN_COUNTS))]
        encoded = encoder.conversation(chosen, system)
        while len(encoded.ids) > CONTEXT_TOKENS:
            chosen = chosen[1:]
            encoded = encoder.conversation(chosen, system)
        yield encoded


def _endless_turns(corpus: Sequence[Question], random: Random) -> Iterator[Turn]:
    wordings = [(wording, question.answer) for question in corpus for wording in question.ask]
    unknown = next(question.answer for question in corpus if question.canonical == OFF_TOPIC)
    while True:
        random.shuffle(wordings)
        for wording, answer in wordings:
            yield Turn(vary(wording, random), answer)
            if random.random() < OFF_TOPIC_PER_TURN:
                yield Turn(vary(invent(random), random), unknown)
