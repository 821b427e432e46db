"""A codec on one picture in a process of its own: its peak memory, and its seconds where they are asked for.

Such a process also shows which library kills its process: the run leaves that one out, and lives. The peak of a
command is that of the largest of its processes.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from benchmarks.codecs import Codec, OurCodec, Pixels, library_codecs, our_codecs
from benchmarks.commands import command_codecs

__all__ = ["Figures", "Killed", "measure_apart"]

TIMEOUT = 3600  # seconds
MOST = 9  # calls of one process
ROOT = Path(__file__).resolve().parent.parent


class Killed(Exception):
    """A process that coded a picture was ended by a signal; the message says which."""


@dataclass(frozen=True)
class Figures:
    """What a process that coded one way says of itself: resident memory before it coded and at most, in bytes, the
    median seconds of its calls, and the bytes of the file."""

    idle: int
    peak: int
    seconds: float
    bytes: int


def measure_apart(
    codec: Codec, name: str, pixels: Pixels, *, device: str, commands: Path | None = None, seconds: float = 0.0
) -> dict[str, Figures] | None:
    """Figures by way ("encode", "decode"); None where the codec fails, which a run tells of on its own.

    Args:
        name: of the picture, for messages.
        device: of our models.
        commands: the file that a command comes from.
        seconds: that are spent on calls at least; 0 is one call, without a warm-up.

    Raises:
        Killed: a signal ended the process.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        np.save(Path(folder, "pixels.npy"), pixels)
        job = {
            "key": codec.key,
            "model": str(codec.folder) if isinstance(codec, OurCodec) else None,
            "threads": codec.threads,
            "device": device,
            "commands": commands and str(commands.resolve()),
            "seconds": seconds,
            "folder": folder,
        }
        found: dict[str, Figures] = {}
        for way in ("encode", "decode"):
            command = [sys.executable, "-m", "benchmarks.isolated", json.dumps(job | {"way": way})]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False)
            if done.returncode < 0:
                raise Killed(f"its process was ended by {signal.Signals(-done.returncode).name} ({way}, {name})")
            if done.returncode:
                return None
            found[way] = Figures(**json.loads(done.stdout))
    return found


def _codec(job: dict[str, Any]) -> Codec:
    """The codec that a job is about, and no other: what others import would count as memory of this one."""
    if job["model"]:
        return our_codecs([job["model"]], threads=job["threads"], device=job["device"])[0]
    peers = library_codecs(job["threads"], job["key"])
    if peers:
        return peers[0]
    commands = command_codecs(job["commands"] and Path(job["commands"]), job["threads"])
    return next(codec for codec in commands if codec.key == job["key"])


def _peak(*, of_children: bool) -> int:
    """Largest resident memory so far, in bytes, of this process or of those it waited for."""
    import resource

    with suppress(OSError):
        # The counter of getrusage survives exec, and so starts with the size of the process that started this one.
        # Linux's status file does not.
        for line in Path("/proc/self/status").read_text().splitlines() if not of_children else ():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    who = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(job: dict[str, Any]) -> None:
    """One job: codes one way and prints its `Figures`."""
    codec = _codec(job)
    coded = Path(job["folder"], "coded")
    encodes = job["way"] == "encode"
    pixels = np.load(Path(job["folder"], "pixels.npy")) if encodes else np.empty(0, np.uint8)
    data = b"" if encodes else coded.read_bytes()
    if job["seconds"]:
        from idfcodec.demo import draw

        codec.decode(codec.encode(draw(128, 96)))  # loads the model and the compiled loops
    idle = psutil.Process().memory_info().rss
    times: list[float] = []
    while not times or (sum(times) < job["seconds"] and len(times) < MOST):
        if encodes:
            data, took = codec.timed_encode(pixels)
        else:
            _, took = codec.timed_decode(data)
        times.append(took)
    peak = _peak(of_children=codec.family == "command")
    coded.write_bytes(data)
    print(json.dumps({"idle": idle, "peak": peak, "seconds": median(times), "bytes": len(data)}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
