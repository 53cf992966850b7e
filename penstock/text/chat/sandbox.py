"""The sandbox of chat templates, with the names that HuggingFace gives to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

#: The longest text or list that a template may make by multiplication, and the largest power.
_MAX_REPEATED = 1 << 20
_MAX_BITS = 4096


class RefusedByTemplateError(TemplateError):
    """The template itself refused, in words of its own."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which a client's number cannot make a gigabyte of one character."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002  (Jinja's)
        if operator == "**":
            _check_power(left, right)
        else:
            _check_repetition(left, right)
            _check_repetition(right, left)
        operate: Callable[[Any, Any], Any] = self.binop_table[operator]
        return operate(left, right)


class _Generation(Extension):
    """`{% generation %}` marks what an assistant wrote, for training; serving keeps its body and drops the mark."""

    tags = {"generation"}  # noqa: RUF012  (Jinja's own way to declare a tag)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        # What is set inside does not reach beyond, as in training.
        return nodes.Scope(body, lineno=line)


def sandbox() -> ImmutableSandboxedEnvironment:
    """A fresh environment for one template."""
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _check_power(base: Any, exponent: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > _MAX_BITS:
        raise OverflowError


def _check_repetition(sequence: Any, count: Any) -> None:
    if isinstance(sequence, str | list | tuple) and isinstance(count, int) and len(sequence) * count > _MAX_REPEATED:
        raise OverflowError


def _tojson(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002  (templates give them by place)
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002
) -> str:
    """Jinja's own `tojson` escapes HTML, which no model was trained on."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise RefusedByTemplateError(message)


def _strftime_now(layout: str) -> str:
    return datetime.now().strftime(layout)  # noqa: DTZ005  (templates know no zone: `%Z` is empty)
