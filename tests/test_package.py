"""The package's surface."""

import importlib
import subprocess
import sys

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


def test_no_optional_package_is_imported() -> None:
    """Neither by coding nor by the command line."""
    names = "{'cv2', 'dask', 'fsspec', 'imagecodecs', 'imageio', 'numcodecs', 'tifffile', 'torch', 'zarr'}"
    program = (
        "import sys, idfcodec, idfcodec.cli.main\n"
        "from idfcodec.demo import draw\n"
        "idfcodec.decode(idfcodec.encode(draw(8, 8)))\n"
        f"print({names} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


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
    "plugins.chunks",
    "plugins.desktop",
    "plugins.imagecodecs",
    "plugins.pillow",
    "source",
]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_exports(name: str) -> None:
    module = importlib.import_module(f"idfcodec.{name}")
    assert all(hasattr(module, exported) for exported in module.__all__)
