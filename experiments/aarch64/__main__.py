"""`python -m experiments.aarch64 FOLDER`: whether aarch64, emulated, makes the same bytes as the processor at hand.

Into FOLDER go QEMU's emulator, a Python and the wheels of that processor, by `apt-get` and `pip` as the Debian or
Ubuntu at hand has them; nothing is installed. All is compiled under emulation, which takes minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

__all__: list[str] = []

LIBRARIES = """libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libssl3 libuuid1 libcrypt1
libgomp1 libatomic1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib"""  # of Debian 12
WHEELS = ("numpy", "numba", "llvmlite", "safetensors", "pillow", "click")
REPOSITORY = Path(__file__).parents[2]


def fetch(folder: Path) -> None:
    """Emulator, libraries and Python, and wheels."""
    for name in ("state/lists/partial", "cache/archives/partial", "debs", "root", "host"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "state/status").touch()
    own = [f"APT::Architecture{end}=arm64" for end in ("", "s")]
    own += [f"Dir::State={folder}/state", f"Dir::State::status={folder}/state/status", f"Dir::Cache={folder}/cache"]
    apt = ["apt-get", *(word for option in own for word in ("-o", option))]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "download", *LIBRARIES.split()], check=True, cwd=folder / "debs")
    subprocess.run(["apt-get", "download", "qemu-user-static"], check=True, cwd=folder / "host")
    for path in (folder / "debs").glob("*.deb"):
        subprocess.run(["dpkg", "-x", path, folder / "root"], check=True)
    for path in (folder / "host").glob("*.deb"):
        subprocess.run(["dpkg", "-x", path, folder / "host"], check=True)
    kinds = [f"manylinux{kind}_aarch64" for kind in ("2014", "_2_17", "_2_26", "_2_27", "_2_28")]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--target", folder / "site", "--only-binary=:all:"),
            *(word for kind in kinds for word in ("--platform", kind)),
            *("--python-version", "3.11", "--implementation", "cp"),
            *(f"{name}=={version(name)}" for name in WHEELS),
        ],
        check=True,
    )


def coded(command: list[str], variables: dict[str, str]) -> list[str]:
    """The lines of `coded`."""
    command = [*command, "-m", "experiments.aarch64.coded"]
    return subprocess.check_output(command, env=os.environ | variables, text=True, cwd=REPOSITORY).splitlines()


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    if not (folder / "site").is_dir():
        fetch(folder)
    here = coded([sys.executable], {})
    path = ":".join(map(str, (REPOSITORY / "experiments/aarch64", folder / "site", REPOSITORY)))
    there = coded(
        [f"{folder}/host/usr/bin/qemu-aarch64-static", "-L", f"{folder}/root", f"{folder}/root/usr/bin/python3.11"],
        {"PYTHONPATH": path, "IDFCODEC_CACHE_DIR": f"{folder}/code"},
    )
    for one, other in zip(here, there, strict=True):
        print(one, "the same" if one == other else f"DIFFERS: {other}")


if __name__ == "__main__":
    main()
