"""How far a run has come, on standard error: a line that changes on a terminal, else a line every so often."""

from __future__ import annotations

import sys
import time

__all__ = ["Progress"]

EVERY = 30.0  # seconds between lines where there is no terminal
WIDTH = 78  # columns that a changing line fills, so that nothing of the one before is left


class Progress:
    """Counts steps.

    Args:
        total: of them.
        quiet: say nothing.
    """

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._total, self._done, self._quiet = total, 0, quiet
        self._start = self._said = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def step(self, now: str) -> None:
        """A step begins, called `now`."""
        self._done += 1
        moment = time.monotonic()
        if self._quiet or (not self._terminal and moment - self._said < EVERY):
            return
        self._said = moment
        line = f"{self._done} of {self._total}, {moment - self._start:.0f} s: {now}"
        print(f"\r{line:{WIDTH}.{WIDTH}}" if self._terminal else line, end="" if self._terminal else "\n",
              file=sys.stderr, flush=True)  # fmt: skip

    def clear(self) -> None:
        """Takes the changing line away."""
        if self._terminal and not self._quiet:
            print(f"\r{'':{WIDTH}}\r", end="", file=sys.stderr, flush=True)
