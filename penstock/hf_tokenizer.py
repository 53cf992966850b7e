"""A model folder's tokenizer and chat template, without torch or transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer as Vocabulary
from tokenizers.decoders import ByteLevel

from penstock.byte_stream import ByteStream
from penstock.chat_template import ChatTemplate
from penstock.conversation import Conversation
from penstock.errors import InvalidRequestError, SettingsError
from penstock.hf_streams import BytePieces, VocabularyStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.tokenizer import TokenStream


class HfTokenizer:
    """The Tokenizer of a model folder as HuggingFace lays it out.

    It reads tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja and
    generation_config.json; all but the first may be absent. Raises SettingsError if the folder is unusable.
    """

    def __init__(self, folder: str | Path, chat_template: str | None = None) -> None:
        folder = Path(folder)
        config = _json(folder / "tokenizer_config.json")
        special_tokens = _special_tokens(_json(folder / "special_tokens_map.json") | config)
        source = chat_template or _template_source(folder, config)
        self._template = None if source is None else ChatTemplate(source, special_tokens)
        self._vocabulary = _vocabulary(folder)
        self._eos_ids = _eos_ids(folder, self._vocabulary, special_tokens.get("eos_token"))
        self._byte_pieces = _byte_pieces(self._vocabulary)

    @property
    def eos_ids(self) -> frozenset[int]:
        """Tokens that end a generation: the tokenizer's own and those the generation config adds."""
        return self._eos_ids

    def chat(self, conversation: Conversation) -> list[int]:
        """Render a conversation with the model's template and encode it. Raises InvalidRequestError."""
        if self._template is None:
            raise InvalidRequestError("This model has no chat template: use /v1/completions.", param="model")
        text = self._template.render(
            conversation.messages,
            **conversation.variables,
            tools=conversation.tools,
            documents=conversation.documents,
            add_generation_prompt=conversation.add_generation_prompt,
        )
        return self.encode(text, special=conversation.add_special_tokens)

    def names(self, ids: Sequence[int]) -> list[str]:
        """The vocabulary's names of tokens."""
        return [self._vocabulary.id_to_token(id_) or "" for id_ in ids]

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of a text; `special` adds the model's begin-of-text token."""
        return list(self._vocabulary.encode(text, add_special_tokens=special).ids)

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """The text of token ids."""
        return str(self._vocabulary.decode(ids, skip_special_tokens=skip_special))

    def stream(self, *, skip_special: bool = True, prompt: Sequence[int] = ()) -> TokenStream:
        """A fresh incremental decoder of what follows `prompt`."""
        if self._byte_pieces is None:
            return VocabularyStream(self._vocabulary, prompt, skip_special=skip_special)
        return ByteStream(self._byte_pieces[skip_special])


def _vocabulary(folder: Path) -> Vocabulary:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise SettingsError(f"There is no {path}: `model` must name a folder with a tokenizer.json.")
    try:
        vocabulary = Vocabulary.from_file(str(path))
    except Exception as error:  # the library raises no narrower class
        raise SettingsError(f"{path} cannot be read: {error}") from error
    # Files saved from training may carry these; a served prompt is never cut or filled.
    vocabulary.no_truncation()
    vocabulary.no_padding()
    return vocabulary


def _byte_pieces(vocabulary: Vocabulary) -> dict[bool, BytePieces] | None:
    """The tables of a byte-level vocabulary by `skip_special`; None for any other kind."""
    if not isinstance(vocabulary.decoder, ByteLevel):
        return None
    special = [id_ for id_, token in vocabulary.get_added_tokens_decoder().items() if token.special]
    return {True: BytePieces(vocabulary, special), False: BytePieces(vocabulary)}


def _eos_ids(folder: Path, vocabulary: Vocabulary, token: str | None) -> frozenset[int]:
    config = _json(folder / "generation_config.json") or _json(folder / "config.json")
    ids = config.get("eos_token_id")
    own = None if token is None else vocabulary.token_to_id(token)
    return frozenset(id_ for id_ in (own, *(ids if isinstance(ids, list) else [ids])) if id_ is not None)


def _special_tokens(config: dict[str, Any]) -> dict[str, str]:
    """`bos_token` and the like, given as text or as a description of an added token."""
    named = {key: value for key, value in config.items() if key.endswith("_token")}
    texts = {key: value.get("content") if isinstance(value, dict) else value for key, value in named.items()}
    return {key: text for key, text in texts.items() if isinstance(text, str)}


def _template_source(folder: Path, config: dict[str, Any]) -> str | None:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    source = config.get("chat_template")
    if isinstance(source, list):
        return next((str(one["template"]) for one in source if one.get("name") == "default"), None)
    return source if isinstance(source, str) else None


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    return value if isinstance(value, dict) else {}
