"""typer's commands, without what costs much and helps nobody here.

typer has pydantic convert every value of a command line, texts and defaults too. To import it takes longer than what
else a command line needs, and a scheduler, a worker and most other commands have no use for it.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption


class _Option(TyperOption):
    def process_value(self, ctx: Any, value: Any) -> Any:
        return value if _is_converted(self, value) else super().process_value(ctx, value)


class _Argument(TyperArgument):
    def process_value(self, ctx: Any, value: Any) -> Any:
        return value if _is_converted(self, value) else super().process_value(ctx, value)


#: What other command lines, and the API, call what a command does here.
_RELATED = {
    "content": "download",
    "create": "submit",
    "fetch": "download",
    "get": "show",
    "ls": "list",
    "remove": "delete",
    "retrieve": "show",
    "rm": "delete",
    "stop": "cancel",
}


class Command(TyperCommand):
    """A command whose texts stay as they were typed."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its options and arguments, `--help` among them."""
        return _lightened(super().get_params(ctx))


class Group(TyperGroup):
    """The same for a command that has commands of its own."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named; where there is none, the message names the one that does that."""
        related = _RELATED.get(args[0])
        if related in self.commands and args[0] not in self.commands:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {related!r}?")
        return super().resolve_command(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """Its options, `--help` among them."""
        return _lightened(super().get_params(ctx))


def _lightened(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        parameter.__class__ = _Option if isinstance(parameter, TyperOption) else _Argument
        if isinstance(parameter, TyperOption) and parameter.is_flag:
            # Its help would say that a flag takes a value.
            parameter.metavar = ""
    return parameters


def _is_converted(parameter: TyperOption | TyperArgument, value: Any) -> bool:
    """Whether a value is a text that shall be one, or was not typed and need not be."""
    if value is None:
        return not parameter.required
    return isinstance(value, str) and parameter.type_descriptor.annotation is str
