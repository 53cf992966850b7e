"""`penstock ingress | scheduler | worker | tokenizer`: one process of the stack."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING

from penstock.cli import preconditions, standard_streams
from penstock.cli.options import EXIT_OK, command
from penstock.errors import SettingsError
from penstock.settings import load, require_models
from penstock.settings.environment import variable
from penstock.telemetry import exposition

if TYPE_CHECKING:
    from penstock.cli.options import Commands
    from penstock.settings import Settings

# The roles are imported by their own commands only: each is the rest of a program that the others do not need.


def add_to(commands: Commands) -> None:
    """Add the four roles."""
    ingress = command(commands, "ingress", "take HTTP requests and stream the answers", run_ingress)
    ingress.add_argument("--processes", type=int, help="processes that share the port (default: ingress.processes)")
    command(
        commands, "scheduler", "assign waiting jobs to workers; the leader of each pool, or ready to be", run_scheduler
    )
    worker = command(commands, "worker", "run a pool's engines", run_worker)
    worker.add_argument("--pool", help="which pool (needed where there are several)")
    command(commands, "tokenizer", "serve /tokenize and /detokenize alone", run_tokenizer)


def run_ingress(args: argparse.Namespace) -> int:
    """Serve HTTP until told to stop."""
    processes = {} if args.processes is None else {variable("ingress.processes"): str(args.processes)}
    settings = load(args.config, {**os.environ, **processes})
    preconditions.require_redis(settings)
    standard_streams.forgive_output()
    with exposition.shared_between_processes() if settings.ingress.processes > 1 else contextlib.nullcontext():
        from ingress.main import run

        run(settings)
    return EXIT_OK


def run_scheduler(args: argparse.Namespace) -> int:
    """Lead pools, or wait to, until told to stop."""
    settings = load(args.config)
    preconditions.require_redis(settings)
    standard_streams.forgive_output()
    from scheduler.main import run

    run(settings)
    return EXIT_OK


def run_worker(args: argparse.Namespace) -> int:
    """Keep a pool's workers running until told to stop."""
    settings = load(args.config)
    pool = _pool(settings, args.pool)
    preconditions.require_redis(settings)
    (recipe,) = preconditions.require_engines(settings, [pool])
    standard_streams.forgive_output()
    from workers.main import run

    run(settings, pool, recipe)
    return EXIT_OK


def run_tokenizer(args: argparse.Namespace) -> int:
    """Serve text to tokens and back until told to stop."""
    settings = load(args.config)
    require_models(settings, settings.pools)
    standard_streams.forgive_output()
    from ingress.tokenizer_service import run

    run(settings)
    return EXIT_OK


def _pool(settings: Settings, wanted: str | None) -> str:
    known = ", ".join(settings.pools)
    if wanted is None and len(settings.pools) == 1:
        return next(iter(settings.pools))
    if wanted is None:
        raise SettingsError(f"There are several pools: name one with --pool ({known}).")
    if wanted not in settings.pools:
        raise SettingsError(f"--pool: no pool {wanted!r}; there are {known}.")
    return wanted
