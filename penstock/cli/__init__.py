"""The command line: `penstock up | ingress | scheduler | worker | tokenizer | config | dead-letter`."""

from __future__ import annotations

import argparse
import sys

from penstock.cli import config, dead_letter, roles, up
from penstock.cli.options import EXIT_FAILED, EXIT_SETTINGS
from penstock.errors import PenstockError, SettingsError


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status (2: wrong settings or usage)."""
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except SettingsError as error:
        print(f"penstock: {error}", file=sys.stderr)
        return EXIT_SETTINGS
    except PenstockError as error:
        print(f"penstock: {error}", file=sys.stderr)
        return EXIT_FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="penstock", description="Durable, resumable LLM serving.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (up, roles, config, dead_letter):
        module.add_to(commands)
    return parser
