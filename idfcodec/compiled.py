"""Compiled loops: what is too slow in Python and too irregular for whole-array operations.

A compiled function runs without the interpreter's lock, so that tiles are coded side by side. Nothing may depend on
how it is compiled: loops work on integers, or on binary32 or binary64 one correctly rounded operation at a time. A
compiled function may take numbers and compiled functions from the modules that stamp the machine code, and arrays as
arguments alone: see `code_cache`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from idfcodec.memory import check_room, keep_freed

check_room()
keep_freed()

import numba  # noqa: E402
from llvmlite import ir  # noqa: E402
from numba.core import cgutils, config, event, types  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

from idfcodec.code_cache import CodeCache  # noqa: E402
from idfcodec.code_making import PartCompiler, WholeCompiler, generalise  # noqa: E402

__all__ = [
    "CompilingNotice",
    "called",
    "compiled",
    "compiled_loops",
    "compiled_sums",
    "fetched_ahead",
    "inlined",
    "joined",
]

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger(__name__)


class CompilingNotice(event.Listener):
    """Logs one line, once in a process, when compiling has taken `delay` seconds in all.

    Machine code that is loaded passes no compiler pass, so nothing is said then. Numba runs its passes under a lock of
    its own, one thread at a time, but within each other: the outermost ones are timed.
    """

    def __init__(self, delay: float = 1.0) -> None:
        self._left = delay  # seconds until it is said
        self._depth = 0
        self._start = 0.0
        self._timer: threading.Timer | None = None
        self._once = threading.Lock()

    def on_start(self, event: object) -> None:
        """A pass begins."""
        self._depth += 1
        if self._depth == 1 and self._left > 0:
            self._start = time.monotonic()
            self._timer = threading.Timer(self._left, self._say)
            self._timer.daemon = True
            try:
                self._timer.start()
            except RuntimeError:  # the interpreter shuts down, or there is no room for a thread: nothing is said
                self._timer = None

    def on_end(self, event: object) -> None:
        """A pass ends."""
        self._depth -= 1
        if self._depth == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._left -= time.monotonic() - self._start
            if self._left <= 0:
                self._say()

    def _say(self) -> None:
        if self._once.acquire(blocking=False):  # and never released: once
            self._left = 0
            logger.info("compiling for this processor, once")


event.register("numba:run_pass", CompilingNotice())  # type: ignore[no-untyped-call]


def _compiled(function: F, *, kept: bool = True, **options: Any) -> F:
    options["no_cfunc_wrapper"] = True  # C calls none of them
    out: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if out is not function:  # as it is with NUMBA_DISABLE_JIT
        generalise(out)
        if kept:
            out._cache = CodeCache(function)
    return cast(F, out)


def compiled(function: F) -> F:
    """`function`, of arrays and numbers, as machine code; made at its first call and kept for later processes."""
    return _compiled(function, pipeline_class=WholeCompiler)


def compiled_loops(function: F) -> F:
    """The same for loops that make no arrays: nothing counts who holds those they are given, at each call anew."""
    return _compiled(function, _nrt=False, pipeline_class=WholeCompiler)


def called(function: F) -> F:
    """The same for what compiled loops alone call: it has no entry for Python, and is kept as a part of its callers."""
    return _compiled(function, kept=False, _nrt=False, no_cpython_wrapper=True, pipeline_class=PartCompiler)


def joined(function: F) -> F:
    """The same, made a part of whatever compiled loop calls it."""
    return _compiled(function, _nrt=False, no_cpython_wrapper=True, forceinline=True)


def compiled_sums(function: F) -> F:
    """The same for loops whose binary64 products and sums are of integers and stay below 2**53.

    All of them are exact, so that their order is free and a product may be added without being rounded first.
    """
    return _compiled(function, fastmath={"reassoc", "contract"}, pipeline_class=WholeCompiler)


def inlined(function: F) -> F:
    """The same for a loop's body, which becomes part of the compiled functions that call it."""
    return _compiled(function, inline="always")


def _fetched_ahead(typing: object, array: Any, index: Any) -> Any:
    """Asks for the cache line of an element, without waiting: no result depends on it."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        parts = [cgutils.voidptr_t, *[cgutils.int32_t] * 3]
        ask = builder.module.declare_intrinsic("llvm.prefetch", fnty=ir.FunctionType(ir.VoidType(), parts))
        builder.call(ask, [place, *(cgutils.int32_t(option) for option in (0, 3, 1))])  # to read; keep; data
        return context.get_dummy_value()

    return types.void(array, index), code


fetched_ahead: Any = (lambda array, index: None) if getattr(config, "DISABLE_JIT", 0) else intrinsic(_fetched_ahead)
