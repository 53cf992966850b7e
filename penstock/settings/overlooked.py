"""Variables of the environment that look like settings and are none: nobody would notice that they do nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from penstock.settings.catalogue import sections
from penstock.settings.environment import PREFIX, variable
from penstock.settings.rules import nearest

if TYPE_CHECKING:
    from penstock.settings.sections import Settings

_LIKE_OURS = "PENSTOCK_"
#: What Kubernetes sets in every container of a namespace for a service whose name begins with ours.
_OF_KUBERNETES = re.compile(r".*_SERVICE_HOST|.*_SERVICE_PORT(_.*)?|.*_PORT_\d+_(TCP|UDP|SCTP)(_.*)?")
_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")


def overlooked(
    environ: Iterable[tuple[str, str]], settings: Settings, known: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Each of them with a sentence about it; `known` are those that have another use."""
    variables = {_flat(one): one for one in _variables(settings)}
    for name, value in sorted(environ):
        if name.upper().startswith(_LIKE_OURS) and not name.startswith(PREFIX) and name not in known:
            if _OF_KUBERNETES.fullmatch(name) or _ADDRESS.fullmatch(value):
                continue
            near = _nearest(_flat(name), variables)
            meant = f"did you mean {near}?" if near else f"settings begin with {PREFIX}."
            yield name, f"{name} in the environment is no setting and does nothing; {meant}"


def _nearest(flat: str, variables: Mapping[str, str]) -> str | None:
    """The variable that was probably meant: with other underscores, or the end of its name, or written much alike."""
    if flat in variables:
        return variables[flat]
    ends_so = (one for one in variables if one.endswith(f"_{flat}"))
    return variables.get(next(ends_so, None) or nearest(flat, variables) or "")


def _flat(name: str) -> str:
    """What is behind the prefix, however many underscores part it."""
    return name.upper().replace("__", "_").removeprefix(_LIKE_OURS)


def _variables(settings: Settings) -> Iterator[str]:
    """The variable of every setting; inside what users name, with those names."""
    names: dict[str, Collection[str]] = {"models": settings.models, "pools": settings.pools}
    for path, section in sections():
        top = path.partition(".")[0]
        for field in section.model_fields:
            where = f"{path}.{field}" if path else field
            if "NAME" not in where.split("."):
                yield variable(where)
            for name in names.get(top, ()) if ".NAME" in where else ():
                yield variable(where.replace("NAME", name, 1))
