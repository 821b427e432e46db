"""Compiled loops: their machine code cannot go stale, first use is announced, and any machine can keep it or not."""

from __future__ import annotations

import dis
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import idfcodec
from idfcodec import entropy
from idfcodec.compiled import CompilingNotice
from idfcodec.flow.exact import tables
from idfcodec.flow.hierarchical import rows
from tests.conftest import REPOSITORY

OUTSIDE = {"numpy", "math", "numba", "builtins"}


def dispatchers() -> Iterator[tuple[str, Any]]:
    """Every compiled function of the package, by its module and name."""
    for found in pkgutil.walk_packages(idfcodec.__path__, "idfcodec."):
        if found.name != "idfcodec.__main__":
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                if isinstance(value, Dispatcher) and value.py_func.__module__ == found.name:
                    yield f"{found.name}.{name}", value


def names_used(code: CodeType) -> set[str]:
    """The globals that a function's code loads, those of the functions within it too."""
    used = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return used.union(*(names_used(part) for part in code.co_consts if isinstance(part, CodeType)))


def assigned_in(module: ModuleType) -> set[str]:
    """The names that a module's own top level binds otherwise than by an import."""
    imported: set[str] = set()
    bound: set[str] = set()
    code = compile(inspect.getsource(module), str(module.__file__), "exec")
    after_import = False
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_NAME", "STORE_GLOBAL"):
            (imported if after_import else bound).add(step.argval)
        elif step.opname not in ("POP_TOP", "EXTENDED_ARG", "NOP", "CACHE"):
            after_import = step.opname in ("IMPORT_NAME", "IMPORT_FROM")
    return bound - imported


def _is_foreign(value: object) -> bool:
    """Whether it is a type or an object of a library's, not a number, an array or something of this package."""
    if isinstance(value, int | float | tuple | np.ndarray | np.generic):
        return False
    return (getattr(value, "__module__", None) or "builtins").partition(".")[0] in OUTSIDE


def taken_from_elsewhere(function: FunctionType, seen: set[FunctionType] | None = None) -> list[str]:
    """What a function, or one of the same module that it calls, takes from other modules of the package."""
    seen = set() if seen is None else seen
    if function in seen:
        return []
    seen.add(function)
    module = sys.modules[function.__module__]
    own = assigned_in(module)
    wrong = []
    closure = inspect.getclosurevars(function).nonlocals
    for name in sorted(names_used(function.__code__) | set(closure)):
        value = closure[name] if name in closure else function.__globals__.get(name)
        if name not in function.__globals__ and name not in closure:
            continue  # a builtin
        called = value.py_func if isinstance(value, Dispatcher) else value
        if isinstance(called, FunctionType):
            if called.__module__ == function.__module__:
                wrong += taken_from_elsewhere(called, seen)
            elif called.__module__.partition(".")[0] not in OUTSIDE:
                wrong.append(f"{function.__module__}.{function.__name__} calls {called.__module__}.{called.__name__}")
        elif isinstance(value, ModuleType):
            if value.__name__.partition(".")[0] not in OUTSIDE:
                wrong.append(f"{function.__module__}.{function.__name__} reads the module {value.__name__}")
        elif name not in own and name not in closure and not _is_foreign(value):
            wrong.append(f"{function.__module__}.{function.__name__} takes {name} from another module")
    return wrong


def test_machine_code_cannot_go_stale() -> None:
    """Numba stamps machine code with the date of the defining file alone, so that the rest must come as arguments."""
    found = dict(dispatchers())
    assert len(found) > 10
    assert not {line for dispatcher in found.values() for line in taken_from_elsewhere(dispatcher.py_func)}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        *((name, tables) for name in ("walk", "lookup", "rows", "plane")),
        ("rows", entropy),
    ],
)
def test_numbers_that_loops_repeat_are_equal(name: str, other: ModuleType) -> None:
    loops = importlib.import_module(f"idfcodec.flow.hierarchical.{name}")
    both = [word for word in assigned_in(loops) & assigned_in(other) if isinstance(getattr(loops, word), int | float)]
    assert both
    assert all(getattr(loops, word) == getattr(other, word) for word in both)


def test_the_function_that_loops_repeat_is_the_same() -> None:
    mine, theirs = (getattr(module.interval_of, "py_func") for module in (rows, entropy))  # noqa: B009
    assert inspect.getsource(mine) == inspect.getsource(theirs)


def test_what_is_taken_from_elsewhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk sees a number and a function of other modules, also through a function of the same one."""
    (tmp_path / "probe_of_loops.py").write_text(
        "import numpy as np\nfrom idfcodec.format.container import TILE_STEP\n"
        "from idfcodec.format.tiles import tile_count\nOWN = 3\n"
        "def helper(x):\n    return x * TILE_STEP + OWN\n"
        "def outer(x):\n    return helper(x) + tile_count(x, x, 8) + int(np.floor(x))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert taken_from_elsewhere(importlib.import_module("probe_of_loops").outer) == [
        "probe_of_loops.helper takes TILE_STEP from another module",
        "probe_of_loops.outer calls idfcodec.format.tiles.tile_count",
    ]


LOOP = """
import logging, sys, time
from idfcodec.compiled import CompilingNotice, compiled
logging.basicConfig(level=logging.INFO, format="%(message)s")
@compiled
def total(values):
    out = 0
    for value in values:
        out += value
    return out
"""


def run_loop(folder: Path, *, call: str, **environment: str) -> subprocess.Popen[str]:
    (folder / "loop.py").write_text(LOOP)
    return subprocess.Popen(
        [sys.executable, "-c", f"import numpy as np\n{call}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{REPOSITORY}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


CALL = "from loop import total; print(total(np.arange(10)))"


def test_processes_that_start_together_both_succeed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    both = [run_loop(tmp_path, call=CALL, NUMBA_CACHE_DIR=str(cache)) for _ in range(2)]
    for process in both:
        out, error = process.communicate(timeout=120)
        assert (process.returncode, out, error) == (0, "45\n", "")
    assert list(cache.rglob("*.nbc"))


def test_without_a_place_to_keep_machine_code_it_is_made_anew(tmp_path: Path) -> None:
    """As with a read-only home and site-packages: nothing can be written anywhere."""
    refuse = (
        "from numba.core import caching\n"
        "def refuse(self): raise PermissionError(13, 'read-only')\n"
        "caching._CacheLocator.ensure_cache_path = refuse\n"
    )
    process = run_loop(tmp_path, call=refuse + CALL, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    out, error = process.communicate(timeout=120)
    assert (process.returncode, out, error) == (0, "45\n", "")
    assert not list(tmp_path.rglob("*.nbc"))


def test_the_first_use_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="idfcodec"):
        notice = CompilingNotice(delay=0.05)
        for _ in range(3):
            notice.on_start(None)
            notice.on_start(None)  # a pass within a pass
            time.sleep(0.03)
            notice.on_end(None)
            notice.on_end(None)
    assert [record.getMessage() for record in caplog.records] == ["compiling for this processor, once"]


def test_a_pass_that_lasts_is_announced_before_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="idfcodec"):
        notice = CompilingNotice(delay=0.02)
        notice.on_start(None)
        time.sleep(0.3)
        assert len(caplog.records) == 1
        notice.on_end(None)
    assert len(caplog.records) == 1
