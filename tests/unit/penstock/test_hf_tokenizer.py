from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.conversation import Conversation
from penstock.errors import InvalidRequestError, SettingsError
from penstock.hf_tokenizer import HfTokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.tokenizer import TokenStream

MIXED = "Penstock keeps every request 🌊 水門 and goes on, <tool call> and <水> too.\n\n  Naïve?"


@pytest.fixture(scope="module")
def byte_level(byte_level_folder: Path) -> HfTokenizer:
    return HfTokenizer(byte_level_folder)


@pytest.fixture(scope="module")
def sentencepiece(sentencepiece_folder: Path) -> HfTokenizer:
    return HfTokenizer(sentencepiece_folder)


def streamed(stream: TokenStream, ids: list[int]) -> str:
    return "".join(map(stream.step, ids))


def test_texts_come_back_whatever_characters_they_hold(byte_level: HfTokenizer) -> None:
    ids = byte_level.encode(MIXED, special=False)
    assert byte_level.decode(ids) == MIXED == streamed(byte_level.stream(), ids)


def test_the_begin_token_is_added_on_demand_and_nothing_is_cut(byte_level: HfTokenizer) -> None:
    assert byte_level.encode(MIXED)[1:] == byte_level.encode(MIXED, special=False)
    assert len(byte_level.encode(MIXED)) > 8


def test_a_text_streams_as_it_decodes_with_any_vocabulary(byte_level: HfTokenizer, sentencepiece: HfTokenizer) -> None:
    for tokenizer in (byte_level, sentencepiece):
        ids = tokenizer.encode(MIXED, special=False)
        assert streamed(tokenizer.stream(), ids) == tokenizer.decode(ids)


def test_a_character_comes_with_its_last_token(byte_level: HfTokenizer, sentencepiece: HfTokenizer) -> None:
    for tokenizer in (byte_level, sentencepiece):
        ids = tokenizer.encode("e🌊", special=False)
        stream = tokenizer.stream(prompt=ids)
        pieces = [stream.step(token) for token in ids]
        assert pieces[-1] == "🌊"
        assert pieces[-4:-1] == ["", "", ""]


def test_the_first_words_space_is_kept_after_a_prompt(sentencepiece: HfTokenizer) -> None:
    prompt = sentencepiece.encode("A worker", special=False)
    word = sentencepiece.encode("water", special=False)
    assert streamed(sentencepiece.stream(prompt=prompt), word) == " water"
    assert streamed(sentencepiece.stream(), word) == "water"


def test_special_tokens_are_seen_only_on_demand(byte_level: HfTokenizer) -> None:
    ids = [0, *byte_level.encode("gate", special=False), 1]
    assert streamed(byte_level.stream(), ids) == byte_level.decode(ids) == "gate"
    shown = byte_level.decode(ids, skip_special=False)
    assert streamed(byte_level.stream(skip_special=False), ids) == shown == "<|begin|>gate<|end|>"


def test_a_token_beyond_the_vocabulary_has_no_text(byte_level: HfTokenizer) -> None:
    assert byte_level.stream().step(10**6) == ""


@given(ids=st.lists(st.integers(0, 401)))
@example(ids=[173, 258])
def test_any_tokens_stream_as_the_library_decodes_them(byte_level: HfTokenizer, ids: list[int]) -> None:
    text = streamed(byte_level.stream(), ids)
    whole = byte_level.decode(ids)
    # Bytes that may still become a character are kept back at the end; Python takes half a surrogate for one of them.
    assert whole in [text + "\N{REPLACEMENT CHARACTER}" * count for count in range(3)]


@given(ids=st.lists(st.integers(0, 499), max_size=200))
def test_no_sequence_of_tokens_breaks_or_blocks_a_stream(sentencepiece: HfTokenizer, ids: list[int]) -> None:
    stream = sentencepiece.stream(prompt=ids)
    streamed(stream, ids)
    invalid, word = [3 + 0xFF] * 16, sentencepiece.encode("water", special=False)
    assert streamed(stream, [*invalid, *word, *word]).endswith("water")


def test_a_conversation_is_rendered_and_encoded_with_its_special_tokens(byte_level: HfTokenizer) -> None:
    ids = byte_level.chat(Conversation(messages=[{"role": "user", "content": "gate"}]))
    assert byte_level.decode(ids, skip_special=False) == "<|begin|><|user|>gate<|end|><|assistant|>"


def test_ends_are_the_tokenizers_and_the_generation_configs(
    byte_level: HfTokenizer, sentencepiece: HfTokenizer
) -> None:
    assert byte_level.eos_ids == {1, 2}
    assert sentencepiece.eos_ids == {2}


def test_a_model_without_a_chat_template_refuses_to_chat(sentencepiece: HfTokenizer) -> None:
    with pytest.raises(InvalidRequestError, match="completions"):
        sentencepiece.chat(Conversation(messages=[{"role": "user", "content": "gate"}]))


def test_a_template_file_overrules_the_configs(byte_level_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(byte_level_folder, tmp_path / "model")
    (folder / "chat_template.jinja").write_text("from the file")
    tokenizer = HfTokenizer(folder)
    assert tokenizer.decode(tokenizer.chat(Conversation(messages=[{"role": "user", "content": ""}]))) == "from the file"


def test_of_several_templates_the_default_is_taken(byte_level_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(byte_level_folder, tmp_path / "model")
    templates = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": templates}))
    tokenizer = HfTokenizer(folder)
    assert tokenizer.decode(tokenizer.chat(Conversation(messages=[{"role": "user", "content": ""}]))) == "plain"


def test_a_folder_without_a_readable_tokenizer_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="There is no"):
        HfTokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(SettingsError, match="cannot be read"):
        HfTokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(SettingsError, match="not JSON"):
        HfTokenizer(tmp_path)


def test_importing_it_brings_neither_torch_nor_transformers() -> None:
    check = "import sys, penstock.hf_tokenizer; sys.exit(bool({'torch', 'transformers', 'vllm'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", check], check=True)
