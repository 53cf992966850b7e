"""How a page that comes with the ingress, and what it loads, are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingress.openapi.headers import CONTENT_SECURITY, ETAG, NO_SNIFFING
from ingress.openapi.operation import Media, Parameter, Reply, Where

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ingress.http.static_file import StaticFile


def file_replies(files: Iterable[StaticFile], *, is_page: bool = False) -> tuple[Reply, ...]:
    """One of these files, or nothing for who has it."""
    headers = (ETAG, NO_SNIFFING, *((CONTENT_SECURITY,) if is_page else ()))
    kinds = sorted({file.media_type.partition(";")[0] for file in files})
    media = tuple(Media(kind=kind, schema={"type": "string"}) for kind in kinds)
    return (
        Reply(description="The file.", media=media, headers=headers),
        Reply(status=304, description="What `if-none-match` named is still the file.", headers=headers),
    )


def name_parameter(names: Collection[str], example: str) -> Parameter:
    """One of these names, as the last word of a path."""
    return Parameter(
        name="name",
        where=Where.PATH,
        description="The file's name.",
        schema={"enum": sorted(names)},
        example=example,
    )
