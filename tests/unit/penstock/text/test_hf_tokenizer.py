from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.errors import InvalidRequestError, SettingsError
from penstock.text.chat.conversation import Conversation
from penstock.text.hf_tokenizer import HfTokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.text.tokenizer import TokenStream

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


HELLO = Conversation(messages=[{"role": "user", "content": "Hello"}])
TOOLS = Conversation(messages=HELLO.messages, tools=[{"type": "function", "function": {"name": "weather"}}])
NAMED = [{"name": "tool_use", "template": "with tools"}, {"name": "default", "template": "plain"}]


@pytest.fixture
def folder(byte_level_folder: Path, tmp_path: Path) -> Path:
    """A model folder without a template."""
    folder = shutil.copytree(byte_level_folder, tmp_path / "model")
    (folder / "tokenizer_config.json").unlink()
    return folder


def write(folder: Path, name: str, value: str | dict[str, Any]) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def test_a_template_file_overrules_the_configs(folder: Path) -> None:
    write(folder, "tokenizer_config.json", {"chat_template": "from the config"})
    assert HfTokenizer(folder).render(HELLO) == "from the config"
    write(folder, "chat_template.jinja", "from the file")
    assert HfTokenizer(folder).render(HELLO) == "from the file"


def test_a_processors_template_is_read(folder: Path) -> None:
    write(folder, "chat_template.json", {"chat_template": "from the processor"})
    assert HfTokenizer(folder).render(HELLO) == "from the processor"


def test_of_several_templates_the_one_for_tools_is_taken_with_tools(folder: Path) -> None:
    write(folder, "tokenizer_config.json", {"chat_template": NAMED})
    tokenizer = HfTokenizer(folder)
    assert (tokenizer.render(HELLO), tokenizer.render(TOOLS)) == ("plain", "with tools")


def test_additional_templates_are_read_from_their_folder(folder: Path) -> None:
    write(folder, "chat_template.jinja", "plain")
    write(folder, "additional_chat_templates/tool_use.jinja", "with tools")
    tokenizer = HfTokenizer(folder)
    assert (tokenizer.render(HELLO), tokenizer.render(TOOLS)) == ("plain", "with tools")


def test_a_model_with_templates_and_no_default_refuses_to_chat_without_tools(folder: Path) -> None:
    write(folder, "tokenizer_config.json", {"chat_template": NAMED[:1]})
    tokenizer = HfTokenizer(folder)
    assert tokenizer.render(TOOLS) == "with tools"
    with pytest.raises(InvalidRequestError, match="completions"):
        tokenizer.render(HELLO)


def test_a_template_can_be_replaced_by_source_or_by_a_file(folder: Path, tmp_path: Path) -> None:
    write(folder, "chat_template.jinja", "plain")
    write(folder, "additional_chat_templates/tool_use.jinja", "with tools")
    other = tmp_path / "other.jinja"
    other.write_text("from elsewhere")
    assert HfTokenizer(folder, "{{ messages[0].content }}").render(TOOLS) == "Hello"
    assert HfTokenizer(folder, str(other)).render(TOOLS) == "from elsewhere"
    with pytest.raises(SettingsError, match="`chat_template` is"):
        HfTokenizer(folder, "nowhere.jinja")


def test_special_tokens_are_read_as_the_models_library_reads_them(folder: Path) -> None:
    write(folder, "chat_template.jinja", "{{ bos_token }} {{ eos_token }} {{ image_token }}")
    write(folder, "special_tokens_map.json", {"bos_token": "<map>", "eos_token": {"content": "<map end>"}})
    config: dict[str, Any] = {"bos_token": "<config>", "add_bos_token": True, "image_token": "<image>"}
    write(folder, "tokenizer_config.json", config)
    assert HfTokenizer(folder).render(HELLO) == "<map> <map end> <image>"
    write(folder, "tokenizer_config.json", {**config, "added_tokens_decoder": {}})
    assert HfTokenizer(folder).render(HELLO) == "<config>  <image>"


def test_the_begin_token_is_added_to_a_conversation_on_demand(folder: Path) -> None:
    write(folder, "chat_template.jinja", "gate")
    tokenizer = HfTokenizer(folder)
    begun = Conversation(messages=HELLO.messages, add_special_tokens=True)
    assert tokenizer.chat(HELLO) == tokenizer.encode("gate", special=False)
    assert tokenizer.chat(begun) == tokenizer.encode("gate")


def test_half_of_a_surrogate_pair_is_the_clients_error(byte_level: HfTokenizer) -> None:
    with pytest.raises(InvalidRequestError, match="surrogate"):
        byte_level.chat(Conversation(messages=[{"role": "user", "content": "\ud83c"}]))


def test_tokens_have_their_vocabularys_names(byte_level: HfTokenizer, sentencepiece: HfTokenizer) -> None:
    names = byte_level.names(byte_level.encode(" 🌊"))
    assert names[:2] == ["<|begin|>", "Ġ"]
    assert "\ufffd" not in "".join(names)
    assert sentencepiece.names([0, 1, 3 + 0xF0, 9999]) == ["<unk>", "<s>", "<0xF0>", ""]


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
    check = (
        "import sys, penstock.text.hf_tokenizer; sys.exit(bool({'torch', 'transformers', 'vllm'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
