"""How machine code is made: each compiled loop together with what it calls, optimised and emitted once.

Numba would optimise and emit every function on its own, and again as a part of each that calls it, all after a round
of passes that look for counted references. What loops call is only translated here; a loop is optimised once with all
of it.

This is the one module that knows Numba's private compiling interface, as it is from 0.60 on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from numba._dynfunc import make_function  # type: ignore[import-not-found]
from numba.core.compiler import Compiler

__all__ = ["PartCompiler", "WholeCompiler"]


class _Once:
    """What a code library does otherwise where nothing counts references."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout  # type: ignore[attr-defined]

    def _optimize_final_module(self) -> None:
        found = self._codegen._module_pass_manager()  # type: ignore[attr-defined]
        manager, *builder = found if isinstance(found, tuple) else (found,)  # newer ones give its builder, too
        manager.run(self._final_module, *builder)  # type: ignore[attr-defined]


class _Never(_Once):
    """The same of what is linked into others before it is optimised and emitted."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


@functools.cache
def _library(kind: type, base: type) -> Callable[..., Any]:
    return type(kind.__name__, (kind, base), {})


class WholeCompiler(Compiler):
    """Of what Python calls."""

    _kind: type = _Once

    def compile_extra(self, function: Any) -> Any:
        codegen = self.state.targetctx.codegen()
        self.state.library = _library(self._kind, codegen._library_class)(codegen, function.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(function)  # type: ignore[no-untyped-call]


class PartCompiler(WholeCompiler):
    """Of what compiled loops alone call. It has no entry for Python, and exists as a part of its callers."""

    _kind = _Never

    def compile_extra(self, function: Any) -> Any:
        self.state.flags.no_compile = True
        found = super().compile_extra(function)
        name = found.fndesc.qualname.rpartition(".")[2]
        entry = make_function(found.fndesc.lookup_module(), name, "", 0, found.environment, (found.library,))
        self.state.targetctx.insert_user_function(entry, found.fndesc, [found.library])
        return found._replace(entry_point=entry)
