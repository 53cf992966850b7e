"""A background process whose disk fails for a while: `python -m tests.harness.failing_disk_background CONFIG ERRNO`."""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

from background import main
from penstock.settings import load
from penstock.storage.folder import FolderDraft

#: Writes of parts that do not succeed: those of the third part, again and again.
FAILING = range(2, 6)

_writes = count()
_write = FolderDraft.write


def _write_or_fail(draft: FolderDraft, data: bytes) -> None:
    if draft._path.name.startswith("output") and next(_writes) in FAILING:
        number = int(sys.argv[2])
        raise OSError(number, os.strerror(number))
    _write(draft, data)


if __name__ == "__main__":
    FolderDraft.write = _write_or_fail  # type: ignore[method-assign, assignment]
    main.run(load(Path(sys.argv[1])))
