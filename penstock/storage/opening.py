"""From the settings to a storage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from penstock.errors import SettingsError
from penstock.storage.folder import Folder
from penstock.storage.storage import Storage

if TYPE_CHECKING:
    from penstock.settings import StorageSettings
    from penstock.storage.driver import Driver

#: A folder by its path, or as a URL: what fsspec has for that moves files from another folder, byte by byte.
_FOLDERS = frozenset({"", "file", "local"})
#: Where no configuration file was read, which would have put it beside Redis' own files.
_DEFAULT = "data/files"
#: What is to be installed for a scheme that many use; for the others fsspec knows it.
_EXTRAS = {"s3": "penstock[s3]", "s3a": "penstock[s3]"}


def open_storage(settings: StorageSettings) -> Storage:
    """The storage that a configuration names; nothing is asked of it yet. Raises SettingsError."""
    return Storage(_driver(settings), settings.timeout_s)


def require_library(settings: StorageSettings) -> None:
    """Raise SettingsError where the store's scheme is none, or its library is not installed."""
    scheme = _scheme(settings.url)
    if scheme in _FOLDERS:
        _folder(settings)
        return
    # It costs a start something, and most use a folder.
    from fsspec.registry import get_filesystem_class

    try:
        get_filesystem_class(scheme)
    except ValueError:
        raise SettingsError(
            f"storage.url: cannot use the scheme {scheme!r}; give a folder, or a URL such as s3://BUCKET/PREFIX."
        ) from None
    except ImportError as error:
        needed = f"pip install '{_EXTRAS[scheme]}'" if scheme in _EXTRAS else str(error)
        raise SettingsError(f"storage.url: what {scheme}:// needs is not installed ({needed}).") from None


def _driver(settings: StorageSettings) -> Driver:
    require_library(settings)
    if _scheme(settings.url) in _FOLDERS:
        return Folder(_folder(settings))
    from penstock.storage.remote import Remote

    return Remote(settings.url, settings.options, settings.timeout_s)


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower() if "://" in url else ""


def _folder(settings: StorageSettings) -> Path:
    """Raises SettingsError."""
    url = settings.url
    if settings.options:
        raise SettingsError("storage.options: a folder has none; leave them out, or give a URL in storage.url.")
    if "://" not in url:
        return Path(url or _DEFAULT)
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise SettingsError(f"storage.url: {url!r} names another machine; a folder of this one is file:///PATH.")
    return Path(unquote(parts.path))
