"""The package's modules import downwards alone: no circles, no arrows upwards, not even for the type checker."""

from __future__ import annotations

import ast
from pathlib import Path

import idfcodec

PACKAGE = Path(idfcodec.__file__).resolve().parent
# From the bottom to the top; a module belongs to the longest name that it begins with.
LAYERS = [
    ("errors", "demo"),
    ("types", "arguments", "memory", "source"),
    ("code_cache", "code_making", "compiled", "parallel", "workers"),
    ("entropy", "format"),
    ("info", "picture"),
    ("files", "flow", "region"),
    ("manifest", "models", "targets"),
    ("family", "folders", "kinds", "tile", "transcode"),
    ("codec", "density"),
    ("batch", "preview"),
    ("code_length", "jobs"),
    ("baselines", "training"),
    ("pipelines",),
    ("cli", "plugins"),
]


def modules() -> dict[str, set[str]]:
    """The modules of the package that each one imports, wherever it does."""
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{name} imports relatively"
                found[name] |= {n for a in node.names if (n := f"{node.module}.{a.name}") in names} or {
                    str(node.module)
                }
            elif isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names}
        found[name] = {other for other in found[name] if other in names and other not in (name, "idfcodec")}
    return found


def layer(name: str) -> int:
    own = name.split(".")[1]
    return next(i for i, names in enumerate(LAYERS) if own in names)


def test_no_arrow_points_upwards() -> None:
    found = {name: imports for name, imports in modules().items() if name not in ("idfcodec", "idfcodec.__main__")}
    upwards = [
        f"{name} -> {other}" for name, imports in found.items() for other in imports if layer(other) > layer(name)
    ]
    assert not upwards


def test_no_circle() -> None:
    left = modules()
    while left:
        free = [name for name, imports in left.items() if not imports & left.keys()]
        assert free, f"these import each other: {sorted(left)}"
        left = {name: imports for name, imports in left.items() if name not in free}
