"""Coding does not hold the interpreter's lock."""

from __future__ import annotations

import threading
import time

import numpy as np

from idfcodec.models import load_model
from idfcodec.types import PlaneType, Role


def test_python_runs_beside_a_plane_being_coded() -> None:
    coder, types = load_model("photo"), [PlaneType(Role.LUMA)]
    picture = [np.random.default_rng(0).integers(96, 160, (384, 384), np.int32)]
    (payload,) = coder.encode([picture], types)  # compiled from here on
    done: list[float] = []

    def work() -> None:
        start = time.perf_counter()
        coder.decode([payload], [(384, 384)], types)
        done.append(time.perf_counter() - start)

    thread = threading.Thread(target=work)
    longest, last = 0.0, time.perf_counter()
    thread.start()
    while thread.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    thread.join()
    assert longest < done[0] / 2  # one compiled call takes nearly all of it
