"""A folder on a real cluster of two processes, one of which is killed."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from idfcodec.demo import draw
from idfcodec.manifest import read_manifest

from .conftest import Run

pytestmark = pytest.mark.filterwarnings("default")  # those of Dask's own are its affair


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills by signals")
def test_a_worker_that_is_killed_loses_nothing_and_writes_nothing_twice(
    cluster: Any, run_for_real: Run, tmp_path: Path
) -> None:
    from distributed import Client
    from PIL import Image

    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i in range(16):
        Image.fromarray(draw(300, 200, seed=i)).save(source / f"{i:02}.png")
    with Client(cluster) as client:
        pids = sorted(client.run(os.getpid).values())
    seen: dict[str, tuple[int, int]] = {}

    def kill_one() -> None:
        while len(list(out.glob("*.idfc"))) < 3:
            time.sleep(0.01)
        for path in out.glob("*.idfc"):
            seen[path.name] = path.stat().st_ino, path.stat().st_ctime_ns
        os.kill(pids[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    done = run_for_real("compress", "-r", "in", "-o", "out", "-e", "fast", "--scheduler", cluster.scheduler_address)
    killer.join(10)
    assert done.code == 0, done.err
    names = [line.split(" -> ")[0] for line in done.err.splitlines() if " -> " in line]
    assert [name for name in names if name.startswith("in/")] == [f"in/{i:02}.png" for i in range(16)]
    assert sorted(read_manifest(out)) == [f"{i:02}.idfc" for i in range(16)]
    assert len(seen) >= 3
    for name, before in seen.items():
        assert ((out / name).stat().st_ino, (out / name).stat().st_ctime_ns) == before
    assert run_for_real("test", "-r", "out").code == 0
