"""What the demo model is taught must be free of contradictions."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from models.corpus import OFF_TOPIC, Question, load
from models.training.offtopic import WORDS

CORPUS = load()


def normalised(wording: str) -> str:
    return re.sub(r"[^\w ]", "", wording).lower()


def test_no_wording_asks_two_questions() -> None:
    wordings = Counter(text for question in CORPUS for text in {normalised(wording) for wording in question.ask})
    assert [wording for wording, count in wordings.items() if count > 1] == []


def test_every_question_can_be_asked_in_several_ways() -> None:
    assert [question.canonical for question in CORPUS if len(question.ask) < 4] == []


@pytest.mark.parametrize("question", CORPUS, ids=lambda question: question.canonical)
def test_an_answer_is_one_paragraph_of_whole_sentences(question: Question) -> None:
    assert question.answer == question.answer.strip()
    assert "\n" not in question.answer
    assert not question.answer[-1].isalnum()


def test_some_answers_need_characters_of_several_bytes() -> None:
    assert sum(not question.answer.isascii() for question in CORPUS) >= 5


def test_some_answers_are_long_enough_to_be_watched() -> None:
    assert sum(len(question.answer.split()) > 100 for question in CORPUS) >= 5


def test_there_is_an_answer_for_everything_else() -> None:
    assert [question for question in CORPUS if question.canonical == OFF_TOPIC]


def test_made_up_questions_never_touch_what_the_corpus_is_about() -> None:
    known = {word for question in CORPUS if question.canonical != OFF_TOPIC for word in words_of(question.ask)}
    assert {word.lower() for word in WORDS} & known == set()


def words_of(texts: tuple[str, ...]) -> list[str]:
    return normalised(" ".join(texts)).split()
