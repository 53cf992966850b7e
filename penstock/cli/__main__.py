"""The program: the command line in the surroundings that a process happens to start in."""

import sys

from penstock.cli import main, standard_streams


def run() -> int:
    """Run the command that the process was started with; returns its exit status."""
    standard_streams.open_missing()
    standard_streams.forgive_errors()
    standard_streams.require_output()
    return main()


if __name__ == "__main__":
    sys.exit(run())
