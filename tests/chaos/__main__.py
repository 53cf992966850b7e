"""`python -m tests.chaos --seconds 60 --seed 7`: break things at random; the last line is JSON."""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import run


def main() -> int:
    """Returns 1 where something happened that must not."""
    parser = argparse.ArgumentParser(prog="chaos", description="Break processes, Redis and the network; keep a ledger.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats a run's orders and faults")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="penstock-"))
    report = asyncio.run(run(args.seed, args.seconds, folder))
    if report.is_clean:
        shutil.rmtree(folder)
    else:
        print(*report.story(), f"The logs are in {folder}", sep="\n")
    print(json.dumps(report.summary()))
    return int(not report.is_clean)


if __name__ == "__main__":
    sys.exit(main())
