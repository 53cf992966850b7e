"""What vLLM has to say of a pool's options, before an engine is started with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from pydantic import ValidationError
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.reasoning import ReasoningParserManager
from vllm.tool_parsers import ToolParserManager

from penstock.errors import SettingsError
from penstock.settings.rules import did_you_mean
from workers.engine.vllm.config import engine_config
from workers.engine.vllm.settings import VllmSettings


def check_names(settings: VllmSettings) -> None:
    """Look up what vLLM knows by name; starts nothing, so that the process may fork. Raises SettingsError."""
    _require("tool_parser", settings.tool_parser, ToolParserManager.list_registered())
    _require("reasoning_parser", settings.reasoning_parser, ReasoningParserManager.list_registered())
    arguments = [field.name for field in dataclasses.fields(AsyncEngineArgs)]
    for name in settings.engine_args:
        if name not in arguments:
            raise SettingsError(f"engine_args.{name}: vLLM has no such argument{did_you_mean(name, arguments)}")


def check_values(settings: VllmSettings) -> None:
    """Have vLLM make its configuration of them, which may start threads. Raises SettingsError."""
    check_names(settings)
    try:
        engine_config(settings)
    except Exception as error:
        raise SettingsError(f"vLLM refuses them: {_reason(error)}") from error


def _require(option: str, name: str | None, known: Iterable[str]) -> None:
    known = list(known)
    if name is not None and name not in known:
        raise SettingsError(f"{option}: vLLM has no {name!r}{did_you_mean(name, known)} It has {', '.join(known)}.")


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error) or type(error).__name__
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
