"""Every bench there is, told by its module: what it shows, and its headline."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass

import bench
from bench.harness.headline import Headline


@dataclass(frozen=True, slots=True)
class Bench:
    """A module of the package `bench`, run by `python -m`."""

    name: str
    #: One line: what it shows.
    shows: str
    headline: Headline

    @property
    def module(self) -> str:
        """For `python -m`."""
        return f"{bench.__name__}.{self.name}"


def names() -> list[str]:
    """Of all benches, in the order in which they are listed and run."""
    modules = pkgutil.iter_modules(bench.__path__)
    return sorted(module.name for module in modules if not module.ispkg and not module.name.startswith("_"))


def bench_of(name: str) -> Bench:
    """Read from its module. Raises AttributeError where that declares no headline."""
    module = importlib.import_module(f"{bench.__name__}.{name}")
    shows = (module.__doc__ or "").partition("\n")[0]
    return Bench(name, shows, module.HEADLINE)


def listing(benches: Iterable[Bench]) -> str:
    """A line for each: what it shows, by which figure it is judged, and what that should be."""
    return "\n".join(f"  {one.name:<14} {one.shows} {one.headline.name}: {one.headline.aim}" for one in benches)
