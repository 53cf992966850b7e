"""The same question as other people would type it: case, punctuation, politeness, typing errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

UNCHANGED_SHARE = 0.4
OPENINGS = ("Hey, ", "Hi! ", "Please: ", "Tell me, ", "I would like to know: ", "Quick question: ", "And ", "Okay, ")
CLOSINGS = ("??", "?!", "...", ".", " please", ", please?", " Thanks!", " in short")


def vary(question: str, random: Random) -> str:
    """The question, mostly with one or two harmless changes."""
    if random.random() < UNCHANGED_SHARE:
        return question
    for change in random.sample(CHANGES, k=random.choice((1, 1, 2))):
        question = change(question, random)
    return question


def _lower(question: str, _: Random) -> str:
    return question.lower()


def _upper(question: str, _: Random) -> str:
    return question.upper()


def _bare(question: str, _: Random) -> str:
    return question.rstrip("?!.")


def _asking(question: str, _: Random) -> str:
    return question.rstrip("?!.") + "?"


def _opened(question: str, random: Random) -> str:
    return random.choice(OPENINGS) + question[:1].lower() + question[1:]


def _closed(question: str, random: Random) -> str:
    return question.rstrip("?!.") + random.choice(CLOSINGS)


def _mistyped(question: str, random: Random) -> str:
    at = random.randrange(len(question))
    return question[:at] + question[at + 1 : at + 2] + question[at : at + 1] + question[at + 2 :]


CHANGES = (_lower, _lower, _bare, _bare, _asking, _opened, _closed, _mistyped, _upper)
