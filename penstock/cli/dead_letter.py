"""`penstock dead-letter list | show | retry`: jobs that lost too many workers."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from penstock.broker import dead_letters
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.dead_letters import DeadLetter
from penstock.broker.records import record
from penstock.cli.options import EXIT_OK, command
from penstock.errors import PenstockError
from penstock.job import Job, State, pool_of
from penstock.settings import Settings, load

if TYPE_CHECKING:
    from penstock.cli.options import Commands


def add_to(commands: Commands) -> None:
    """Add `dead-letter` and its parts."""
    summary = "look at jobs that lost too many workers, and try them again"
    parts = commands.add_parser("dead-letter", help=summary).add_subparsers(metavar="PART", required=True)
    listing = command(parts, "list", "one line per dead letter, oldest first", show_list)
    listing.add_argument("--pool", help="of this pool only")
    command(parts, "show", "one dead letter with its evidence, as JSON", show_one).add_argument("job")
    command(parts, "retry", "submit a dead letter's request as a new job", retry).add_argument("job")


def show_list(args: argparse.Namespace) -> int:
    """Print job id, time, losses, model and the last loss of every dead letter."""
    asyncio.run(_show_list(load(args.config), args.pool))
    return EXIT_OK


def show_one(args: argparse.Namespace) -> int:
    """Print everything that is known about one dead letter."""
    asyncio.run(_show_one(load(args.config), args.job))
    return EXIT_OK


def retry(args: argparse.Namespace) -> int:
    """Submit the request again, print the new job's id, and drop the letter."""
    asyncio.run(_retry(load(args.config), args.job))
    return EXIT_OK


async def _show_list(settings: Settings, pool: str | None) -> None:
    async with _connected(settings) as broker:
        for name in [pool] if pool else settings.pools:
            async for letter in dead_letters.letters(broker, name):
                job = await broker.ask(record(letter.pool, letter.job))
                model = job.model if job else "(record expired)"
                why = letter.evidence[-1]["why"] if letter.evidence else ""
                print(f"{letter.job}  {_when(letter.at_ms)}  {letter.losses} lost  {model}  {why}")


async def _show_one(settings: Settings, job_id: str) -> None:
    async with _connected(settings) as broker:
        letter = await _found(broker, job_id)
        job = await broker.ask(record(letter.pool, job_id))
        print(json.dumps(_described(letter, job), indent=2, ensure_ascii=False))


async def _retry(settings: Settings, job_id: str) -> None:
    async with _connected(settings) as broker:
        letter = await _found(broker, job_id)
        job = await broker.ask(record(letter.pool, job_id))
        if job is None or letter.pool not in settings.pools:
            raise PenstockError(f"Job {job_id} cannot be tried again: its record has expired, or its pool is gone.")
        if job.state is not State.DEAD_LETTERED:
            raise PenstockError(f"Job {job_id} has been tried again by its client since, and is {job.state}.")
        queue_timeout_s = settings.pools[letter.pool].queue_timeout_s
        print(await dead_letters.retry(broker, letter, job, queue_timeout_ms=round(queue_timeout_s * 1000)))


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Broker]:
    broker = Broker(Endpoint.parse(settings.redis.address), timeout_s=settings.redis.command_timeout_s)
    try:
        yield broker
    finally:
        await broker.close()


async def _found(broker: Broker, job_id: str) -> DeadLetter:
    async for letter in dead_letters.letters(broker, pool_of(job_id)):
        if letter.job == job_id:
            return letter
    raise PenstockError(f"There is no dead letter of job {job_id}; `penstock dead-letter list` names those there are.")


def _described(letter: DeadLetter, job: Job | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "job": letter.job,
        "pool": letter.pool,
        "given_up": _when(letter.at_ms),
        "losses": letter.losses,
        "evidence": [{**loss, "at": _when(loss["at_ms"])} for loss in letter.evidence],
    }
    if job:
        generated = job.result.generated if job.result else job.prefix
        described["request"] = {
            "model": job.model,
            "class": job.job_class,
            "tenant": job.tenant,
            "accepted": _when(job.created_ms),
            "api": job.api,
            "body": json.loads(job.body),
        }
        described["generated"] = {"tokens": len(generated.tokens), "text": "".join(generated.pieces)}
    return described


def _when(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds")
