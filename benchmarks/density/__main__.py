"""Rebuild the figures and tables of the real-valued flows.

    python -m benchmarks.density [--only NAME] [--out FOLDER] [--long]

The experiments of the plane take about fifteen minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.density.common import Options
from idfcodec.errors import IDFError

# Each is a module with `run(options)`, which leaves NAME.json and figures in `options.out`.
EXPERIMENTS = ("couplings", "table", "conditional", "circular", "discrete")
RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.density", description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="NAME", action="append", choices=EXPERIMENTS, help="this one; repeatable")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=RESULTS, help="where to; default: %(default)s")
    parser.add_argument("--long", action="store_true", help="train four times as long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="so many steps for every training, to try things out")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    options = Options(given.out, given.long, given.seed, given.steps)
    for name in given.only or EXPERIMENTS:
        start = time.monotonic()
        try:
            import_module(f"benchmarks.density.{name}").run(options)
        except IDFError as ex:
            print(f"{name}: {ex}", file=sys.stderr)
            return 1
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
