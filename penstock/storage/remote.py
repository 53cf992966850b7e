"""Any store that fsspec reaches, S3 among them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from fsspec.core import url_to_fs

from penstock.storage.driver import Draft, Stored
from penstock.storage.names import UNFINISHED
from penstock.storage.remote_draft import ALWAYS, CommittedDraft, MovedDraft

_S3 = frozenset({"s3", "s3a"})
#: Their libraries are known to show nothing that is not committed.
_COMMITTED = _S3 | {"gs", "gcs"}
#: One process' own, for tests.
_MEMORY = "memory"
#: What is fetched at once, and held for each reader, who may be slow.
_READ_BYTES = 2 << 20
#: Within the time limit: a call that nobody waits for any more must not go on for minutes.
_TRIES = 2
#: What libraries call the moment of an object's last change.
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


class Remote:
    """The driver for a URL."""

    read_bytes = _READ_BYTES

    def __init__(self, url: str, options: Mapping[str, Any], timeout_s: float) -> None:
        self._scheme = url.partition("://")[0].lower()
        self.where = _without_secrets(url)
        # What other processes do must be seen at once.
        own = {"use_listings_cache": False, "skip_instance_cache": True}
        waits = _waits(timeout_s, options) if self._scheme in _S3 else {}
        self._fs, root = url_to_fs(url, **{**options, **own, **waits})
        self._root = root.rstrip("/")
        if hasattr(self._fs, "retries"):
            self._fs.retries = _TRIES

    def create(self, name: str) -> Draft:
        """Begin an object."""
        if self._scheme in _COMMITTED:
            return CommittedDraft(self._fs, self._path(name))
        if self._scheme == _MEMORY:
            return CommittedDraft(self._fs, self._path(name), ALWAYS)
        return MovedDraft(self._fs, self._path(name))

    def read(self, name: str, start: int, end: int) -> bytes:
        """Some of its bytes."""
        content: bytes = self._fs.cat_file(self._path(name), start=start, end=end)
        return content

    def size(self, name: str) -> int:
        """How many bytes it has."""
        known = self._fs.info(self._path(name))
        if known["type"] != "file":
            raise FileNotFoundError(name)
        return int(known["size"])

    def delete(self, name: str) -> None:
        """Delete it, and do not mind if it is not there."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def copy(self, source: str, target: str) -> None:
        """The store does it by itself."""
        if self._scheme not in _COMMITTED:
            self._fs.makedirs(self._path(target).rpartition("/")[0], exist_ok=True)
        self._fs.cp_file(self._path(source), self._path(target))

    def names(self, prefix: str) -> Iterator[Stored]:
        """The objects whose names begin so."""
        for known in self._files(self._path(prefix).rpartition("/")[0]):
            name = known["name"].removeprefix(self._root).lstrip("/")
            if name.startswith(prefix) and not _is_unfinished(known):
                yield Stored(name, int(known["size"]), _modified_s(known))

    def clear_unfinished(self, before_s: float) -> Iterator[bool]:
        """Files that were to be moved, and uploads of parts to S3."""
        if self._scheme in _S3:
            yield from self._abort_uploads(before_s)
            return
        for known in self._files(self._root):
            is_old = _is_unfinished(known) and _modified_s(known) < before_s
            if is_old:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(known["name"])
            yield is_old

    def _abort_uploads(self, before_s: float) -> Iterator[bool]:
        """Of those there are the first thousand: the others are for the next time."""
        bucket, prefix, _ = self._fs.split_path(f"{self._root}/")
        found = self._fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix)
        for one in found.get("Uploads", ()):
            is_old = one["Initiated"].timestamp() < before_s and self._written_s(bucket, one) < before_s
            if is_old:
                with suppress(FileNotFoundError):
                    self._fs.abort_mpu(bucket, one["Key"], one["UploadId"])
            yield is_old

    def _written_s(self, bucket: str, upload: Mapping[str, Any]) -> float:
        """When an upload of parts was last written to (Unix s); now, where it has just ended."""
        try:
            found = self._fs.call_s3("list_parts", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        except FileNotFoundError:
            return time.time()
        times = [upload["Initiated"], *(part["LastModified"] for part in found.get("Parts", ()))]
        return float(max(times).timestamp())

    def _files(self, folder: str) -> Iterator[Mapping[str, Any]]:
        """All in it, however deep, as the library tells of them."""
        for _, _, files in self._fs.walk(folder, detail=True):
            yield from files.values()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _waits(timeout_s: float, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """How long the library of S3 waits; the others have no common word for it."""
    wait_s = timeout_s / _TRIES
    own = {"connect_timeout": wait_s, "read_timeout": wait_s, "retries": {"total_max_attempts": 1}}
    return {"config_kwargs": {**own, **options.get("config_kwargs", {})}}


def _is_unfinished(known: Mapping[str, Any]) -> bool:
    name: str = known["name"]
    return name.rpartition("/")[2].startswith(UNFINISHED)


def _modified_s(known: Mapping[str, Any]) -> float:
    """Unix seconds; now, where nobody says: nothing is to be taken for old that may be new."""
    value = next((known[name] for name in _TIMES if known.get(name) is not None), None)
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if isinstance(value, int | float) else time.time()


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
