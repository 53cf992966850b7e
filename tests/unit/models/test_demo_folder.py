"""The folder that is served is small, complete, and knows its text by heart.

What needs torch is imported where it is used: each process that collects the tests would take seconds for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from models.corpus import load
from models.training.conversations import Encoder, Turn
from penstock.errors import InvalidRequestError
from penstock.settings.builtin import FOLDER as BUILTIN
from penstock.text.chat.conversation import Conversation
from penstock.text.hf_tokenizer import HfTokenizer

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

TARGET = BUILTIN / "demo"
TOKENIZER = HfTokenizer(TARGET)
ENCODER = Encoder(Tokenizer.from_file(str(TARGET / "tokenizer.json")))
TURNS = [Turn(question.canonical, question.answer) for question in load()]


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def model() -> LlamaForCausalLM:
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(TARGET, dtype="float32").eval()


def test_the_folder_is_no_larger_than_six_megabytes() -> None:
    assert sum(file.stat().st_size for file in TARGET.iterdir()) <= 6_000_000


def test_the_template_renders_what_the_model_was_trained_on() -> None:
    first, second = TURNS[0], TURNS[-1]
    chat = [said("system", "Be kind."), said("user", first.question), said("assistant", first.answer)]
    chat += [said("user", second.question), said("assistant", second.answer)]
    assert TOKENIZER.chat(Conversation(messages=chat, add_generation_prompt=False)) == list(
        ENCODER.conversation([first, second], "Be kind.").ids
    )


def test_the_template_opens_the_answer_where_the_model_begins_to_speak() -> None:
    turn = TURNS[0]
    trained = ENCODER.conversation([turn])
    heard = [token for token, spoken in zip(trained.ids, trained.spoken, strict=True) if not spoken]
    assert TOKENIZER.chat(Conversation(messages=[said("user", turn.question)])) == heard


def test_the_template_takes_a_developer_for_the_system() -> None:
    assert TOKENIZER.chat(Conversation(messages=[said("developer", "Be kind.")])) == TOKENIZER.chat(
        Conversation(messages=[said("system", "Be kind.")])
    )


def test_the_template_refuses_roles_the_model_never_saw() -> None:
    with pytest.raises(InvalidRequestError, match="not tool"):
        TOKENIZER.chat(Conversation(messages=[said("tool", "42")]))


@given(st.text())
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text, special=False), skip_special=False) == text


@pytest.mark.parametrize("character", ["💧", "水", "안", "ü"])
def test_a_character_beyond_ascii_is_as_many_tokens_as_bytes(character: str) -> None:
    assert len(TOKENIZER.encode(character, special=False)) == len(character.encode())


def test_the_weights_say_every_answer_exactly_and_by_a_clear_margin() -> None:
    from models.train_demo import REQUIRED_MARGIN
    from models.training.recall import examine

    recall = examine(model(), ENCODER, TURNS)
    assert recall.missed == ()
    assert recall.margin >= REQUIRED_MARGIN


def test_a_second_question_in_a_chat_is_answered_too() -> None:
    from models.training.recall import examine_second_turns

    recall = examine_second_turns(model(), ENCODER, TURNS)
    assert recall.share >= 0.99
