"""What `idfcodec.entropy` encodes with, in place of the package of this name, which has no wheel for this processor."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["stream"]

TOTAL = 2**24


class Categorical:
    """Rows of weights, as `idfcodec.entropy` has it."""

    def __init__(self, *, perfect: bool) -> None:
        assert not perfect

    def slice(self, symbol: int, weights: NDArray[np.float64]) -> tuple[int, int]:
        """First quantile and size of a symbol's slice."""
        n = len(weights)
        scale = (TOTAL - n) / weights.sum()
        start = int(weights[:symbol].sum() * scale) + symbol
        end = TOTAL if symbol == n - 1 else int(weights[: symbol + 1].sum() * scale) + symbol + 1
        return start, end - start


class AnsCoder:
    """An encoder of 64 bits and words of 32."""

    def __init__(self) -> None:
        self._words: list[int] = []
        self._state = 0

    def encode_reverse(self, symbols: NDArray[np.int32], model: Categorical, weights: NDArray[np.float64]) -> None:
        """Push symbols, the last one first."""
        for symbol, row in zip(symbols[::-1].tolist(), weights[::-1], strict=True):
            start, size = model.slice(symbol, row)
            if self._state >> 40 >= size:
                self._words.append(self._state & 0xFFFFFFFF)
                self._state >>= 32
            self._state = (self._state // size << 24) + start + self._state % size

    def get_compressed(self) -> NDArray[np.uint32]:
        """The words, the state's last."""
        words, state = [*self._words], self._state
        while state:
            words.append(state & 0xFFFFFFFF)
            state >>= 32
        return np.array(words, np.uint32)


stream: Any = SimpleNamespace(model=SimpleNamespace(Categorical=Categorical), stack=SimpleNamespace(AnsCoder=AnsCoder))
