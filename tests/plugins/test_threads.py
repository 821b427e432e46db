"""Sixteen threads through the plugins of Pillow and numcodecs at once.

`IDFCODEC_STRESS_SECONDS=60 python -m pytest tests/plugins/test_threads.py` goes on for a minute.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import idfcodec.plugins.pillow  # noqa: F401  # registers
from tests.pictures import generate

psutil = pytest.importorskip("psutil", reason="needs psutil")
pytest.importorskip("numcodecs", reason="needs numcodecs")

from idfcodec.plugins.numcodecs import Idfc  # noqa: E402

SECONDS = float(os.environ.get("IDFCODEC_STRESS_SECONDS", "4"))
THREADS = 16
MOST_GROWTH = 16 * 2**20  # bytes: what allocators keep of one picture or another


def through_pillow(pixels: NDArray[Any], effort: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "IDFC", effort=effort)
    with Image.open(file) as image:
        assert np.array_equal(np.asarray(image), pixels)
    return file.getvalue()


def through_numcodecs(pixels: NDArray[Any], effort: str) -> bytes:
    codec = Idfc(effort)
    data = codec.encode(pixels)
    out = np.empty_like(pixels)
    codec.decode(data, out=out)
    assert np.array_equal(out, pixels)
    return data


def test_no_mismatch_and_no_growth() -> None:
    sizes = [(40, 30), (64, 64), (7, 90), (1, 1), (600, 20)]
    pictures = [
        generate(kind, *size) for kind, size in zip(("photo", "gray", "lattice", "noise", "photo"), sizes, strict=True)
    ]
    ways: list[Callable[[NDArray[Any], str], bytes]] = [through_pillow, through_numcodecs]
    jobs = [(way, pixels, effort) for way in ways for pixels in pictures for effort in ("fast", "default")]
    right = [way(pixels, effort) for way, pixels, effort in jobs]
    stop, problems, done = threading.Event(), [], [0] * THREADS

    def work(thread: int) -> None:
        try:
            while not stop.is_set():
                number = (thread * 7 + done[thread]) % len(jobs)
                way, pixels, effort = jobs[number]
                assert way(pixels, effort) == right[number]
                done[thread] += 1
        except BaseException as ex:
            problems.append(ex)
            stop.set()

    process, seen = psutil.Process(), []
    threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    while (time.monotonic() < end or min(done) < 3) and not stop.wait(SECONDS / 100):
        seen.append(process.memory_info().rss)
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems, problems[0]
    half = len(seen) // 2
    assert max(seen[-half:]) - max(seen[:half]) < MOST_GROWTH
    print(f"{sum(done)} pictures there and back, {max(seen[:half]) >> 20} and then {max(seen[-half:]) >> 20} MiB")
