"""The package's surface."""

import importlib

import pytest

import idfcodec


def test_at_most_nine_names() -> None:
    assert len(idfcodec.__all__) <= 9
    assert set(idfcodec.__all__) <= set(dir(idfcodec))


def test_every_name_is_there() -> None:
    for name in idfcodec.__all__:
        assert getattr(idfcodec, name) is not None
    assert issubclass(idfcodec.IDFError, ValueError)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        idfcodec.nonsense  # type: ignore[attr-defined]  # noqa: B018


MODULES = [
    "batch",
    "cli.compress",
    "cli.main",
    "cli.report",
    "demo",
    "errors",
    "files",
    "format.batch",
    "format.container",
    "info",
    "models",
    "picture.pillow",
]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_exports(name: str) -> None:
    module = importlib.import_module(f"idfcodec.{name}")
    assert all(hasattr(module, exported) for exported in module.__all__)
