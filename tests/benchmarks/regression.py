"""The small run whose sizes must not grow: the shipped presets on pictures drawn by script.

    python -m tests.benchmarks.regression

writes baseline.json anew, from the checkout's folder: after a change that is meant to change files, and never to make a
test pass. The baseline holds no times, which are the business of no test.
"""

from pathlib import Path

import numpy as np

from benchmarks.codecs import PRESETS, our_codecs
from benchmarks.datasets import Dataset, Entry
from benchmarks.protocol import Options, Protocol
from benchmarks.results import Result, save
from benchmarks.run import run_benchmark
from idfcodec.demo import draw

__all__ = ["BASELINE", "failures", "run_small"]

BASELINE = Path(__file__).with_name("baseline.json")


def pictures() -> Dataset:
    """What the codec meets: photographs in colour and gray, gray stored as RGB, few colours, a narrow one."""
    landscape = draw(128, 96)
    drawn = {
        "landscape": landscape,
        "portrait": draw(64, 96, seed=7),
        "gray": np.ascontiguousarray(draw(96, 64, seed=3)[..., 1]),
        "gray as RGB": np.repeat(draw(64, 64, seed=4)[..., 1:2], 3, axis=2),
        "few colours": (landscape // 64 * 64).astype(np.uint8),
        "stretched": (landscape // 3 * 3).astype(np.uint8),
        "narrow": draw(200, 5),
    }
    entries = tuple(Entry(name, lambda pixels=pixels: pixels) for name, pixels in drawn.items())  # type: ignore[misc]
    return Dataset("drawn", "Drawn by script", "idfcodec.demo.draw", "folder", entries)


def run_small() -> Result:
    """The run, without anything that depends on the machine: times are zero, which means not measured."""
    codecs = our_codecs([PRESETS], threads=1, device="cpu")
    options = Options(likelihood=False, maps=0, memory=False, quiet=True)
    result = run_benchmark([pictures()], codecs, Protocol(1, repeats=1), options)
    result["created"] = ""
    result["environment"] |= {"processor": "", "cores": 0, "memory_bytes": 0, "system": "", "python": ""}
    result["environment"] |= {"packages": {}, "libraries": {}}
    (dataset,) = result["datasets"].values()
    for picture in dataset["pictures"].values():
        picture["read_seconds"] = 0.0
    for rows in dataset["measurements"].values():
        for row in rows.values():
            if "error" not in row:
                row |= {"encode_seconds": [0.0], "decode_seconds": [0.0]}
    return result


def failures(result: Result) -> dict[str, str]:
    """The codecs that did not code everything, with the reason."""
    return {key: entry["reason"] for key, entry in result["contenders"].items() if entry["status"] != "ran"}


if __name__ == "__main__":
    regenerated = run_small()
    assert not failures(regenerated), failures(regenerated)
    save(regenerated, BASELINE, force=True)
    print(f"{BASELINE} written")
