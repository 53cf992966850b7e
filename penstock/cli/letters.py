"""Dead letters as `penstock dead-letter` finds, shows and tries them again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.broker import dead_letters
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.records import record
from penstock.cli import table
from penstock.cli.columns import Column, Kind
from penstock.cli.job_ids import bare
from penstock.cli.options import EXIT_OK
from penstock.cli.preconditions import require_pool
from penstock.cli.printable import printable_json
from penstock.errors import BrokerUnavailableError, PenstockError
from penstock.job import State, pool_of
from penstock.settings import load

if TYPE_CHECKING:
    from penstock.broker.dead_letters import DeadLetter
    from penstock.job import Job
    from penstock.settings import Settings


COLUMNS = (
    Column("Job"),
    Column("Given up"),
    Column("Workers", rank=2),
    Column("Model", Kind.TEXT, rank=1),
    Column("Why", Kind.TEXT),
)


def show_list(config: Path, pool: str | None, *, as_json: bool) -> int:
    """A row per dead letter, or those of one pool. Raises SettingsError."""
    settings = load(config)
    pools = [*settings.pools] if pool is None else [require_pool(settings, pool)]
    asyncio.run((_print_json if as_json else _print_list)(settings, pools))
    return EXIT_OK


def show_one(config: Path, job_id: str) -> int:
    """Everything that is known about one dead letter. Raises PenstockError where there is none."""
    asyncio.run(_print_one(load(config), bare(job_id)))
    return EXIT_OK


def retry(config: Path, job_id: str) -> int:
    """Submit the request again, print the new job's id, and drop the letter. Raises PenstockError if that cannot be."""
    asyncio.run(_retry(load(config), bare(job_id)))
    return EXIT_OK


async def _print_list(settings: Settings, pools: Sequence[str]) -> None:
    async with _connected(settings) as broker:
        rows = [
            (
                each["job"],
                datetime.fromisoformat(each["given_up"]),
                f"{each['losses']} lost",
                each["model"] or "(record expired)",
                each["why"],
            )
            async for each in _summaries(broker, pools)
        ]
    table.show(COLUMNS, rows)


async def _print_json(settings: Settings, pools: Sequence[str]) -> None:
    async with _connected(settings) as broker:
        async for each in _summaries(broker, pools):
            print(printable_json(each))


async def _print_one(settings: Settings, job_id: str) -> None:
    async with _connected(settings) as broker:
        letter = await _found(broker, job_id)
        job = await broker.ask(record(letter.pool, job_id))
        print(printable_json(_described(letter, job), indent=2))


async def _retry(settings: Settings, job_id: str) -> None:
    async with _connected(settings) as broker:
        letter = await _found(broker, job_id)
        job = await broker.ask(record(letter.pool, job_id))
        if letter.pool not in settings.pools:
            raise PenstockError(
                f"Job {job_id} cannot be tried again: its pool, {letter.pool}, is not in this configuration (--config)."
            )
        if job is None:
            raise PenstockError(f"Job {job_id} cannot be tried again: its record has expired.")
        if job.state is not State.DEAD_LETTERED:
            raise PenstockError(f"Job {job_id} has been tried again by its client since, and is {job.state}.")
        queue_timeout_s = settings.pools[letter.pool].queue_timeout_s
        print(await dead_letters.retry(broker, letter, job, queue_timeout_ms=round(queue_timeout_s * 1000)))


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Broker]:
    broker = Broker(Endpoint.parse(settings.redis.address), timeout_s=settings.redis.command_timeout_s)
    try:
        yield broker
    except BrokerUnavailableError as error:
        raise PenstockError(_away(settings, broker.address, error)) from None
    finally:
        await broker.close()


async def _summaries(broker: Broker, pools: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    for pool in pools:
        async for letter in dead_letters.letters(broker, pool):
            job = await broker.ask(record(pool, letter.job))
            yield {
                "job": letter.job,
                "pool": pool,
                "given_up": _when(letter.at_ms),
                "losses": letter.losses,
                "model": job.model if job else None,
                "why": letter.evidence[-1]["why"] if letter.evidence else "",
            }


async def _found(broker: Broker, job_id: str) -> DeadLetter:
    async for letter in dead_letters.letters(broker, pool_of(job_id)):
        if letter.job == job_id:
            return letter
    raise PenstockError(f"There is no dead letter of job {job_id}; `penstock dead-letter list` names those there are.")


def _away(settings: Settings, address: str, error: BrokerUnavailableError) -> str:
    """Where Redis was looked for, and what to do."""
    if not settings.redis.is_embedded:
        return f"{error} ({address}): is it running, and is redis.url right?"
    return (
        f"{error} ({address}): `penstock up` starts it. Run this where that runs, with the same --config and the same "
        f"redis.data_dir, which is {settings.redis.data_dir} here."
    )


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
