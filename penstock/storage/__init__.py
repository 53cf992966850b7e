"""Where files are kept: a local folder, or any store that fsspec reaches. A half-written object is never visible."""

from penstock.storage.driver import Stored
from penstock.storage.opening import open_storage, require_library
from penstock.storage.storage import Storage, Writer

__all__ = ["Storage", "Stored", "Writer", "open_storage", "require_library"]
