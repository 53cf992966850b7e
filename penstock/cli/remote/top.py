"""`penstock top`: pools, workers and batches, once or as they change."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.cli import table
from penstock.cli.options import EXIT_OK
from penstock.cli.printable import printable, printable_json
from penstock.cli.remote.failures import ServerError
from penstock.cli.remote.open_batches import COLUMNS as BATCH_COLUMNS
from penstock.cli.remote.open_batches import BatchRows, open_batches
from penstock.cli.remote.pools import WORKER_COLUMNS, classes_of, pool_columns, pool_row, worker_rows
from penstock.cli.remote.server import Server

if TYPE_CHECKING:
    from rich.console import RenderableType

#: As often as an ingress looks.
_EVERY_S = 1.0


def show(url: str, *, once: bool, as_json: bool) -> int:
    """One snapshot, or a screen that goes on until Ctrl-C where a person looks at it."""
    server = Server.named(url)
    if as_json:
        for one in (*_pools(server), *open_batches(server)):
            print(printable_json(one))
    elif once or not sys.stdout.isatty():
        _print(_pools(server), BatchRows().rows(open_batches(server)))
    else:
        _watch(server)
    return EXIT_OK


def screen(pools: Sequence[Any], batch_rows: Sequence[Sequence[str]], trouble: str, width: int) -> RenderableType:
    """What stands on the terminal; `trouble` says why it is not of this moment."""
    from rich.console import Group
    from rich.text import Text

    classes = classes_of(pools)
    parts: list[RenderableType] = [
        table.drawn(pool_columns(classes), [pool_row(pool, classes) for pool in pools], width),
        Text(),
        table.drawn(WORKER_COLUMNS, worker_rows(pools), width),
    ]
    if batch_rows:
        parts += [Text(), table.drawn(BATCH_COLUMNS, batch_rows, width)]
    if trouble:
        parts += [Text(), Text(printable(trouble), style="bold red")]
    return Group(*parts)


def _pools(server: Server) -> list[Any]:
    found: list[Any] = server.get("/v1/pools")["data"]
    return found


def _print(pools: Sequence[Any], batch_rows: Sequence[Sequence[str]]) -> None:
    classes = classes_of(pools)
    table.show(pool_columns(classes), [pool_row(pool, classes) for pool in pools])
    print()
    table.show(WORKER_COLUMNS, worker_rows(pools))
    if batch_rows:
        print()
        table.show(BATCH_COLUMNS, batch_rows)


def _watch(server: Server) -> None:
    """Look again and again; a server that is away for a while is said to be."""
    from rich.live import Live

    meters, trouble, terminal = BatchRows(), "", table.console()
    pools, batch_rows = _pools(server), meters.rows(open_batches(server))

    def drawn() -> RenderableType:
        return screen(pools, batch_rows, trouble, terminal.width)

    try:
        with Live(drawn(), console=terminal, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(_EVERY_S)
                try:
                    pools, batch_rows, trouble = _pools(server), meters.rows(open_batches(server)), ""
                except ServerError as error:
                    if not error.may_pass:
                        raise
                    trouble = str(error)
                live.update(drawn(), refresh=True)
    except KeyboardInterrupt:
        # The way to end it.
        return
