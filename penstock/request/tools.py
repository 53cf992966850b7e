"""`tools` and `tool_choice`."""

from __future__ import annotations

import msgspec

from penstock.errors import InvalidRequestError
from penstock.json_body import field_fault
from penstock.request.body import ChatBody, Tool
from penstock.request.schema import check_schema
from penstock.request.schema_bounds import SchemaBounds

CHOICES = ("none", "auto", "required")


def check_tools(body: ChatBody) -> None:
    """Raise InvalidRequestError for tools of a wrong form, or a choice among none of them."""
    # One grammar may have to know them all.
    bounds = SchemaBounds()
    names = [_checked(tool, index, bounds).function.name for index, tool in enumerate(body.tools or ())]
    choice = body.tool_choice
    if choice in (None, "none"):
        return
    if isinstance(choice, str) and choice not in CHOICES:
        raise InvalidRequestError(
            f"tool_choice is none, auto, required or a named function, got {choice[:40]!r}.", param="tool_choice"
        )
    if not names:
        raise InvalidRequestError("tool_choice needs tools.", param="tool_choice")
    if isinstance(choice, dict) and _name(choice) not in names:
        raise InvalidRequestError(
            f"tool_choice names {str(_name(choice))[:60]!r}, which is none of the tools; its form is "
            '{"type": "function", "function": {"name": …}}.',
            param="tool_choice",
        )


def _checked(sent: dict[str, object], index: int, bounds: SchemaBounds) -> Tool:
    where = f"tools[{index}]"
    try:
        tool = msgspec.convert(sent, Tool)
    except msgspec.ValidationError as error:
        fault = field_fault(error, Tool)
        param = f"{where}.{fault.param}" if fault.param else where
        raise InvalidRequestError(f"In {where}: {fault.message}", param=param) from None
    if tool.function.parameters is not None:
        check_schema(tool.function.parameters, f"{where}.function.parameters", bounds)
    return tool


def _name(choice: dict[str, object]) -> object:
    function = choice.get("function")
    return function.get("name") if isinstance(function, dict) else None
