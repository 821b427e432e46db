"""Compiled loops: their machine code cannot go stale, first use is announced, and any machine can keep it or not."""

from __future__ import annotations

import ast
import dis
import functools
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
from idfcodec.code_cache import PACKAGE, covered_files
from idfcodec.compiled import CompilingNotice
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


@functools.cache
def imported(name: str) -> dict[str, str]:
    """The names that a module imports, and the module that each is from."""
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: str(node.module) for node in nodes for alias in node.names}


def sources(name: str, module: str) -> Iterator[str]:
    """The modules that a global name of a module passes through, up to the one that makes it."""
    yield module
    above = imported(module).get(name)
    if above and above.partition(".")[0] not in OUTSIDE:
        yield from sources(name, above)


def taken_from(function: FunctionType, seen: set[FunctionType]) -> set[str]:
    """The modules that a function, and all that it calls, takes anything from."""
    if function in seen:
        return set()
    seen.add(function)
    assert not function.__closure__, "what a closure holds is no part of a file's name"
    found = {function.__module__}
    for name in names_used(function.__code__) & function.__globals__.keys():
        value = function.__globals__[name]
        assert not isinstance(value, np.ndarray), f"{name} would be a part of the machine code: give it as an argument"
        found |= {*sources(name, function.__module__)}
        called = value.py_func if isinstance(value, Dispatcher) else value
        if isinstance(called, FunctionType) and called.__module__.partition(".")[0] not in OUTSIDE:
            found |= taken_from(called, seen)
        elif isinstance(value, ModuleType) and value.__name__.partition(".")[0] not in OUTSIDE:
            found.add(value.__name__)
    return found


def files_of(modules: set[str]) -> set[str]:
    """The modules' files, below the package."""
    return {os.path.relpath(str(sys.modules[name].__file__), PACKAGE) for name in modules}


def test_machine_code_cannot_go_stale() -> None:
    """All that compiled functions take is from modules whose contents stamp the code."""
    found = dict(dispatchers())
    assert len(found) > 10
    taken = set().union(*(taken_from(dispatcher.py_func, set()) for dispatcher in found.values()))
    assert files_of(taken) <= {*covered_files()}


def test_what_is_taken_from_elsewhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number and a function of other modules, also through a function of the same one and one in between."""
    (tmp_path / "probe_between.py").write_text("from idfcodec.format.container import TILE_STEP\n")
    (tmp_path / "probe_of_loops.py").write_text(
        "import numpy as np\nfrom probe_between import TILE_STEP as STEP\n"
        "from idfcodec.format.tiles import tile_count\nOWN = 3\n"
        "def helper(x):\n    return x * STEP + OWN\n"
        "def outer(x):\n    return helper(x) + tile_count(x, x, 8) + int(np.floor(x))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = taken_from(importlib.import_module("probe_of_loops").outer, set())
    assert {"probe_of_loops", "probe_between", "idfcodec.format.tiles"} <= found
    assert not files_of({"idfcodec.format.tiles"}) <= {*covered_files()}


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
    both = [run_loop(tmp_path, call=CALL, IDFCODEC_CACHE_DIR=str(tmp_path / "cache")) for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=120) == ("45\n", "")
        assert process.returncode == 0
    assert len([*(tmp_path / "cache").rglob("*")]) == 2  # a folder, and the one file in it


def test_two_modules_of_the_same_lines_are_two(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(LOOP.replace("out += value", "out -= value"))
    call = "import loop, other; print(loop.total(np.arange(4)), other.total(np.arange(4)))"
    for _ in range(2):
        out, error = run_loop(tmp_path, call=call, IDFCODEC_CACHE_DIR=str(tmp_path / "cache")).communicate(timeout=120)
        assert (out, error) == ("6 -6\n", "")


PARTS = """
import numpy as np
from idfcodec.compiled import called, compiled_loops
@called
def scaled(value, factor):
    return value * factor
@called
def moved(value, factor):
    return scaled(value, factor) + scaled(value, 2)
@compiled_loops
def total(values):
    out = 0
    for value in values:
        out += moved(value, 3) + moved(value, 5)
    return out
print(total(np.arange(10)), [len(one.overloads) for one in (total, moved, scaled)])
"""


def test_parts_are_made_once_and_kept_within_what_calls_them(tmp_path: Path) -> None:
    """Not once for each number that they are called with; and what is kept needs them no more."""
    (tmp_path / "parts.py").write_text(PARTS)
    for made in (1, 1, 1), (1, 0, 0):
        process = run_loop(tmp_path, call="import parts", IDFCODEC_CACHE_DIR=str(tmp_path / "cache"))
        assert process.communicate(timeout=120) == (f"540 {[*made]}\n", "")
    assert len([*(tmp_path / "cache").rglob("*.code")]) == 1


def test_not_compiled_at_all(tmp_path: Path) -> None:
    process = run_loop(tmp_path, call=CALL, IDFCODEC_CACHE_DIR=str(tmp_path / "cache"), NUMBA_DISABLE_JIT="1")
    assert process.communicate(timeout=120) == ("45\n", "")
    assert not (tmp_path / "cache").exists()


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
