"""Peak memory of a contender, in a process of its own that codes one picture one way.

    python -m benchmarks.memory JOB.json

Such a process also shows which library kills its process: the run leaves that one out, and lives. Of a command the
peak is that of the largest of its processes, and "idle" is this program before it starts one, below which the system
counts nothing.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Pixels, our_contenders
from benchmarks.external import command_contenders
from benchmarks.peers import peer_contenders

__all__ = ["Killed", "measure_memory"]

TIMEOUT = 3600  # seconds
ROOT = Path(__file__).resolve().parent.parent


class Killed(Exception):
    """A process that coded a picture was ended by a signal; the message says which."""


def measure_memory(
    contender: Contender, name: str, pixels: Pixels, *, device: str, commands: Path | None
) -> dict[str, Any] | None:
    """The object "memory" of SCHEMA.md; None where the contender fails, which the run will tell of.

    Raises:
        Killed: a signal ended its process.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        np.save(Path(folder, "pixels.npy"), pixels)
        job = {
            "key": contender.key,
            "model": contender.model and str(contender.model),
            "threads": contender.threads,
            "device": device,
            "commands": commands and str(commands.resolve()),
            "folder": folder,
        }
        encoded = _run(job | {"way": "encode"}, name)
        decoded = _run(job | {"way": "decode"}, name) if encoded else None
    if encoded is None or decoded is None:
        return None
    return {
        "picture": name,
        "idle_bytes": encoded["idle"],
        "encode_bytes": encoded["peak"],
        "decode_bytes": decoded["peak"],
    }


def _run(job: dict[str, Any], name: str) -> dict[str, int] | None:
    file = Path(job["folder"], "job.json")
    file.write_text(json.dumps(job))
    command = [sys.executable, "-m", "benchmarks.memory", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode < 0:
        raise Killed(f"its process was ended by {signal.Signals(-done.returncode).name} ({job['way']}, {name})")
    return dict(json.loads(done.stdout)) if done.returncode == 0 else None


def _contender(job: dict[str, Any]) -> Contender:
    """The contender that a job is about, and no other: what others import would count as memory of this one."""
    if job["model"]:
        return our_contenders([job["model"]], threads=job["threads"], device=job["device"])[0]
    peers = peer_contenders(job["threads"], job["key"])
    if peers:
        return peers[0]
    commands = command_contenders(job["commands"] and Path(job["commands"]), job["threads"])
    return next(contender for contender in commands if contender.key == job["key"])


def _peak(of_children: bool) -> int:
    """Largest resident memory so far, in bytes, of this process or of those it waited for."""
    import resource

    who = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    # The counter survives exec and so starts with the size of the process that started this one; the system's
    # status file, where there is one, does not.
    status = None if of_children else _status("VmHWM")
    return status or resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int | None:
    """A line of Linux's /proc/self/status, in bytes."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return None


def main(file: str) -> None:
    """One job: codes one way and prints "idle" and "peak"."""
    job = json.loads(Path(file).read_text())
    folder = Path(job["folder"])
    contender = _contender(job)
    coded = folder / "coded"
    if job["way"] == "encode":
        pixels = np.load(folder / "pixels.npy")
        idle = _status("VmRSS") or _peak(of_children=False)
        coded.write_bytes(contender.encode(pixels))
    else:
        data = coded.read_bytes()
        idle = _status("VmRSS") or _peak(of_children=False)
        contender.decode(data)
    print(json.dumps({"idle": idle, "peak": _peak(of_children=contender.family == "command")}))


if __name__ == "__main__":
    main(sys.argv[1])
