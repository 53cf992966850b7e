"""Files that appear all at once, and are on the disk when they do."""

from __future__ import annotations

import os
from pathlib import Path


def replace(written: Path, path: Path) -> None:
    """Give a file that is on the disk the name that it shall have."""
    written.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk know what a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
