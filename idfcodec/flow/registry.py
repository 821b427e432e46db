"""The families. Each is a folder beside this module, a line here and a chapter of FORMAT.md."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from idfcodec.errors import NEEDS_TORCH, ModelError, is_torch
from idfcodec.flow.contract import Family

__all__ = ["HIERARCHICAL", "architecture", "family", "family_name", "names", "register", "resolve", "settings"]

HIERARCHICAL = "hierarchical"
_KEY = "order"  # of an architecture, whose value names the family; without it the family is hierarchical

# A family, or where it is: a module is imported when one of its models is used.
_FAMILIES: dict[str, str | Family[Any]] = {
    HIERARCHICAL: "idfcodec.flow.hierarchical.family:FAMILY",
    "causal": "idfcodec.flow.causal.family:FAMILY",
}


def resolve(entry: str) -> Any:
    """What "module:attribute" names.

    Raises:
        ModelError: it needs PyTorch, which is not installed.
    """
    module, _, attribute = entry.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as ex:
        if not is_torch(ex):
            raise
        raise ModelError(NEEDS_TORCH) from ex


def register(new: Family[Any]) -> None:
    """Adds a family, or replaces the one of that name."""
    _FAMILIES[new.name] = new


def names() -> tuple[str, ...]:
    """Of all families."""
    return tuple(_FAMILIES)


def family(name: str) -> Family[Any]:
    """The family of that name.

    Raises:
        ModelError: there is none.
    """
    entry = _FAMILIES.get(name)
    if entry is None:
        raise ModelError(f"this release does not know the family {name!r}; it knows {', '.join(_FAMILIES)}")
    found: Family[Any] = resolve(entry) if isinstance(entry, str) else entry
    return found


def family_name(architecture: Mapping[str, Any]) -> str:
    """The family whose configuration an architecture is."""
    return str(architecture.get(_KEY, HIERARCHICAL))


def settings(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """An architecture without the family's name: fields of its configuration."""
    return {name: value for name, value in architecture.items() if name != _KEY}


def architecture(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The architecture of a family's `settings`."""
    return dict(settings) if name == HIERARCHICAL else {**settings, _KEY: name}
