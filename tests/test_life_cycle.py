"""Coding at any time and from any thread, and what a call leaves behind: nothing."""

import copy
import os
import pickle
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import idfcodec
from idfcodec.demo import draw
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.container import unpack
from idfcodec.parallel import each
from idfcodec.picture.pillow import Picture

PIXELS = draw(24, 20)


def test_buffers_are_free_when_the_call_ends() -> None:
    data = bytearray(idfcodec.encode(PIXELS))
    assert np.array_equal(idfcodec.decode(memoryview(data)), PIXELS)
    data.extend(b"more")
    for function in (idfcodec.decode, idfcodec.decode_batch, idfcodec.read_info):
        try:
            function(data)
        except IDFError as ex:
            kept = ex
            data.append(0)  # while the error is there
            assert kept.__traceback__ is not None
    strided = np.repeat(np.frombuffer(idfcodec.encode(PIXELS), np.uint8), 2)[::2]
    assert np.array_equal(idfcodec.decode(strided.data), PIXELS)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_objects_are_copied(how: Any) -> None:
    data = idfcodec.encode(PIXELS, effort="fast")
    coder = how(idfcodec.load_model("photo-fast"))
    assert coder.id == unpack(data).model
    assert how(unpack(memoryview(data))) == unpack(data)
    again = how(Picture(PIXELS, {"icc": b"profile"}))
    assert np.array_equal(again.pixels, PIXELS)
    assert again.metadata == {"icc": b"profile"}
    assert str(how(CorruptFile("why"))) == "why"


def test_threads_help_and_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = idfcodec.encode(draw(700, 30), threads=2)
    names: set[str] = set()

    def work(number: int) -> int:
        names.add(threading.current_thread().name)
        return number

    assert each(work, 3, 1, None) == [0, 1, 2]
    assert names == {threading.current_thread().name}

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert idfcodec.encode(draw(700, 30), threads=2) == data
    assert np.array_equal(idfcodec.decode(data), draw(700, 30))


def test_errors_of_pieces_of_work() -> None:
    """That of the smallest number is raised, no thread works on, and progress is told in order."""
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        if number in (5, 7):
            raise IDFError(str(number))
        return number

    for threads in (1, 2, 8):
        done.clear()
        with pytest.raises(IDFError, match=r"^5$"):
            each(work, 100, threads, None)
        assert len(done) < 100
        assert threading.active_count() == len({t.ident for t in threading.enumerate()})
    told: list[tuple[int, int]] = []
    assert each(lambda i: i * i, 9, 3, lambda *what: told.append(what)) == [i * i for i in range(9)]
    assert told == [(i + 1, 9) for i in range(9)]


def test_odd_moments() -> None:
    """From an exit handler, a thread, after a fork, in a folder that is gone, with the settings of another program."""
    program = """
import atexit, os, shutil, tempfile, threading, warnings
import numpy as np
folder = tempfile.mkdtemp(); os.chdir(folder); shutil.rmtree(folder)
np.seterr(all="raise"); warnings.simplefilter("error")
import idfcodec
from idfcodec.demo import draw
picture = draw(600, 8)
def check(where):
    assert (idfcodec.decode(idfcodec.encode(picture, effort="fast", threads=2), threads=2) == picture).all()
    os.write(1, (where + "\\n").encode())
atexit.register(check, "exit")
thread = threading.Thread(target=check, args=("thread",)); thread.start(); thread.join()
if hasattr(os, "fork"):
    child = os.fork()
    if not child:
        check("child"); os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
check("main")
assert np.geterr()["over"] == "raise" and threading.active_count() == 1
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == ["thread", *(["child"] if hasattr(os, "fork") else []), "main", "exit"]


def test_settings_of_pytorch_are_left_alone() -> None:
    torch = pytest.importorskip("torch")
    data = idfcodec.encode(PIXELS, model="idf-fast")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        assert idfcodec.encode(PIXELS, model="idf-fast", threads=1) == data
        assert np.array_equal(idfcodec.decode(data), PIXELS)
        assert torch.get_num_threads() == 3
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_num_threads(before)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
