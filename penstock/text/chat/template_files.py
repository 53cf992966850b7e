"""The chat templates of a model folder, by name, wherever HuggingFace has kept them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from penstock.errors import SettingsError
from penstock.text.json_file import read_json

DEFAULT = "default"
#: Chosen when a request brings tools.
TOOL_USE = "tool_use"
#: What a template has, and a path has not.
_JINJA_CHARACTERS = frozenset("{}\n")


def template_sources(folder: Path, config: dict[str, Any], override: str | None) -> dict[str, str]:
    """Jinja sources by name; none where the model has no template. Raises SettingsError.

    `config` is the folder's tokenizer_config.json; `override` is a source or a file's path, and replaces all others.
    """
    if override is not None:
        return {DEFAULT: _given(override)}
    if files := _files(folder):
        return files
    # Processors of several media keep it in a file of its own.
    return _named(config.get("chat_template")) or _named(read_json(folder / "chat_template.json").get("chat_template"))


def _given(template: str) -> str:
    if _JINJA_CHARACTERS & set(template):
        return template
    path = Path(template)
    if not path.is_file():
        raise SettingsError(f"There is no {path}: `chat_template` is Jinja source, or the path of a file with it.")
    return path.read_text(encoding="utf-8")


def _files(folder: Path) -> dict[str, str]:
    paths = {path.stem: path for path in sorted((folder / "additional_chat_templates").glob("*.jinja"))}
    if (path := folder / "chat_template.jinja").is_file():
        paths[DEFAULT] = path
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}


def _named(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {DEFAULT: value}
    named = value if isinstance(value, list) else []
    return {str(one["name"]): str(one["template"]) for one in named if isinstance(one, dict)}
