"""Files as their tenant may see them: the objects of OpenAI's Files API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from penstock.files.file import Purpose

if TYPE_CHECKING:
    from penstock.files.file import File


class FileObject(Struct, kw_only=True):
    """A file."""

    id: str
    object: Literal["file"]
    bytes: Annotated[int, Meta(ge=0)]
    created_at: Annotated[int, Meta(ge=0, description="Unix seconds.")]
    expires_at: Annotated[int | None, Meta(description="Unix seconds; null for never.")]
    filename: str
    purpose: Purpose
    status: Annotated[Literal["processed"], Meta(description="A file is there as a whole, or not at all.")]


class FileList(Struct, kw_only=True):
    """A page of files."""

    object: Literal["list"]
    data: list[FileObject]
    first_id: str | None
    last_id: Annotated[str | None, Meta(description="What `after` is for the next page.")]
    has_more: bool


class DeletedFile(Struct, kw_only=True):
    """A file that is no more."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]


def file_object(file: File) -> FileObject:
    """The `file` object."""
    return FileObject(
        id=file.id,
        object="file",
        bytes=file.bytes,
        created_at=file.created_ms // 1000,
        expires_at=file.expires_ms // 1000 if file.expires_ms else None,
        filename=file.filename,
        purpose=file.purpose,
        status="processed",
    )


def file_list(files: Sequence[File], *, has_more: bool) -> FileList:
    """The `list` object."""
    data = [file_object(file) for file in files]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return FileList(object="list", data=data, first_id=first, last_id=last, has_more=has_more)
