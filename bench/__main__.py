"""Lists the benches; with `--all` runs them in turn and writes their table into docs/measurements.md."""

from __future__ import annotations

import argparse
import signal
import sys

from bench.harness.catalogue import bench_of, listing, names
from bench.harness.every import outcomes
from bench.harness.machine import machine
from bench.harness.table import table, with_table
from tests.harness.processes import ROOT

PAGE = ROOT / "docs" / "measurements.md"


def main() -> int:
    """Returns 1 where a bench failed or missed its aim."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--all", action="store_true", help="run all of them, which takes half an hour")
    benches = [bench_of(name) for name in names()]
    if not parser.parse_args().all:
        print("Benches, with what each shows and the figure that it is judged by (make bench NAME=, make bench-all):")
        print(listing(benches))
        return 0
    # A shell starts background jobs with SIGINT ignored, and benches would inherit that: it ends one that hangs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # First: where there is no place for the table, that is told before the work is done.
    with_table(PAGE.read_text(), "")
    ended = list(outcomes(benches))
    text = table(machine(), ended)
    PAGE.write_text(with_table(PAGE.read_text(), text))
    print(text)
    return int(not all(outcome.is_ok for outcome in ended))


if __name__ == "__main__":
    sys.exit(main())
