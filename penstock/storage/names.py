"""Names of objects: words between slashes, the same for a folder and for a store of objects."""

from __future__ import annotations

from penstock.errors import StorageError

#: Begins the last word of what is being written, beside the object that it shall be.
UNFINISHED = ".unfinished-"


def checked(name: str) -> str:
    """The name. Raises StorageError for one that would lead elsewhere."""
    if not name or "\0" in name or any(_is_wrong(word) for word in name.split("/")):
        raise StorageError(
            f"{name!r} is no name of an object: words between slashes, none of them beginning with a dot."
        )
    return name


def _is_wrong(word: str) -> bool:
    return not word or word.startswith(".")
