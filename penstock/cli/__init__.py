"""The command line: `penstock` starts a stack or one of its roles, asks a running server, and looks after both."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.errors import PenstockError, SettingsError

if TYPE_CHECKING:
    from typer import TyperException

    from penstock.cli.options import Work


def main(words: Sequence[str] | None = None) -> int:
    """Run one command, by default that of this process; returns the exit status (2: wrong settings or usage)."""
    from penstock.cli.options import EXIT_FAILED
    from penstock.cli.standard_streams import OutputError, ReaderGoneError, end_without_reader

    try:
        status = _run(words)
        sys.stdout.flush()
    except ReaderGoneError:
        end_without_reader()
        return EXIT_FAILED
    except OutputError as error:
        _complain(str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def _run(words: Sequence[str] | None) -> int:
    from typer import TyperException

    from penstock.cli.options import EXIT_FAILED, EXIT_SETTINGS
    from penstock.cli.standard_streams import OutputError

    try:
        work = _understood(words)
        return work if isinstance(work, int) else work()
    except OutputError:
        raise
    except TyperException as error:
        return _misused(error)
    except SettingsError as error:
        _complain(str(error))
        return EXIT_SETTINGS
    except PenstockError as error:
        _complain(str(error))
        return EXIT_FAILED


def _understood(words: Sequence[str] | None) -> Work | int:
    """What is to be done, or the exit status where that was all (`--help`). Raises TyperException."""
    from typer.main import get_command

    from penstock.cli.app import app

    # Not the app itself, which would put its own hook for tracebacks into the process.
    work: Work | int = get_command(app).main(words, prog_name="penstock", standalone_mode=False)
    return work


def _misused(error: TyperException) -> int:
    """Say what is wrong with a command line and where to look; nothing where its help is on the screen already."""
    from penstock.cli.misuse import wrong_value

    if sentence := wrong_value(error) or error.format_message():
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "penstock"
        _complain(f"{sentence}\nTry '{path} --help'.")
    return error.exit_code


def _complain(sentence: str) -> None:
    from penstock.cli.printable import printable_lines

    print(f"penstock: {printable_lines(sentence)}", file=sys.stderr)
