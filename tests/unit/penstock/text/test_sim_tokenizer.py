from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import InvalidRequestError
from penstock.text.chat.conversation import Conversation
from penstock.text.sim_tokenizer import EOS_ID, VOCABULARY_SIZE, WORD_IDS, SimulatedTokenizer

TOKENIZER = SimulatedTokenizer()


@given(st.text())
def test_every_text_comes_back(text: str) -> None:
    ids = TOKENIZER.encode(text)
    stream = TOKENIZER.stream()
    assert TOKENIZER.decode(ids) == "".join(map(stream.step, ids)) == text


@given(st.lists(st.sampled_from([*WORD_IDS[:50], *"🌊水 .".encode()])))
def test_words_have_one_encoding(ids: list[int]) -> None:
    text = TOKENIZER.decode(ids)
    assert TOKENIZER.encode(text) == ids or "\N{REPLACEMENT CHARACTER}" in text


def test_its_own_words_cost_one_token_and_english_half_a_token_per_character() -> None:
    assert len(TOKENIZER.encode(" bado bado")) == 2
    english = "the queue keeps what was accepted until a worker is free"
    assert len(TOKENIZER.encode(english)) < 0.6 * len(english)


def test_the_end_token_is_the_last_and_is_seen_only_on_demand() -> None:
    assert TOKENIZER.eos_ids == {EOS_ID} == {VOCABULARY_SIZE - 1}
    assert TOKENIZER.decode([97, EOS_ID]) == "a"
    assert TOKENIZER.decode([97, EOS_ID], skip_special=False) == "a<|end|>"
    assert TOKENIZER.stream(skip_special=False).step(EOS_ID) == "<|end|>"
    assert EOS_ID not in TOKENIZER.encode("<|end|>")


def test_an_unknown_token_has_no_text() -> None:
    assert TOKENIZER.decode([97, VOCABULARY_SIZE, 98]) == "ab"


def test_a_conversation_is_a_line_per_message() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    ]
    assert TOKENIZER.decode(TOKENIZER.chat(Conversation(messages=messages))) == "system:Be brief.\nuser:Hi\nassistant:"
    assert (
        TOKENIZER.decode(TOKENIZER.chat(Conversation(messages=messages, add_generation_prompt=False)))
        == "system:Be brief.\nuser:Hi\n"
    )


def test_the_next_turn_begins_with_this_turns_tokens() -> None:
    question = [{"role": "user", "content": "Tell me more"}]
    answer = [*WORD_IDS[3:9], *" 🌊".encode(), WORD_IDS[5]]
    turns = [*question, {"role": "assistant", "content": TOKENIZER.decode(answer)}, {"role": "user", "content": "More"}]
    so_far = [*TOKENIZER.chat(Conversation(messages=question)), *answer]
    assert TOKENIZER.chat(Conversation(messages=turns))[: len(so_far)] == so_far


def test_content_other_than_text_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        TOKENIZER.chat(Conversation(messages=[{"role": "user", "content": [{"type": "image_url"}]}]))


def test_a_final_message_stays_open() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Well"}]
    open_ = Conversation(messages=turns, add_generation_prompt=False, continue_final_message=True)
    assert TOKENIZER.decode(TOKENIZER.chat(open_)) == "user:Hi\nassistant:Well"


def test_tokens_have_names() -> None:
    assert TOKENIZER.names([97, 0xF0, WORD_IDS[0], EOS_ID, VOCABULARY_SIZE]) == [
        "a",
        "<0xF0>",
        TOKENIZER.decode([WORD_IDS[0]]),
        "<|end|>",
        "",
    ]
