"""Model folders with tokenizers of both kinds, small enough to be trained for a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from pathlib import Path

TEXT = [
    "Penstock keeps every accepted request as one durable record.",
    "A worker that is lost loses no token: another worker goes on where the first one stopped.",
    "Water flows through the gate, and the gate knows how much the turbine can take.",
]
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"]


@pytest.fixture(scope="session")
def byte_level_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE, as Llama 3, Qwen and the demo model have."""
    vocabulary = Tokenizer(models.BPE())
    vocabulary.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    vocabulary.train_from_iterator(TEXT, trainer)
    vocabulary.add_tokens([AddedToken("<tool call>", special=False), AddedToken("<水>", special=False)])
    begin = vocabulary.token_to_id("<|begin|>")
    vocabulary.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", begin)]
    )
    vocabulary.enable_truncation(8)
    folder = tmp_path_factory.mktemp("byte_level")
    vocabulary.save(str(folder / "tokenizer.json"))
    config = {"bos_token": "<|begin|>", "eos_token": {"content": "<|end|>"}, "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 2]}))
    return folder


@pytest.fixture(scope="session")
def sentencepiece_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BPE with spaces as ▁ and bytes as <0x..>, as Llama 2 and Mistral have; no chat template."""
    vocabulary = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    vocabulary.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    vocabulary.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=tokens, show_progress=False)
    vocabulary.train_from_iterator(TEXT, trainer)
    raw = json.loads(vocabulary.to_str())
    raw["added_tokens"] = [token for token in raw["added_tokens"] if token["id"] < 3]
    folder = tmp_path_factory.mktemp("sentencepiece")
    (folder / "tokenizer.json").write_text(json.dumps(raw))
    (folder / "config.json").write_text(json.dumps({"eos_token_id": 2}))
    return folder
