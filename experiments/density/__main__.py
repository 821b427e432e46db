"""Rebuild the figures and tables of the real-valued flows.

    python -m experiments.density [--only NAME] [--out FOLDER] [--long]

Some 45 minutes on two cores. Trained models of pictures are kept in runs/density, and are not trained again.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from experiments.density.common import CACHE, SHARED, Options, experiment, side_by_side
from idfcodec.errors import IDFError

# Each is a module with `run(options)`, which leaves NAME.json and figures in `options.out`. Those of a group run side
# by side; a group of one has the processes for its own trainings. The last two look at what `images` trains.
# `budget` trains for long, and runs with --long or when it is named.
GROUPS = (
    ("rounding", "couplings", "table", "copulas", "conditional", "circular", "discrete"),
    ("images",),
    ("samples",),
    ("ood",),
)
EXPERIMENTS = tuple(name for group in GROUPS for name in group)
LONG = "budget"
EVERY = (*EXPERIMENTS, LONG)
RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.density", description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="NAME", action="append", choices=EVERY, help="this one; repeatable")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=RESULTS, help="where to; default: %(default)s")
    parser.add_argument("--long", action="store_true", help="longer in the plane; pictures with the large budget too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="so many steps for every training, to try things out")
    parser.add_argument(
        "--jobs", type=int, default=min(2, os.cpu_count() or 1), help="side by side; default: %(default)s"
    )
    parser.add_argument("--data", metavar="FOLDER", type=Path, default=SHARED, help="pictures; default: %(default)s")
    parser.add_argument("--device", default="cpu", help="where the large budget is spent; default: %(default)s")
    parser.add_argument("--seconds", type=float, help="of each training with the large budget")
    parser.add_argument("--cache", metavar="FOLDER", type=Path, default=CACHE, help="models; default: %(default)s")
    parser.add_argument("--readme", action="store_true", help="only put the results into README.md beside this module")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if given.readme:
        from experiments.density import readme

        readme.write(given.out)
        return 0
    given.out.mkdir(parents=True, exist_ok=True)
    options = Options(
        given.out, given.long, given.seed, given.steps, given.jobs, given.data, given.cache,
        device=given.device, seconds=given.seconds,
    )  # fmt: skip
    wanted = given.only or (*EXPERIMENTS, *[LONG] * given.long)
    try:
        for group in (*GROUPS, (LONG,)):
            names = [name for name in group if name in wanted]
            inside = replace(options, jobs=1) if len(names) > 1 else options
            side_by_side(experiment, [(name, inside) for name in names], given.jobs)
    except IDFError as ex:
        print(ex, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
