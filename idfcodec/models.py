"""Where models live: folders named by the model's id, its content hash; `names.toml` beside them has names for people.

Three places are searched, in this order: the folders of the environment variable `IDFCODEC_MODELS`, the folder inside
the installed package, and `models/` of a source checkout. What `names.toml` does not name goes by
its folder's name.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idfcodec.arguments import check_device, named_model
from idfcodec.errors import IDFError, ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from idfcodec.flow.contract import Coder

__all__ = [
    "BATCH_EFFORTS",
    "EFFORTS",
    "ModelEntry",
    "choose_model",
    "find_model",
    "list_models",
    "load_model",
    "model_folders",
    "model_of_file",
]

VARIABLE = "IDFCODEC_MODELS"
ID = re.compile(r"[0-9a-f]{16}")
PACKAGE = Path(__file__).resolve().parent
MOST_KEPT = 256  # files whose content is kept


@dataclass(frozen=True)
class ModelEntry:
    """A model that is installed: `name` is for people, `id` 16 hexadecimal digits, `path` the folder."""

    name: str
    id: str
    path: Path


def model_folders() -> list[Path]:
    """The existing folders that hold models, first to last as they are searched."""
    folders = [Path(entry) for entry in os.environ.get(VARIABLE, "").split(os.pathsep) if entry]
    folders.append(PACKAGE / "_models")
    if (PACKAGE.parent / "pyproject.toml").is_file():
        folders.append(PACKAGE.parent / "models")
    return [folder for folder in folders if folder.is_dir()]


_kept: dict[str, tuple[tuple[int, ...], Any]] = {}


def _content(path: str, read: Callable[[str], Any]) -> Any:
    """What `read` makes of a file's text; it is read again where the file is another one by now."""
    state = os.stat(path)
    stamp = state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
    found = _kept.get(path)
    if found is None or found[0] != stamp:
        found = stamp, read(Path(path).read_text(encoding="utf-8"))
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[path] = found
    return found[1]


def _tables(folder: Path) -> dict[str, dict[str, str]]:
    """What `names.toml` in a folder says; nothing if there is none.

    Raises:
        ModelError: it is not such a file.
    """
    path = folder / "names.toml"
    try:
        tables: dict[str, Any] = _content(str(path), tomllib.loads)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as ex:
        raise ModelError(f"{path}: the names of models cannot be read ({ex})") from ex
    return {name: {**table} for name, table in tables.items() if isinstance(table, dict)}


def _shipped(table: str) -> dict[str, str]:
    """A table of the names that come with the package."""
    return (_tables(PACKAGE / "_models") or _tables(PACKAGE.parent / "models")).get(table, {})


EFFORTS = _shipped("presets")
"""The shipped models by effort, fastest first: the larger the model, the smaller the files and the longer it takes, to
decode as to encode. Only an encoder chooses; a file names its model by id."""

BATCH_EFFORTS = _shipped("batch-presets")
"""The same for many small pictures in one file."""


def list_models() -> list[ModelEntry]:
    """Every model that is installed, in the order of search and then by name; unreadable ones are left out."""
    entries = []
    for folder in model_folders():
        names = {identity: name for name, identity in _tables(folder).get("names", {}).items()}
        found = []
        for name in os.listdir(folder):
            try:
                identity = read_id(os.path.join(folder, name))
            except ModelError:
                continue
            found.append(ModelEntry(names.get(identity, name), identity, folder / name))
        entries += sorted(found, key=lambda entry: entry.name)
    return entries


def find_model(name: str | None = None) -> Path:
    """Finds a model's folder.

    Args:
        name: the name of an installed model, its id (16 hexadecimal digits, as a file's header gives it), the path of
            a model's folder, or None for the default model. What looks like an id is never taken for a path: a file
            cannot choose a folder.

    Returns:
        The folder with `config.json` and the weights.

    Raises:
        ModelError: there is no such model; the message lists those there are.
    """
    wanted = _default() if name is None else name
    entries = list_models()
    for entry in entries:
        if wanted in (entry.name, entry.id):
            return entry.path
    if not ID.fullmatch(wanted):
        config = Path(wanted) / "config.json"
        if config.is_file():
            read_id(config.parent)
            return config.parent
    there = ", ".join(f"{entry.name} ({entry.id})" for entry in entries) or "none"
    raise ModelError(f"there is no model {wanted!r}; installed: {there}")


def choose_model(model: str | os.PathLike[str] | None, effort: str | None, *, batch: bool = False) -> str | None:
    """The model that one of the two names; where neither does the default one, None unless it is for a batch.

    Raises:
        IDFError: both are given, or there is no such effort.
    """
    model = named_model(model)
    if effort is None:
        return BATCH_EFFORTS["default"] if model is None and batch else model
    if model is not None:
        raise IDFError("effort and model exclude each other: an effort is a choice of model")
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise IDFError(f"there is no effort {effort!r}; choose one of {', '.join(EFFORTS)}")
    return (BATCH_EFFORTS if batch else EFFORTS)[effort]


_loaded: dict[tuple[str, str], Coder] = {}  # by id and device, the one used last at the end
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # a child gets models that are whole, and a lock that nobody holds
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
MOST_LOADED = 4


def load_model(name: str | os.PathLike[str] | None = None, *, device: str = "cpu") -> Coder:
    """A model by name, id or folder, ready to code; None is the default one.

    The last few models are kept, by their ids: a folder that holds another model by now gives that one.

    Raises:
        ModelError: there is no such model, it is damaged, or the device does not compute it exactly.
    """
    check_device(device)
    folder = find_model(named_model(name))
    key = read_id(folder), device
    with _lock:
        coder = _loaded.pop(key, None)
        if coder is None:
            from idfcodec.flow.loading import load

            names = {entry.path: entry.name for entry in list_models()}
            coder = load(folder, device=device, name=names.get(folder))
            key = coder.id.hex(), device
        _loaded[key] = coder
        while len(_loaded) > MOST_LOADED:
            del _loaded[next(iter(_loaded))]
    return coder


def model_of_file(identity: bytes, model: str | os.PathLike[str] | None = None, *, device: str = "cpu") -> Coder:
    """The model that a file names by its id.

    Args:
        identity: the id, 8 bytes.
        model: where it is, if it is not an installed one.
        device: "cpu" or "cuda".

    Raises:
        ModelError: `model` is another one, or see `load_model`.
    """
    coder = load_model(identity.hex() if model is None else model, device=device)
    if coder.id != identity:
        raise ModelError(f"the file was made with model {identity.hex()}, not with {coder.name} ({coder.id.hex()})")
    return coder


def _default() -> str:
    for folder in model_folders():
        name = _tables(folder).get("presets", {}).get("default")
        if name:
            return name
    raise ModelError(f"no default model is installed; name one, or set {VARIABLE} to a folder of models")


def read_id(folder: str | Path) -> str:
    """The id that a model's folder claims, 16 hexadecimal digits; loading compares it with the content."""
    config = os.path.join(folder, "config.json")
    try:
        values = _content(config, json.loads)
    except (OSError, ValueError) as ex:
        raise ModelError(f"the model's {config} cannot be read: {ex}") from ex
    found = values.get("id") if isinstance(values, dict) else None
    if not isinstance(found, str) or not ID.fullmatch(found):
        raise ModelError(f"the model's {config} has no id of 16 hexadecimal digits")
    return found
