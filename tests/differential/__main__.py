"""`python -m tests.differential [WORD]`: judge Penstock by vLLM's own server, and print what differs by cause."""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.differential.asking import Cache
from tests.differential.cases import load
from tests.differential.report import lines, summary, table
from tests.differential.run import judged, run
from tests.differential.servers import Servers


def main() -> int:
    """Returns 1 where a difference is not on the list, or an entry of a whole run's list matches nothing."""
    parser = argparse.ArgumentParser(prog="differential", description="Judge Penstock by vLLM's own server.")
    parser.add_argument("word", nargs="?", default="", help="only cases whose names hold it")
    parser.add_argument("--cache", type=Path, help="a file that keeps vLLM's answers, so that it need not start again")
    parser.add_argument("--each", action="store_true", help="a line for every difference instead of the table")
    parser.add_argument("--all", action="store_true", help="those on the list too")
    parser.add_argument("--penstock", default="", help="the URL of one that runs")
    parser.add_argument("--vllm", default="", help="the URL of one that runs")
    args = parser.parse_args()
    if args.penstock:
        cases = [case for case in load() if args.word in case.name]
        outcome = judged(Servers(args.penstock, args.vllm), cases, Cache(args.cache))
    else:
        outcome = run(args.word, args.cache)
    shown = outcome.differences if args.all else outcome.found.unexplained
    print(*(lines if args.each else table)(shown), sep="\n")
    idle = [] if args.word else outcome.found.idle
    print(*(f"Nothing matches any more: {reason}" for reason in idle), sep="\n")
    print(summary(outcome.cases, outcome.found))
    return int(bool(outcome.found.unexplained or idle))


if __name__ == "__main__":
    sys.exit(main())
