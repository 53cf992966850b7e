"""Which engine a pool's settings ask for; only that one is imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from penstock.errors import SettingsError
from penstock.settings import EngineName

if TYPE_CHECKING:
    from penstock.settings import PoolSettings
    from workers.engine.base import Engine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a pool's engines."""

    #: Imports once, in the host, what every worker needs.
    preload: Callable[[], None]
    build: Callable[[], Engine]


def recipe(settings: PoolSettings) -> Recipe:
    """Check a pool's engine options. Raises SettingsError."""
    return {EngineName.SIMULATED: _simulated, EngineName.VLLM: _vllm}[settings.engine](settings)


def _simulated(settings: PoolSettings) -> Recipe:
    from workers.engine.simulated import SimulatedEngine, SimulatedSettings

    options = _options(SimulatedSettings, {"slots": settings.slots, **settings.options})
    return Recipe(_nothing, lambda: SimulatedEngine(options))


def _vllm(settings: PoolSettings) -> Recipe:
    from workers.engine.vllm import VllmEngine, VllmSettings

    model = str(settings.model)
    options = _options(VllmSettings, {"model": model, "slots": settings.slots, **settings.options})

    def preload() -> None:
        from workers.engine.vllm.preload import preload

        preload([model], is_compiled=options.is_compiled)

    return Recipe(preload, lambda: VllmEngine(options))


def _options(kind: type[T], options: dict[str, Any]) -> T:
    try:
        return msgspec.convert(options, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"options of the engine: {error}.") from error


def _nothing() -> None:
    """What an engine without heavy imports preloads."""
