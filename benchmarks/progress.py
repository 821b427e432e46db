"""How far a run has come, on standard error: a line that changes on a terminal, else a line every so often."""

from __future__ import annotations

import sys
import time

__all__ = ["Progress"]

EVERY = 30.0  # seconds between lines where there is no terminal


class Progress:
    """Counts steps, `total` in all; says nothing if `quiet`."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._total, self._done, self._quiet = total, 0, quiet
        self._start = self._said = time.monotonic()

    def step(self, now: str) -> None:
        """A step begins, called `now`."""
        self._done += 1
        moment, terminal = time.monotonic(), sys.stderr.isatty()
        if not self._quiet and (terminal or moment - self._said >= EVERY):
            self._said = moment
            line = f"{self._done} of {self._total}, {moment - self._start:.0f} s: {now}"
            print(f"\r{line:78.78}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
