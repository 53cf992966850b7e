"""The output of a run: every line that the server has for it, in one file that appears when it is whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from penstock.cli.batch_run.durable import replace
from penstock.errors import PenstockError

_CHUNK_BYTES = 1 << 20
#: Writes the content of one file of the server.
Download = Callable[[BinaryIO], None]


class Requests(Struct, frozen=True, kw_only=True):
    """What there must be results of."""

    #: The names of all of them, in their order; may be asked for again.
    ids: Callable[[], Iterable[str]]
    #: Whether results are to be in that order.
    are_in_order: bool


class IncompleteError(PenstockError):
    """What the server has for a batch is not one line for each of its requests."""


class _Result(Struct):
    custom_id: str


_decoder = msgspec.json.Decoder(_Result)


class Place(Struct, frozen=True, array_like=True):
    """Where a line is."""

    offset: int
    size: int


def write(output: Path, downloads: Iterable[Download], asked: Requests) -> None:
    """Put the server's files together as `output`. Raises IncompleteError, OSError."""
    with tempfile.TemporaryFile(dir=output.absolute().parent) as gathered:
        for download in downloads:
            download(gathered)
        places = places_of(gathered)
        _require_each(places, asked)
        with _appearing(output) as file:
            if asked.are_in_order:
                file.writelines(_lines(gathered, places, asked.ids()))
            else:
                gathered.seek(0)
                shutil.copyfileobj(gathered, file, _CHUNK_BYTES)


def sort(output: Path, ids: Callable[[], Iterable[str]]) -> None:
    """Put the lines of an output that is there in the order of their requests. Raises IncompleteError, OSError."""
    with output.open("rb") as file:
        write(output, [partial(shutil.copyfileobj, file)], Requests(ids=ids, are_in_order=True))


def places_of(file: BinaryIO) -> dict[str, Place]:
    """Where the line of each request is. Raises IncompleteError for a name that comes twice, or a line that is none."""
    places: dict[str, Place] = {}
    offset = 0
    file.seek(0)
    for line in file:
        custom_id = _custom_id(line)
        if custom_id in places:
            raise IncompleteError(f"The server has two results for {custom_id!r}.")
        places[custom_id] = Place(offset, len(line))
        offset += len(line)
    return places


def _custom_id(line: bytes) -> str:
    try:
        return _decoder.decode(line).custom_id
    except msgspec.DecodeError as error:
        raise IncompleteError(f"The server has a result that cannot be read: {error}.") from None


def _require_each(places: Mapping[str, Place], asked: Requests) -> None:
    count = 0
    for custom_id in asked.ids():
        if custom_id not in places:
            raise IncompleteError(f"The server has no result for {custom_id!r}.")
        count += 1
    if count != len(places):
        raise IncompleteError(f"The server has {len(places) - count} results for what was not asked.")


def _lines(file: BinaryIO, places: Mapping[str, Place], order: Iterable[str]) -> Iterator[bytes]:
    for custom_id in order:
        place = places[custom_id]
        file.seek(place.offset)
        yield file.read(place.size)


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """A file that has its name once it is whole, and on the disk."""
    beside = path.with_name(f"{path.name}.partial")
    with beside.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    replace(beside, path)
