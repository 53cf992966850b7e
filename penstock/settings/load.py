"""Read the configuration and check it, all of it at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from penstock.errors import SettingsError
from penstock.settings.fault import Fault
from penstock.settings.findings import faults_of
from penstock.settings.remainder import remainder
from penstock.settings.rules import broken, missing_folders
from penstock.settings.sections import Settings
from penstock.settings.source import ConfigurationSource

#: Serves the demo model; what runs when no file is named.
DEFAULT_FILE = Path(__file__).parents[1] / "builtin" / "demo.yaml"
#: In the data folder, where no other place is named.
_FILES = "files"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read, convert and check a configuration. Raises SettingsError: a sentence per fault that says how to mend it."""
    try:
        here = Path.cwd()
    except OSError as error:
        raise SettingsError(f"The working directory cannot be used: {error.strerror}; change to another.") from None
    file = here / (path or DEFAULT_FILE)
    return _anchored(_checked(ConfigurationSource(file, environ)), file.parent)


def require_models(settings: Settings, pools: Iterable[str]) -> None:
    """Raise SettingsError if a model folder of these pools is missing on this machine."""
    if sentences := list(missing_folders(settings, pools)):
        raise SettingsError("\n".join(sentences))


def _checked(source: ConfigurationSource) -> Settings:
    faults = list(source.faults)
    known: Settings | None
    try:
        known = Settings(_build_sources=((source,), {}))
    except ValidationError as error:
        faults += faults_of(error)
        known = remainder(source.tree, error)
    sentences = [fault.sentence for fault in faults]
    if known is not None:
        sentences += _broken(known, faults)
    if sentences or known is None:
        raise SettingsError("\n".join(sentences))
    return known


def _broken(known: Settings, faults: list[Fault]) -> Iterator[str]:
    """The rules that do not hold between settings without a fault."""
    for rule in broken(known):
        if not any(fault.touches(place) for fault in faults for place in rule.places):
            yield rule.sentence


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Model folders are relative to the file that names them, folders of data to where the program runs."""
    pools = {
        name: pool.model_copy(update={"model": (folder / pool.model).resolve()}) if pool.model else pool
        for name, pool in settings.pools.items()
    }
    redis = settings.redis.model_copy(update={"data_dir": settings.redis.data_dir.absolute()})
    url = settings.storage.url or str(redis.data_dir / _FILES)
    storage = settings.storage.model_copy(update={"url": url if "://" in url else str(Path(url).absolute())})
    return settings.model_copy(update={"pools": pools, "redis": redis, "storage": storage})
