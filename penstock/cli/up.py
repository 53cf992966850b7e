"""`penstock up`: the whole stack on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.cli import preconditions, standard_streams
from penstock.cli.options import EXIT_OK
from penstock.cli.printable import printable
from penstock.cli.stack import Stack
from penstock.errors import SettingsError
from penstock.process import stop_signals
from penstock.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.settings import IngressSettings, Settings

_POLL_S = 0.1
#: Signals this close together are one: make passes on a SIGTERM that its whole process group got.
_ONE_SIGNAL_S = 1.0


def run(config: Path) -> int:
    """Check everything that can be checked beforehand, then serve."""
    settings = preconditions.loaded(config)
    preconditions.require_startable(settings)
    _require_free(settings.ingress)
    standard_streams.forgive_output()
    logs.configure(settings.telemetry, "up")
    return asyncio.run(serve(settings, config.absolute()))


async def serve(settings: Settings, config: Path) -> int:
    """Run the stack until a signal, or until a child cannot go on."""
    stack = Stack(settings, config)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    patient_until_s = math.inf

    def on_signal() -> None:
        nonlocal patient_until_s
        if loop.time() > patient_until_s:
            stack.kill()
        elif not asked.is_set():
            patient_until_s = loop.time() + _ONE_SIGNAL_S
            asked.set()

    for sig in stop_signals():
        loop.add_signal_handler(sig, on_signal)
    life = asyncio.create_task(stack.run())
    announcement = asyncio.create_task(announce(settings))
    stopped = asyncio.create_task(asked.wait())
    try:
        await asyncio.wait([life, stopped], return_when=asyncio.FIRST_COMPLETED)
        return life.result() if life.done() else EXIT_OK
    finally:
        for task in (life, announcement, stopped):
            task.cancel()
        await stack.stop()


async def announce(settings: Settings) -> None:
    """Say how to use it once it can be used: every pool serves, or some do and the others fail to."""
    while not _is_settled(settings, pools := await _pools(settings.ingress)):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(_POLL_S)
    reasons = {model: pools[target.pool]["failing"] for model, target in settings.models.items()}
    print(greeting(settings, {model: reason for model, reason in reasons.items() if reason}), flush=True)


def _is_settled(settings: Settings, pools: dict[str, Any]) -> bool:
    """Whether some model is served, and no pool is still on its way."""
    is_served = any(pools[model.pool]["serves"] for model in settings.models.values() if pools)
    return is_served and all(pool["serves"] or pool["failing"] for pool in pools.values())


def greeting(settings: Settings, failing: Mapping[str, str]) -> str:
    """The URL, a command that works, and the models that do not, with their reasons."""
    served = [model for model in settings.models if model not in failing]
    host = _reachable(settings.ingress)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.ingress.port}"
    body = {
        "model": served[0],
        "stream": True,
        "messages": [{"role": "user", "content": "What is Penstock?"}],
    }
    key = """ -H "authorization: Bearer $PENSTOCK_API_KEY\"""" if settings.ingress.api_keys else ""
    curl = f"curl -N {url}/v1/chat/completions -H 'content-type: application/json'{key} -d '{json.dumps(body)}'"
    others = "".join(f"\nNot served: {model} ({printable(reason)}).\n" for model, reason in failing.items())
    return f"\nPenstock is ready on {url} (models: {', '.join(served)}). Try:\n\n  {curl}\n{others}"


async def _pools(ingress: IngressSettings) -> dict[str, Any]:
    """What `/ready` says of each pool; nothing while nobody answers."""
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(_reachable(ingress), ingress.port)
            writer.write(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
        pools: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])["pools"]
    except (OSError, TimeoutError, ValueError, KeyError):
        return {}
    return pools


def _reachable(ingress: IngressSettings) -> str:
    """An address for clients on this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(ingress.host, ingress.host)  # noqa: S104 - it is compared, not bound


def _require_free(ingress: IngressSettings) -> None:
    """An occupied port is found before anything starts, not in a child's log."""
    family = socket.AF_INET6 if ":" in ingress.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ingress.host, ingress.port))
        except OSError as error:
            raise SettingsError(
                f"ingress.port: cannot listen on {ingress.host}:{ingress.port} ({error.strerror}); choose another "
                "(PORT= for make, PENSTOCK__INGRESS__PORT)."
            ) from None
