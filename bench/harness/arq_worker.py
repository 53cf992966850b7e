"""An arq worker with one no-op function, for the comparison in the jobs bench."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from arq.connections import RedisSettings
from arq.worker import Worker


async def no_op(_context: dict[Any, Any]) -> str:
    """What a job of one token is worth."""
    return "x"


async def main(port: int) -> None:
    """Run until killed, with arq's own limits raised to what the bench keeps in flight."""
    settings = RedisSettings(port=port, database=1)
    worker = Worker([no_op], redis_settings=settings, max_jobs=512, poll_delay=0.01, handle_signals=False)
    await worker.main()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
