"""An object that is being written to a store that fsspec reaches: two ways to make it visible all at once."""

from __future__ import annotations

import math
import secrets
import threading
from contextlib import suppress
from typing import Any

from penstock.storage.names import UNFINISHED

#: What is sent at once, and held for each writer: the least that a part of an upload to S3 may have.
BLOCK_BYTES = 5 << 20


class CommittedDraft:
    """For object stores whose library makes an object visible on commit.

    A short one is sent as a whole: that takes one request instead of three.
    """

    def __init__(self, fs: Any, path: str, sent_whole_below: float = BLOCK_BYTES) -> None:
        self._fs = fs
        self._path = path
        self._sent_whole_below = sent_whole_below
        self._lock = threading.Lock()
        self._gathered = bytearray()
        self._file: Any = None

    def write(self, data: bytes) -> None:
        """Append."""
        with self._lock:
            if self._file is None:
                self._gathered += data
                if len(self._gathered) < self._sent_whole_below:
                    return
                self._file = self._fs.open(self._path, "wb", block_size=BLOCK_BYTES, autocommit=False)
                data = bytes(self._gathered)
                self._gathered.clear()
            self._file.write(data)

    def commit(self) -> None:
        """Make it visible."""
        with self._lock:
            if self._file is None:
                self._fs.pipe_file(self._path, bytes(self._gathered))
            else:
                self._file.close()
                self._file.commit()

    def discard(self) -> None:
        """Have the store forget it."""
        with self._lock:
            if self._file is not None:
                # A file that is left open is written to its end when it is garbage-collected.
                self._file.forced = True
                self._file.discard()


class MovedDraft:
    """For all others, whose libraries may have no commit: written under another name, and moved into its place."""

    def __init__(self, fs: Any, path: str) -> None:
        self._fs = fs
        self._path = path
        folder = path.rpartition("/")[0]
        self._beside = f"{folder}/{UNFINISHED}{secrets.token_hex(8)}"
        self._lock = threading.Lock()
        fs.makedirs(folder, exist_ok=True)
        self._file = fs.open(self._beside, "wb", block_size=BLOCK_BYTES)

    def write(self, data: bytes) -> None:
        """Append."""
        with self._lock:
            self._file.write(data)

    def commit(self) -> None:
        """Move it."""
        with self._lock:
            self._file.close()
            self._fs.mv(self._beside, self._path)

    def discard(self) -> None:
        """Remove it."""
        with self._lock:
            self._file.close()
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._beside)


#: For `sent_whole_below` where nothing is gained by sending parts.
ALWAYS = math.inf
