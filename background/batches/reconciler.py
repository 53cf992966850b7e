"""Finds jobs of a batch that would stay open for ever: their record, or the ledger's entry of their end, was lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from penstock.broker import batches, job_index

if TYPE_CHECKING:
    from background.batches.expanding import Expansion
    from background.batches.results import Results
    from background.batches.work import Work
    from penstock.batches.batch import Batch

_EVERY_S = 30.0
_MOST = 500


class BatchReconciler:
    """Looks at all open jobs of a batch now and then, and mends what is wrong twice in a row."""

    def __init__(self, work: Work, expansion: Expansion, results: Results) -> None:
        self._work = work
        self._expansion = expansion
        self._results = results
        self._looked_s = time.monotonic()
        self._lost = set[str]()
        self._untold = set[str]()

    async def look(self, batch: Batch, cut_short: str, now_ms: int) -> None:
        """Make lost jobs again, and write the results of those whose end the ledger did not tell.

        Raises DisownedError, BrokerError, StorageError.
        """
        if time.monotonic() - self._looked_s < _EVERY_S:
            return
        self._looked_s = time.monotonic()
        places = await self._work.broker.ask(batches.open_lines(self._work.pool, self._work.id))
        jobs = list(places)
        found = await self._work.broker.ask_each([job_index.listed(self._work.pool, job) for job in jobs])
        lost = {job for job, one in zip(jobs, found, strict=True) if one is None}
        untold = {
            job
            for job, one in zip(jobs, found, strict=True)
            # A job whose record cannot be read never ends, and nobody is told of it.
            if isinstance(one, Exception) or (one is not None and one.state.terminal)
        }
        lost_for_sure, self._lost = lost & self._lost, lost
        untold_for_sure, self._untold = untold & self._untold, untold
        if cut_short:
            untold_for_sure |= lost_for_sure
        elif lost_for_sure:
            await self._expansion.make_again(batch, {job: places[job] for job in sorted(lost_for_sure)}, now_ms)
            # `batch` is a copy from before: of lines that were written meanwhile the record says more.
            return
        if untold_for_sure:
            await self._results.write_those(batch, sorted(untold_for_sure)[:_MOST], cut_short)
