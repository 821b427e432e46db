"""What must answer at once must not import what is slow to import, and pipes must end well; all in fresh processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = ["compress", "decompress", "info", "test", "bpd", "train", "demo", "density", "sample"]


def python(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from idfcodec.cli.main import main; code = main(sys.argv[1:]);"
        "print('heavy:', sorted({'torch', 'numpy', 'PIL', 'constriction'} & set(sys.modules))); sys.exit(code)"
    )
    done = python("-c", code, *arguments)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "heavy: []"
    if arguments[-1] == "--help":
        assert "Examples:\n" in done.stdout


def test_info_imports_nothing_that_computes(tmp_path: Path) -> None:
    from .conftest import encode

    (tmp_path / "a.idfc").write_bytes(encode(_picture()))
    code = (
        "import sys; from idfcodec.cli.main import main; code = main(['info', sys.argv[1]]);"
        "sys.exit(code or bool({'torch', 'numba', 'numpy'} & set(sys.modules)) * 3)"
    )
    assert python("-c", code, str(tmp_path / "a.idfc")).returncode == 0


def test_module_and_version() -> None:
    import idfcodec

    done = python("-m", "idfcodec", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"idfcodec {idfcodec.__version__}\n", "")


def test_importing_the_package_costs_nothing() -> None:
    done = python("-c", "import sys, idfcodec; print(sorted({'torch', 'numpy', 'click'} & set(sys.modules)))")
    assert done.stdout == "[]\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes of a POSIX shell")
def test_closed_pipe_is_quiet() -> None:
    """`idfcodec demo - | true` says nothing and ends as a program does whom the signal stops."""
    command = [sys.executable, "-m", "idfcodec", "demo", "-q", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(120) == 141
    assert error == b""


def _picture() -> object:
    from idfcodec.demo import draw

    return draw(8, 8)


def test_reading_a_header_imports_neither_torch_nor_numba() -> None:
    done = python(
        "-c", "import sys, idfcodec; idfcodec.read_info; print(sorted({'torch', 'numba'} & set(sys.modules)))"
    )
    assert done.stdout == "[]\n"
