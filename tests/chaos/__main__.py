"""`python -m tests.chaos --redis cluster --seconds 60 --seed 7`: break things at random; the last line is JSON."""
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

from tests.chaos.report import Report
from tests.chaos.run import Form, run


def main() -> int:
    """Run the chaos test; returns 1 if any run broke a guarantee."""
    parser = argparse.ArgumentParser(prog="chaos", description="Break a running stack; check what its clients got.")
    parser.add_argument("--redis", type=Form, choices=list(Form), help="how Redis is deployed; by default each in turn")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to break things, for each deployment")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats requests and faults")
    args = parser.parse_args()
    reports = [_run(form, args.seed, args.seconds) for form in ([args.redis] if args.redis else Form)]
    return int(not all(report.is_clean for report in reports))


def _run(form: Form, seed: int, seconds: float) -> Report:
    print(f"{form}, seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="penstock-"))
    report = asyncio.run(run(form, seed, seconds, folder))
    for allowance in report.allowances():
        print(allowance)
    if report.is_clean:
        shutil.rmtree(folder)
    else:
        print(*report.story(), f"The logs are in {folder}", sep="\n")
    print(json.dumps(report.summary()), flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
