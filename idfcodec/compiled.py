"""Compiled loops: what is too slow in Python and too irregular for whole-array operations.

A compiled function runs without the interpreter's lock, so that tiles are coded side by side. Nothing may depend on
how it is compiled: loops work on integers, or on binary64 one correctly rounded operation at a time. Arrays of other
modules are given as arguments: as globals they would be part of machine code that is kept when those modules change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ["compiled", "compiled_sums", "inlined"]

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(function: F, **options: Any) -> F:
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        out: F = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to keep the machine code in: compile anew in every process
        out = numba.njit(**options)(function)
    return out


def compiled(function: F) -> F:
    """`function`, of arrays and numbers, as machine code; made at its first call and kept for later processes."""
    return _compiled(function)


def compiled_sums(function: F) -> F:
    """The same for loops whose binary64 products and sums are of integers and stay below 2**53.

    All of them are exact, so that their order is free and a product may be added without being rounded first.
    """
    return _compiled(function, fastmath={"reassoc", "contract"})


def inlined(function: F) -> F:
    """The same for a loop's body, which becomes part of the compiled functions that call it."""
    return _compiled(function, inline="always")
