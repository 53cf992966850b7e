"""A model folder's tokenizer and chat template, without torch or transformers."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer as Vocabulary
from tokenizers.decoders import ByteLevel

from penstock.errors import InvalidRequestError, SettingsError
from penstock.text.byte_stream import ByteStream
from penstock.text.chat.template import ChatTemplate
from penstock.text.chat.template_files import DEFAULT, TOOL_USE, template_sources
from penstock.text.hf_streams import BytePieces, VocabularyStream
from penstock.text.json_file import read_json
from penstock.text.token_length import longest_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.text.chat.conversation import Conversation
    from penstock.text.tokenizer import TokenStream

#: Characters, or tokens. For more, the library's calls for many texts are used: they let other threads run meanwhile,
#: where its calls for one hold the interpreter for as long as they take.
_SHORT = 1024


class HfTokenizer:
    """The Tokenizer of a model folder as HuggingFace lays it out.

    It reads tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja and its like, and
    generation_config.json; all but the first may be absent. `chat_template`, Jinja source or a file's path, replaces
    the folder's own. Raises SettingsError if the folder is unusable.
    """

    def __init__(self, folder: str | Path, chat_template: str | None = None) -> None:
        folder = Path(folder)
        config = read_json(folder / "tokenizer_config.json")
        special_tokens = _special_tokens(folder, config)
        sources = template_sources(folder, config, chat_template)
        self._templates = {name: ChatTemplate(source, special_tokens) for name, source in sources.items()}
        self._vocabulary = _vocabulary(folder)
        self._eos_ids = _eos_ids(folder, self._vocabulary, special_tokens.get("eos_token"))
        self._byte_pieces = _byte_pieces(self._vocabulary)

    @property
    def eos_ids(self) -> frozenset[int]:
        """Tokens that end a generation: the tokenizer's own and those the generation config adds."""
        return self._eos_ids

    @property
    def special_tokens(self) -> list[str]:
        """The tokens that texts may spell and that no text is made of, by their ids."""
        added = self._vocabulary.get_added_tokens_decoder()
        return [token.content for _, token in sorted(added.items()) if token.special]

    @cached_property
    def longest_token(self) -> int | None:
        """The most characters that one token stands for; None where a text of any length may be few tokens."""
        return longest_token(self._vocabulary)

    def chat(self, conversation: Conversation) -> list[int]:
        """Render a conversation with the model's template and encode it. Raises InvalidRequestError."""
        return self.encode(self.render(conversation), special=conversation.add_special_tokens)

    def render(self, conversation: Conversation) -> str:
        """The text of a conversation's prompt. Raises InvalidRequestError."""
        template = self._templates.get(TOOL_USE) if conversation.tools else None
        template = template or self._templates.get(DEFAULT)
        if template is None:
            raise InvalidRequestError("This model has no chat template: use /v1/completions.", param="model")
        return template.render(conversation)

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of a text; `special` adds the model's begin-of-text token. Raises InvalidRequestError."""
        try:
            if len(text) <= _SHORT:
                return self._vocabulary.encode(text, add_special_tokens=special).ids
            (encoding,) = self._vocabulary.encode_batch_fast([text], add_special_tokens=special)
        except (TypeError, UnicodeEncodeError):
            # JSON of ours holds none; a tool call's arguments are JSON inside a string.
            raise InvalidRequestError("The messages hold half of a surrogate pair.", param="messages") from None
        return encoding.ids

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """The text of token ids."""
        if len(ids) <= _SHORT:
            return self._vocabulary.decode(ids, skip_special_tokens=skip_special)
        (text,) = self._vocabulary.decode_batch([ids], skip_special_tokens=skip_special)
        return text

    def names(self, ids: Sequence[int]) -> list[str]:
        """The vocabulary's own names of tokens; empty for a token beyond it."""
        return [self._vocabulary.id_to_token(id_) or "" for id_ in ids]

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
    config = read_json(folder / "generation_config.json") or read_json(folder / "config.json")
    ids = config.get("eos_token_id")
    own = None if token is None else vocabulary.token_to_id(token)
    return frozenset(id_ for id_ in (own, *(ids if isinstance(ids, list) else [ids])) if id_ is not None)


def _special_tokens(folder: Path, config: dict[str, Any]) -> dict[str, str]:
    """`bos_token` and the like, given as text or as a description of an added token."""
    extra = config.get("extra_special_tokens")
    named = {**config, **(extra if isinstance(extra, dict) else {})}
    if "added_tokens_decoder" not in config:
        # Older folders: transformers, too, reads this file for them only.
        named |= read_json(folder / "special_tokens_map.json")
    texts = {key: _token_text(value) for key, value in named.items() if key.endswith("_token")}
    return {key: text for key, text in texts.items() if text is not None}


def _token_text(value: Any) -> str | None:
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None
