"""What is asked of every row besides its prompt, and the request that a prompt becomes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from penstock.cli.batch_input.text_file import from_one
from penstock.errors import InvalidRequestError, SettingsError
from penstock.request.schema import check_schema

ENDPOINT = "/v1/chat/completions"
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_MOST_CHARACTERS = 64


class Terms(Struct, frozen=True, kw_only=True):
    """What the command line asks for; None says nothing."""

    prompt: str | None = None
    model: str | None = None
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    #: `response_format`, of the schema that answers follow.
    response_format: dict[str, Any] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options that were given, as they are typed, with their values."""
        names = {"response_format": "--schema"}
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {names.get(name, f"--{name.replace('_', '-')}"): value for name, value in values if value is not None}


def request_line(line: int, prompt: str, terms: Terms) -> bytes:
    """One line of a batch's input, with its end, for the row on a line of the file."""
    system = [] if terms.system is None else [{"role": "system", "content": terms.system}]
    body = {
        "model": terms.model,
        "messages": [*system, {"role": "user", "content": prompt}],
        "max_tokens": terms.max_tokens,
        "temperature": terms.temperature,
        "response_format": terms.response_format,
    }
    given = {name: value for name, value in body.items() if value is not None}
    request = {"custom_id": f"line-{line}", "method": "POST", "url": ENDPOINT, "body": given}
    return msgspec.json.encode(request) + b"\n"


def schema_format(file: str) -> dict[str, Any]:
    """`response_format` for the JSON Schema in a file. Raises SettingsError."""
    try:
        schema = msgspec.json.decode(Path(file).read_bytes())
    except OSError as error:
        raise SettingsError(f"--schema: {file}: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"--schema: {file} is not valid JSON: {from_one(error)}.") from None
    if not isinstance(schema, dict):
        raise SettingsError(f"--schema: {file} is no JSON Schema: it must be an object.")
    try:
        check_schema(schema, file)
    except InvalidRequestError as error:
        raise SettingsError(f"--schema: {error.message}") from None
    name = _NO_NAME.sub("_", Path(file).stem)[:_MOST_CHARACTERS]
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}


def require_text(option: str, text: str | None) -> str | None:
    """The value of an option. Raises SettingsError where its bytes are no text, which no request could carry."""
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{option}: it is not text in UTF-8.") from None
    return text
