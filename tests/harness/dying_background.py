"""A background process that kills itself right before one of its steps: `python -m tests.harness.dying_background`."""

from __future__ import annotations

import enum
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from background import main
from background.batches import finishing, run, validating
from background.batches.parts import PartWriter
from background.delivering import Delivering
from background.hand_over import HandOver
from background.ledger_reader import LedgerReader
from penstock.broker import batches
from penstock.settings import load


class Step(enum.StrEnum):
    """What it does not live to do."""

    #: A delivery of an end.
    RECORD = "record"
    #: Give it to arq.
    QUEUE = "queue"
    #: Go past the end in the ledger.
    GO_PAST = "go_past"
    #: Write down what came of an attempt.
    NOTE = "note"


class BatchStep(enum.StrEnum):
    """What it does not live to do for a batch; some of it not for the second time."""

    COPY_INPUT = "copy_input"
    BEGIN = "begin"
    MAKE_JOBS = "make_jobs"
    MAKE_MORE_JOBS = "make_more_jobs"
    STORE_PART = "store_part"
    RECORD_PART = "record_part"
    RECORD_ANOTHER_PART = "record_another_part"
    FINALIZE = "finalize"
    RECORD_FILES = "record_files"
    END = "end"
    TELL = "tell"
    CLEAR_UP = "clear_up"
    SETTLE = "settle"


#: Where each is done, and how often it is done before.
_BATCH_METHODS: dict[BatchStep, tuple[object, str, int]] = {
    BatchStep.COPY_INPUT: (validating, "copy_input", 0),
    BatchStep.BEGIN: (validating, "change", 0),
    BatchStep.MAKE_JOBS: (batches, "enqueue_lines", 0),
    BatchStep.MAKE_MORE_JOBS: (batches, "enqueue_lines", 3),
    BatchStep.STORE_PART: (PartWriter, "_store", 0),
    BatchStep.RECORD_PART: (batches, "record", 0),
    BatchStep.RECORD_ANOTHER_PART: (batches, "record", 2),
    BatchStep.FINALIZE: (run, "change", 0),
    BatchStep.RECORD_FILES: (finishing, "_make_file", 0),
    BatchStep.END: (finishing, "change", 0),
    BatchStep.TELL: (HandOver, "tell", 0),
    BatchStep.CLEAR_UP: (finishing, "_clear", 0),
    BatchStep.SETTLE: (batches, "settle", 0),
}
_METHODS: dict[Step, tuple[type, str]] = {
    Step.RECORD: (HandOver, "_record"),
    Step.QUEUE: (HandOver, "_put_all"),
    Step.GO_PAST: (LedgerReader, "_apply"),
    Step.NOTE: (Delivering, "_note"),
}


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_after(times: int, work: Callable[..., Any]) -> Callable[..., Any]:
    """The same work so many times, and then none."""
    left = iter(range(times))

    def work_or_die(*args: Any, **named: Any) -> Any:
        if next(left, None) is None:
            _die()
        return work(*args, **named)

    return work_or_die


def _prepare(step: str) -> None:
    if step in set(Step):
        kind, name = _METHODS[Step(step)]
        setattr(kind, name, _die)
    else:
        place, name, times = _BATCH_METHODS[BatchStep(step)]
        setattr(place, name, _die_after(times, getattr(place, name)))


if __name__ == "__main__":
    _prepare(sys.argv[2])
    main.run(load(Path(sys.argv[1])))
