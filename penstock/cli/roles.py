"""`penstock ingress | scheduler | background | worker | tokenizer`: one process of the stack."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cli import preconditions, standard_streams
from penstock.cli.options import EXIT_OK
from penstock.errors import SettingsError
from penstock.settings import require_models
from penstock.settings.environment import variable
from penstock.telemetry import exposition

if TYPE_CHECKING:
    from penstock.settings import Settings

# The roles are imported by their own commands only: each is the rest of a program that the others do not need.


def run_ingress(config: Path, processes: int | None) -> int:
    """Serve HTTP until told to stop."""
    override = {} if processes is None else {variable("ingress.processes"): str(processes)}
    settings = preconditions.loaded(config, {**os.environ, **override})
    preconditions.require_redis(settings)
    preconditions.require_storage(settings)
    standard_streams.forgive_output()
    with exposition.shared_between_processes() if settings.ingress.processes > 1 else contextlib.nullcontext():
        from ingress.main import run

        run(settings)
    return EXIT_OK


def run_scheduler(config: Path) -> int:
    """Lead pools, or wait to, until told to stop."""
    settings = preconditions.loaded(config)
    preconditions.require_redis(settings)
    standard_streams.forgive_output()
    from scheduler.main import run

    run(settings)
    return EXIT_OK


def run_background(config: Path) -> int:
    """Read the ledgers of all pools and deliver webhooks, until told to stop."""
    settings = preconditions.loaded(config)
    preconditions.require_redis(settings)
    preconditions.require_queue(settings)
    preconditions.require_storage(settings)
    standard_streams.forgive_output()
    from background.main import run

    run(settings)
    return EXIT_OK


def run_worker(config: Path, pool: str | None) -> int:
    """Keep a pool's workers running until told to stop."""
    settings = preconditions.loaded(config)
    name = _pool(settings, pool)
    preconditions.require_redis(settings)
    (recipe,) = preconditions.require_engines(settings, [name])
    standard_streams.forgive_output()
    from workers.main import run

    run(settings, name, recipe)
    return EXIT_OK


def run_tokenizer(config: Path) -> int:
    """Serve text to tokens and back until told to stop."""
    settings = preconditions.loaded(config)
    require_models(settings, settings.pools)
    standard_streams.forgive_output()
    from ingress.tokenizer_service import run

    run(settings)
    return EXIT_OK


def _pool(settings: Settings, wanted: str | None) -> str:
    if wanted is None and len(settings.pools) == 1:
        return next(iter(settings.pools))
    if wanted is None:
        raise SettingsError(f"There are several pools: name one with --pool ({', '.join(settings.pools)}).")
    return preconditions.require_pool(settings, wanted)
