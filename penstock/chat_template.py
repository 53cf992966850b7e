"""Chat templates as model folders bring them: Jinja in a sandbox, with the names HuggingFace gives to templates."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from penstock.chat_content import with_plain_content
from penstock.errors import InvalidRequestError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2.parser import Parser


class ChatTemplate:
    """A compiled template; `special_tokens` are the variables such as `bos_token` that it may use."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self._special_tokens = special_tokens
        try:
            self._template = _environment().from_string(source)
        except TemplateError as error:
            raise SettingsError(f"The model's chat template cannot be read: {error}") from error

    def render(self, messages: Sequence[dict[str, Any]], **variables: Any) -> str:
        """The conversation as the model was trained to see it. Raises InvalidRequestError where the template refuses.

        `variables` reach the template as they are; `add_generation_prompt` is true unless they say otherwise.
        """
        conversation = [_with_parsed_arguments(message) for message in with_plain_content(messages)]
        names = {**self._special_tokens, "add_generation_prompt": True, **variables, "messages": conversation}
        try:
            return self._template.render(names)
        except (TemplateError, TypeError, ValueError, LookupError) as error:
            # A template is a program over what the client sent: whatever it trips over is in the messages.
            raise InvalidRequestError(f"The chat template refused the messages: {error}", param="messages") from error


class _Generation(Extension):
    """`{% generation %}` marks what an assistant wrote, for training; serving keeps its body and drops the mark."""

    tags = {"generation"}  # noqa: RUF012  (Jinja's own way to declare a tag)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _with_parsed_arguments(message: dict[str, Any]) -> dict[str, Any]:
    """Templates iterate over a tool call's arguments; the API carries them as a string of JSON."""
    calls = message.get("tool_calls")
    return {**message, "tool_calls": [_parsed_call(call) for call in calls]} if isinstance(calls, list) else message


def _parsed_call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    return {**call, "function": {**function, "arguments": _parsed_arguments(function["arguments"])}}


def _parsed_arguments(arguments: str) -> Any:
    """No arguments where a model once wrote bad JSON: an error would end every later turn of that conversation."""
    try:
        return json.loads(arguments)
    except ValueError:
        return {}


def _tojson(value: Any, indent: int | None = None, **options: Any) -> str:
    """Jinja's own `tojson` escapes HTML, which no model was trained on."""
    return json.dumps(value, indent=indent, **{"ensure_ascii": False, **options})


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(layout: str) -> str:
    return datetime.now().astimezone().strftime(layout)
