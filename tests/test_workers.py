"""Processes side by side: results, those that end within a job, and that none is left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from idfcodec.errors import IDFError
from idfcodec.workers import run


def work(job: tuple[str, str]) -> str:
    what, text = job
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "wait":
        Path(text).write_text(str(os.getpid()))
        try:
            time.sleep(60)
        finally:
            Path(text).unlink()
    return f"{text} by {os.getpid()}" if what == "name" else text


@pytest.mark.skipif(os.name != "posix", reason="kills by signals")
def test_a_process_that_ends_costs_its_job_alone() -> None:
    jobs = [("say", "a"), ("die", ""), ("say", "b"), ("name", "c"), ("say", "d")]
    found = dict(run(work, jobs, 2))
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert [found[i] for i in (0, 2, 4)] == ["a", "b", "d"]
    assert str(os.getpid()) not in str(found[3])
    assert isinstance(found[1], IDFError)
    assert "signal 9" in str(found[1])


def test_nothing_to_do() -> None:
    assert list(run(work, [], 2)) == []


@pytest.mark.skipif(os.name != "posix", reason="asks for processes by signals")
def test_who_stops_early_leaves_no_process_and_lets_it_clean_up(tmp_path: Path) -> None:
    marker = tmp_path / "at-work"
    results = run(work, [("say", "a"), ("wait", str(marker)), ("say", "b")], 2)
    next(results)
    while not (marker.exists() and marker.read_text()):
        time.sleep(0.01)
    process = int(marker.read_text())
    results.close()
    assert not marker.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
